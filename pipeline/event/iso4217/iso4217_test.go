package iso4217

import (
	"strings"
	"testing"
)

// current are the codes of ISO 4217's list one (2025) that have minor units.
const current = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD
SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF
YER ZAR ZMW ZWG`

func TestKnown_every_current_code(t *testing.T) {
	for _, code := range strings.Fields(current) {
		if !Known(code) {
			t.Errorf("%s is unknown", code)
		}
	}
}

func TestKnown_nothing_else(t *testing.T) {
	for _, code := range []string{"", "EU", "EURO", "eur", "Eur", "XXX", "XAU", "ABC", "E R", "€"} {
		if Known(code) {
			t.Errorf("%q is known", code)
		}
	}
}

func TestExponent(t *testing.T) {
	for code, want := range map[string]int{"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "UYW": 4, "RSD": 2, "MRU": 2} {
		if got, ok := Exponent(code); !ok || got != want {
			t.Errorf("%s: %d, %v; want %d", code, got, ok, want)
		}
	}
}
