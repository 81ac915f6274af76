package conversions

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// conversionRows are stored conversions.
type conversionRows struct {
	origin
	conversionID, customerID, visitorID, clickID, emailHash, kind, name, orderID, couponCode []string
	verdict, reason, originalCurrency, currency, version, revision                           []string
	originalAmount, amount                                                                   []int64
	day                                                                                      []int32
	metadata                                                                                 []map[string]string
	candidates, skipped                                                                      [][]string
	touchedAt                                                                                [][]int64
	clicksSeen, membersSeen                                                                  [][]uint64
	margin                                                                                   []*float64
	claims                                                                                   []uint8
}

func (r *conversionRows) grow(n int) {
	r.origin.grow(n)
	pipeline.Grow(n, &r.conversionID, &r.customerID, &r.visitorID, &r.clickID, &r.emailHash, &r.kind, &r.name, &r.orderID, &r.couponCode,
		&r.verdict, &r.reason, &r.originalCurrency, &r.currency, &r.version, &r.revision)
	pipeline.Grow(n, &r.originalAmount, &r.amount)
	pipeline.Grow(n, &r.day)
	pipeline.Grow(n, &r.metadata)
	pipeline.Grow(n, &r.candidates, &r.skipped)
	pipeline.Grow(n, &r.touchedAt)
	pipeline.Grow(n, &r.clicksSeen, &r.membersSeen)
	pipeline.Grow(n, &r.margin)
}

func (r *conversionRows) add(d *decision, c *event.Conversion, at place, revision string, known seen) {
	r.addEnvelope(&c.Envelope, at)
	r.conversionID = append(r.conversionID, c.ConversionID)
	r.customerID = append(r.customerID, c.CustomerID)
	r.visitorID = append(r.visitorID, c.VisitorID)
	r.clickID = append(r.clickID, c.ClickID)
	r.emailHash = append(r.emailHash, c.EmailHash)
	r.kind = append(r.kind, string(c.Kind))
	r.name = append(r.name, c.Name)
	r.orderID = append(r.orderID, c.OrderID)
	r.couponCode = append(r.couponCode, c.CouponCode)
	r.verdict = append(r.verdict, d.Verdict)
	r.reason = append(r.reason, d.Reason)
	r.originalAmount = append(r.originalAmount, c.AmountMinor)
	r.originalCurrency = append(r.originalCurrency, c.Currency)
	r.amount = append(r.amount, d.Amount)
	r.currency = append(r.currency, d.Currency)
	r.version = append(r.version, d.Version)
	r.revision = append(r.revision, revision)
	r.day = append(r.day, d.Day)
	metadata := make(map[string]string, len(c.Metadata))
	for _, p := range c.Metadata {
		metadata[p.Key] = p.Value
	}
	r.metadata = append(r.metadata, metadata)
	r.margin = append(r.margin, d.Margin)
	considered, skipped := described(d.Seen)
	r.candidates = append(r.candidates, considered)
	r.skipped = append(r.skipped, skipped)
	times := make([]int64, len(d.Seen))
	for i := range d.Seen {
		times[i] = d.Seen[i].Touch.Time
	}
	r.touchedAt = append(r.touchedAt, times)
	r.clicksSeen = append(r.clicksSeen, known.Clicks)
	r.membersSeen = append(r.membersSeen, known.Members)
	r.claims = append(r.claims, uint8(d.Owns))
}

