package simulate

import (
	"strconv"
	"time"
)

// What people are like.
var (
	countries = [...]string{"US", "DE", "FR", "GB", "ES", "NL", "SE", "BR", "JP", "AU", "CA", "IT", "PL", "AT", "CH", "MX"}
	locales   = [...]string{"en-US", "de-DE", "fr-FR", "en-GB", "es-ES", "nl-NL", "sv-SE", "pt-BR", "ja-JP", "en-AU", "en-CA", "it-IT", "pl-PL", "de-AT", "de-CH", "es-MX"}
	campaigns = [...]string{"autumn", "launch", "vip-week", "evergreen"}
	channels  = [...]string{"newsletter", "instagram", "podcast", "qr-code", "whatsapp", "blog", "friends", "youtube"}
	browsers  = [...]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) Version/18.1 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/131.0.0.0 Mobile",
	}
	crawlers = [...]string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
	}
)

// Source of all simulated events.
const Source = "simulate"

// renderer writes events as structured CloudEvents.
type renderer struct {
	people *population
	run    string
	second int64  // whose text is kept
	text   []byte // of the second: 2026-11-23T08:00:00
}

// envelope writes all up to the data. What it is given needs no escapes.
func (r *renderer) envelope(to []byte, kind byte, n uint64, eventType string, ms int64, org, program string) []byte {
	to = append(to, `{"specversion":"1.0","id":"`...)
	to = r.appendID(to, kind, n)
	to = append(to, `","source":"`+Source+`","type":"`...)
	to = append(to, eventType...)
	to = append(to, `","time":"`...)
	to = r.appendTime(to, ms)
	to = append(to, `","orgid":`...)
	to = strconv.AppendQuote(to, org)
	if program != "" {
		to = append(to, `,"programid":`...)
		to = strconv.AppendQuote(to, program)
	}
	return append(to, `,"data":{`...)
}

// appendID writes an event's id: the run, the kind of event and a number.
func (r *renderer) appendID(to []byte, kind byte, n uint64) []byte {
	to = append(to, r.run...)
	to = append(to, '-', kind)
	return strconv.AppendUint(to, n, 10)
}

func (r *renderer) appendTime(to []byte, ms int64) []byte {
	if second := ms / 1000; second != r.second {
		r.second = second
		r.text = time.Unix(second, 0).UTC().AppendFormat(r.text[:0], "2006-01-02T15:04:05")
	}
	to = append(to, r.text...)
	rest := ms % 1000
	return append(to, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10), 'Z')
}

func (r *renderer) click(to []byte, c *click) []byte {
	program := &r.people.programs[c.program]
	to = r.envelope(to, 'k', c.n, "referral.click.recorded.v1", c.time, program.OrgID, program.ID)
	if c.byCode {
		to = append(to, `"referral_code":"`...)
		to = appendCode(to, c.referrer)
	} else {
		to = append(to, `"referrer_id":"`...)
		to = appendMember(to, c.referrer)
	}
	to = append(to, `","visitor_id":"`...)
	to = r.people.appendVisitor(to, c.visitor)
	channel := channels[c.round%uint32(len(channels))]
	to = append(to, `","link_id":"`...)
	to = append(to, channel...)
	to = append(to, '-')
	to = append(to, r.run...)
	if again := c.round / uint32(len(channels)); again > 0 {
		to = append(to, '-')
		to = strconv.AppendUint(to, uint64(again), 10)
	}
	to = append(to, `","campaign_id":"`...)
	to = append(to, campaigns[c.traits>>4%uint32(len(campaigns))]...)
	to = append(to, `","channel":"`...)
	to = append(to, channel...)
	place := c.traits >> 8 % uint32(len(countries))
	to = append(to, `","country":"`...)
	to = append(to, countries[place]...)
	to = append(to, `","locale":"`...)
	to = append(to, locales[place]...)
	to = append(to, `","landing_url":"https://example.com/shop?r=`...)
	to = strconv.AppendUint(to, uint64(c.referrer), 10)
	to = append(to, `","ip":"203.0.113.`...)
	to = strconv.AppendUint(to, uint64(c.traits>>16&255), 10)
	to = append(to, `","user_agent":"`...)
	if c.bot {
		to = append(to, crawlers[c.traits>>24%uint32(len(crawlers))]...)
	} else {
		to = append(to, browsers[c.traits>>24%uint32(len(browsers))]...)
	}
	return append(to, `"}}`...)
}

// conversion is rendered once.
type conversion struct {
	n        uint64
	time     int64
	visitor  uint32
	program  int
	kind     string
	amount   int64
	currency string
}

func (r *renderer) conversion(to []byte, c *conversion) []byte {
	program := &r.people.programs[c.program]
	to = r.envelope(to, 'c', c.n, "referral.conversion.recorded.v1", c.time, program.OrgID, program.ID)
	to = append(to, `"kind":"`...)
	to = append(to, c.kind...)
	to = append(to, `","customer_id":"`...)
	to = r.people.appendCustomer(to, c.visitor)
	to = append(to, `","visitor_id":"`...)
	to = r.people.appendVisitor(to, c.visitor)
	to = append(to, '"')
	if c.amount > 0 {
		to = append(to, `,"order_id":"order-`...)
		to = r.appendID(to, 'o', c.n)
		to = append(to, `","amount_minor":`...)
		to = strconv.AppendInt(to, c.amount, 10)
		to = append(to, `,"currency":"`...)
		to = append(to, c.currency...)
		to = append(to, '"')
	}
	return append(to, `}}`...)
}

func (r *renderer) member(to []byte, member uint32, ms int64) []byte {
	org := r.people.orgs[member%uint32(len(r.people.orgs))]
	traits := mix32(member)
	to = r.envelope(to, 'm', uint64(member), "referral.member.updated.v1", ms, org, "")
	to = append(to, `"member_id":"`...)
	to = appendMember(to, member)
	to = append(to, `","status":"active","referral_codes":["`...)
	to = appendCode(to, member)
	to = append(to, `"],"attributes":{"tier":"`...)
	if traits%16 == 0 {
		to = append(to, "trial"...)
	} else {
		to = append(to, "standard"...)
	}
	to = append(to, `"},"locale":"`...)
	to = append(to, locales[traits>>8%uint32(len(locales))]...)
	return append(to, `"}}`...)
}
