package event

// DecodeClick reads a record of the clicks topic into dst, which it resets; the
// metadata's capacity is reused. It returns every problem, nil for a valid
// click. Nothing is allocated for a valid click without escapes.
func DecodeClick(rec *Record, dst *Click, limits Limits) (problems []string) {
	*dst = Click{Metadata: dst.Metadata[:0]}
	return decode(rec, (*clickBody)(dst), limits)
}

type clickBody Click

func (c *clickBody) envelope() *Envelope { return &c.Envelope }

func (c *clickBody) accepts(name string) (Type, bool) { return TypeClick, name == string(TypeClick) }

func (c *clickBody) scoped() bool { return true }

func (c *clickBody) field(r *reader, key []byte) {
	switch string(key) {
	case "referrer_id":
		r.id(1<<0, key, &c.ReferrerID)
	case "referral_code":
		r.id(1<<1, key, &c.ReferralCode)
	case "visitor_id":
		r.id(1<<2, key, &c.VisitorID)
	case "click_id":
		r.id(1<<3, key, &c.ClickID)
	case "link_id":
		r.id(1<<4, key, &c.LinkID)
	case "campaign_id":
		r.id(1<<5, key, &c.CampaignID)
	case "channel":
		r.id(1<<6, key, &c.Channel)
	case "landing_url":
		r.string(1<<7, key, &c.LandingURL, MaxValueBytes)
	case "referer_url":
		r.string(1<<8, key, &c.RefererURL, MaxValueBytes)
	case "country":
		r.id(1<<9, key, &c.Country)
	case "locale":
		r.id(1<<10, key, &c.Locale)
	case "ip":
		r.string(1<<11, key, &c.IP, MaxValueBytes)
	case "user_agent":
		r.string(1<<12, key, &c.UserAgent, MaxValueBytes)
	case "metadata":
		r.pairs(1<<13, key, &c.Metadata)
	default:
		r.skip()
	}
}

func (c *clickBody) check(r *reader) {
	if c.ReferrerID == "" && c.ReferralCode == "" {
		r.add("referrer_id or referral_code is missing")
	}
	if c.VisitorID == "" && (c.IP == "" || c.UserAgent == "") {
		r.add("visitor_id is missing, and so is ip or user_agent")
	}
	if c.ClickID == "" {
		c.ClickID = c.ID
	}
}

// key is the visitor's; a click without one has any key (§9 (5), (37)).
func (c *clickBody) key() (org, id string, ok bool) { return "", c.VisitorID, c.VisitorID != "" }