func (r *conversionRows) block() pipeline.Block {
	return r.origin.block(conversionsTable,
		pipeline.Column{Name: "conversion_id", Data: r.conversionID},
		pipeline.Column{Name: "customer_id", Data: r.customerID},
		pipeline.Column{Name: "visitor_id", Data: r.visitorID},
		pipeline.Column{Name: "click_id", Data: r.clickID},
		pipeline.Column{Name: "email_hash", Data: r.emailHash},
		pipeline.Column{Name: "kind", Data: r.kind},
		pipeline.Column{Name: "name", Data: r.name},
		pipeline.Column{Name: "order_id", Data: r.orderID},
		pipeline.Column{Name: "coupon_code", Data: r.couponCode},
		pipeline.Column{Name: "verdict", Data: r.verdict},
		pipeline.Column{Name: "reason", Data: r.reason},
		pipeline.Column{Name: "original_amount_minor", Data: r.originalAmount},
		pipeline.Column{Name: "original_currency", Data: r.originalCurrency},
		pipeline.Column{Name: "amount_minor", Data: r.amount},
		pipeline.Column{Name: "currency", Data: r.currency},
		pipeline.Column{Name: "program_version", Data: r.version},
		pipeline.Column{Name: "config_revision", Data: r.revision},
		pipeline.Column{Name: "day", Data: r.day},
		pipeline.Column{Name: "margin", Data: r.margin},
		pipeline.Column{Name: "metadata", Data: r.metadata},
		pipeline.Column{Name: "candidates", Data: r.candidates},
		pipeline.Column{Name: "skipped", Data: r.skipped},
		pipeline.Column{Name: "touched_at", Data: r.touchedAt},
		pipeline.Column{Name: "clicks_seen", Data: r.clicksSeen},
		pipeline.Column{Name: "members_seen", Data: r.membersSeen},
		pipeline.Column{Name: "claims", Data: r.claims},
	)
}

// Each row of attributions repeats the first candidates: at most maxDescribed, and
// fewer where a conversion has so many rows that they would come to more than
// maxRepeated. The row in conversions has all of them. Else a visitor with very
// many touches of very many referrers would make a block of their product.
const (
	maxDescribed = 100
	maxRepeated  = 20_000
)

// attributionRows are credits, as decided.
type attributionRows struct {
	origin
	conversionID, referrerID, model []string
	paying                          []uint8
	ppm, touches, place             []uint32
	amount, first, last             []int64
	day                             []int32
	candidates, skipped             [][]string
}

func (r *attributionRows) grow(n int) {
	r.origin.grow(n)
	pipeline.Grow(n, &r.conversionID, &r.referrerID, &r.model)
	pipeline.Grow(n, &r.paying)
	pipeline.Grow(n, &r.ppm, &r.touches, &r.place)
	pipeline.Grow(n, &r.amount, &r.first, &r.last)
	pipeline.Grow(n, &r.day)
	pipeline.Grow(n, &r.candidates, &r.skipped)
}

func (r *attributionRows) add(d *decision, c *event.Conversion, at place) {
	if len(d.Credits) == 0 {
		return
	}
	considered, skipped := described(d.Seen[:min(len(d.Seen), maxDescribed, maxRepeated/len(d.Credits))])
	var place uint32 // credits stand model by model, and there in the order of referrers
	for i := range d.Credits {
		row := &d.Credits[i]
		if place++; i == 0 || row.Model != d.Credits[i-1].Model {
			place = 0
		}
		r.place = append(r.place, place)
		r.addEnvelope(&c.Envelope, at)
		r.conversionID = append(r.conversionID, c.ConversionID)
		r.referrerID = append(r.referrerID, row.Referrer.ID)
		r.model = append(r.model, row.Model)
		r.paying = append(r.paying, flag(row.Paying))
		r.ppm = append(r.ppm, uint32(row.PPM))
		r.amount = append(r.amount, row.AmountMinor)
		r.touches = append(r.touches, row.Referrer.Touches)
		r.first = append(r.first, row.Referrer.First)
		r.last = append(r.last, row.Referrer.Last)
		r.day = append(r.day, d.Day)
		r.candidates = append(r.candidates, considered)
		r.skipped = append(r.skipped, skipped)
	}
}

func (r *attributionRows) block() pipeline.Block {
	return r.origin.block(attributionsTable,
		pipeline.Column{Name: "conversion_id", Data: r.conversionID},
		pipeline.Column{Name: "referrer_id", Data: r.referrerID},
		pipeline.Column{Name: "model", Data: r.model},
		pipeline.Column{Name: "paying", Data: r.paying},
		pipeline.Column{Name: "credit_ppm", Data: r.ppm},
		pipeline.Column{Name: "amount_minor", Data: r.amount},
		pipeline.Column{Name: "touches", Data: r.touches},
		pipeline.Column{Name: "first_touch_at", Data: r.first},
		pipeline.Column{Name: "last_touch_at", Data: r.last},
		pipeline.Column{Name: "place", Data: r.place},
		pipeline.Column{Name: "day", Data: r.day},
		pipeline.Column{Name: "candidates", Data: r.candidates},
		pipeline.Column{Name: "skipped", Data: r.skipped},
	)
}

