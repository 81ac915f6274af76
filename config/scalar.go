package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are the same on every machine, also on one without a zone database
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/grapevinehq/grapevine/pipeline/money"
)

// ID names a thing of the configuration: a text without control characters or
// outer spaces, of at most 200 bytes.
type ID string

const maxID = 200

// UnmarshalText checks the id.
func (i *ID) UnmarshalText(text []byte) error {
	s := string(text)
	switch {
	case s == "":
		return errors.New("must not be empty")
	case len(s) > maxID:
		return fmt.Errorf("is longer than %d bytes", maxID)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("must not contain control characters")
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("must not begin or end with a space: %q", s)
	}
	*i = ID(s)
	return nil
}

// Time is an instant, RFC 3339, truncated to the millisecond.
type Time struct{ time.Time }

// UnmarshalText reads the time.
func (t *Time) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("is not a time: %q; write RFC 3339, such as 2026-01-01T00:00:00Z", text)
	}
	if y := parsed.UTC().Year(); y < 1900 || y > 2299 {
		return fmt.Errorf("must be a time between the years 1900 and 2299, not %s", text)
	}
	t.Time = parsed.UTC().Truncate(time.Millisecond)
	return nil
}

// Currency is a code of ISO 4217.
type Currency string

// UnmarshalText checks the code.
func (c *Currency) UnmarshalText(text []byte) error {
	s := string(text)
	if !money.Known(s) {
		if up := strings.ToUpper(s); money.Known(up) {
			return fmt.Errorf("is not a currency of ISO 4217: %q; did you mean %q?", s, up)
		}
		return fmt.Errorf("is not a currency of ISO 4217: %q", s)
	}
	*c = Currency(s)
	return nil
}

// Zone is a time zone of the IANA database.
type Zone struct{ *time.Location }

// UnmarshalText loads the zone.
func (z *Zone) UnmarshalText(text []byte) error {
	name := string(text)
	// "" and "Local" would mean something else on every machine.
	if name != "" && name != "Local" {
		if loaded, err := time.LoadLocation(name); err == nil {
			z.Location = loaded
			return nil
		}
	}
	return fmt.Errorf("is not a time zone: %q; write UTC or a name such as Europe/Berlin", name)
}

// Locale is a language tag of BCP 47.
type Locale string

// UnmarshalText checks the form of the tag.
func (l *Locale) UnmarshalText(text []byte) error {
	var unknown language.ValueError
	if _, err := language.Parse(string(text)); err != nil && !errors.As(err, &unknown) {
		return fmt.Errorf("is not a locale: %q; write a language tag such as en or de-AT", text)
	}
	*l = Locale(text)
	return nil
}

// CIDR is a network such as 198.51.100.0/24.
type CIDR string

// UnmarshalText checks the network.
func (c *CIDR) UnmarshalText(text []byte) error {
	if _, err := netip.ParsePrefix(string(text)); err != nil {
		return fmt.Errorf("is not a network: %q; write an address with its length, such as 198.51.100.0/24", text)
	}
	*c = CIDR(text)
	return nil
}

// Decimal is an exact positive decimal number: Numerator / Denominator.
type Decimal struct {
	Text                   string
	Numerator, Denominator int64
}

// AcceptsNumber allows the number without quotes.
func (*Decimal) AcceptsNumber() {}

// UnmarshalText reads plain decimal digits; no exponent, at most 18 digits.
func (d *Decimal) UnmarshalText(text []byte) error {
	s := string(text)
	whole, fraction, point := strings.Cut(s, ".")
	if whole == "" || point && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return fmt.Errorf(`is not a decimal number: %q; write digits, such as "1.0825"`, s)
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if len(digits) > 18 || len(fraction) > 18 {
		return fmt.Errorf("has more than 18 digits: %q", s)
	}
	if digits == "" {
		return errors.New("must be more than 0")
	}
	numerator, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("is not a decimal number: %w", err)
	}
	d.Text, d.Numerator, d.Denominator = s, numerator, int64(math.Pow10(len(fraction)))
	return nil
}