// described tells of each candidate its kind, click_id and referrer, and why it
// was skipped: empty for one that counts. Both lists are of one length.
func described(candidates []attribution.Candidate) (considered, skipped []string) {
	considered, skipped = make([]string, len(candidates)), make([]string, len(candidates))
	for i, c := range candidates {
		considered[i] = event.JoinID(string(c.Kind), c.Touch.ReferrerID, c.Touch.ClickID)
		skipped[i] = c.Skipped
	}
	return considered, skipped
}

// adjustmentRows are applied adjustments.
type adjustmentRows struct {
	origin
	conversionID, customerID, kind, reason, currency []string
	amount, original                                 []int64
	counts                                           []uint8
	day                                              []int32
}

func (r *adjustmentRows) add(row *adjustmentRow, orgID, programID string, at place) {
	a := &row.Adjustment
	r.origin.add(orgID, programID, a.EventID, a.Source, a.Time, at)
	r.conversionID = append(r.conversionID, a.ConversionID)
	r.customerID = append(r.customerID, a.CustomerID)
	r.kind = append(r.kind, string(a.Kind))
	r.reason = append(r.reason, a.Reason)
	r.amount = append(r.amount, row.Minor)
	r.original = append(r.original, row.Original)
	r.counts = append(r.counts, flag(row.Counts))
	r.currency = append(r.currency, row.Currency)
	r.day = append(r.day, row.Day)
}

func (r *adjustmentRows) block() pipeline.Block {
	return r.origin.block(adjustmentsTable,
		pipeline.Column{Name: "conversion_id", Data: r.conversionID},
		pipeline.Column{Name: "customer_id", Data: r.customerID},
		pipeline.Column{Name: "kind", Data: r.kind},
		pipeline.Column{Name: "amount_minor", Data: r.amount},
		pipeline.Column{Name: "original_amount_minor", Data: r.original},
		pipeline.Column{Name: "counts_after", Data: r.counts},
		pipeline.Column{Name: "reason", Data: r.reason},
		pipeline.Column{Name: "currency", Data: r.currency},
		pipeline.Column{Name: "day", Data: r.day}, // the conversion's
	)
}

// linkRows are identity links; those that conversions make stand in their rows.
type linkRows struct {
	origin
	customerID, visitorID []string
}

func (r *linkRows) add(l *event.IdentityLink, at place) {
	r.addEnvelope(&l.Envelope, at)
	r.customerID = append(r.customerID, l.CustomerID)
	r.visitorID = append(r.visitorID, l.VisitorID)
}

func (r *linkRows) block() pipeline.Block {
	return r.origin.block(linksTable,
		pipeline.Column{Name: "customer_id", Data: r.customerID},
		pipeline.Column{Name: "visitor_id", Data: r.visitorID},
	)
}

// waitingRows are adjustments that arrived before their conversion.
type waitingRows struct {
	origin
	conversionID, customerID, kind, reason []string
	hasAmount                              []uint8
	amount, kafkaTime                      []int64
}

func (r *waitingRows) add(a *event.Adjustment, at place, kafkaTime int64) {
	r.addEnvelope(&a.Envelope, at)
	r.conversionID = append(r.conversionID, a.ConversionID)
	r.customerID = append(r.customerID, a.CustomerID)
	r.kind = append(r.kind, string(a.Kind))
	r.hasAmount = append(r.hasAmount, flag(a.HasAmount))
	r.amount = append(r.amount, a.AmountMinor)
	r.reason = append(r.reason, a.Reason)
	r.kafkaTime = append(r.kafkaTime, kafkaTime)
}

func (r *waitingRows) block() pipeline.Block {
	return r.origin.block(waitingTable,
		pipeline.Column{Name: "conversion_id", Data: r.conversionID},
		pipeline.Column{Name: "customer_id", Data: r.customerID},
		pipeline.Column{Name: "kind", Data: r.kind},
		pipeline.Column{Name: "has_amount", Data: r.hasAmount},
		pipeline.Column{Name: "amount_minor", Data: r.amount},
		pipeline.Column{Name: "reason", Data: r.reason},
		pipeline.Column{Name: "kafka_time", Data: r.kafkaTime},
	)
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
