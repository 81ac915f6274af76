package event

import "github.com/grapevinehq/grapevine/pipeline/event/iso4217"

// Decoded is one event of the conversions topic: Type says which of the three
// is set.
type Decoded struct {
	Type       Type
	Conversion Conversion
	Adjustment Adjustment
	Link       IdentityLink
}

// Envelope is that of the event that is set.
func (d *Decoded) Envelope() *Envelope {
	switch d.Type {
	case TypeAdjustment:
		return &d.Adjustment.Envelope
	case TypeIdentityLink:
		return &d.Link.Envelope
	default:
		return &d.Conversion.Envelope
	}
}

// CustomerID is that of the event that is set.
func (d *Decoded) CustomerID() string {
	switch d.Type {
	case TypeAdjustment:
		return d.Adjustment.CustomerID
	case TypeIdentityLink:
		return d.Link.CustomerID
	default:
		return d.Conversion.CustomerID
	}
}

// DecodeConversions reads a record of the conversions topic into dst, which it
// resets; the metadata's capacity is reused. It returns every problem, nil for a
// valid event. Type is set whenever the type was legible.
func DecodeConversions(rec *Record, dst *Decoded, limits Limits) (problems []string) {
	*dst = Decoded{Conversion: Conversion{Metadata: dst.Conversion.Metadata[:0]}}
	b := conversionsBody{Decoded: dst}
	problems = decode(rec, &b, limits)
	b.settle()
	return problems
}

// conversionsBody reads the attributes before the type is known, so they go to
// an envelope of their own first.
type conversionsBody struct {
	*Decoded
	shared     Envelope
	kind       string
	customer   string
	conversion string
	visitor    string
	amount     int64
	hasAmount  bool
}

// settle hands the shared parts to the event that the type asks for.
func (c *conversionsBody) settle() {
	c.Type = c.shared.Type
	switch c.Type {
	case TypeAdjustment:
		c.Adjustment.Envelope, c.Adjustment.CustomerID, c.Adjustment.ConversionID = c.shared, c.customer, c.conversion
		c.Adjustment.Kind = AdjustmentKind(c.kind)
		c.Adjustment.HasAmount, c.Adjustment.AmountMinor = c.hasAmount, c.amount
	case TypeIdentityLink:
		c.Link = IdentityLink{Envelope: c.shared, CustomerID: c.customer, VisitorID: c.visitor}
	default:
		c.Conversion.Envelope, c.Conversion.CustomerID, c.Conversion.ConversionID = c.shared, c.customer, c.conversion
		c.Conversion.Kind, c.Conversion.VisitorID, c.Conversion.AmountMinor = Kind(c.kind), c.visitor, c.amount
	}
}

func (c *conversionsBody) envelope() *Envelope { return &c.shared }

func (c *conversionsBody) accepts(name string) (Type, bool) {
	switch t := Type(name); t {
	case TypeConversion:
		return TypeConversion, true
	case TypeAdjustment:
		return TypeAdjustment, true
	case TypeIdentityLink:
		return TypeIdentityLink, true
	}
	return "", false
}

func (c *conversionsBody) scoped() bool { return true }

func (c *conversionsBody) key() (org, id string, ok bool) { return "", c.customer, true }

// The bits of the fields that more than one type has.
const (
	fieldCustomer uint32 = 1 << iota
	fieldKind
	fieldConversion
	fieldVisitor
	fieldAmount
	fieldReason
	fieldClick
	fieldCoupon
	fieldOrder
	fieldName
	fieldCurrency
	fieldEmailHash
	fieldMetadata
)

func (c *conversionsBody) field(r *reader, key []byte) {
	if string(key) == "customer_id" {
		r.id(fieldCustomer, key, &c.customer)
		return
	}
	switch c.shared.Type {
	case TypeConversion:
		c.conversionField(r, key)
	case TypeAdjustment:
		c.adjustmentField(r, key)
	default:
		c.linkField(r, key)
	}
}

func (c *conversionsBody) conversionField(r *reader, key []byte) {
	to := &c.Decoded.Conversion
	switch string(key) {
	case "kind":
		r.id(fieldKind, key, &c.kind)
	case "conversion_id":
		r.id(fieldConversion, key, &c.conversion)
	case "visitor_id":
		r.id(fieldVisitor, key, &c.visitor)
	case "click_id":
		r.id(fieldClick, key, &to.ClickID)
	case "coupon_code":
		r.id(fieldCoupon, key, &to.CouponCode)
	case "order_id":
		r.id(fieldOrder, key, &to.OrderID)
	case "name":
		r.string(fieldName, key, &to.Name, MaxTextBytes)
	case "amount_minor":
		c.hasAmount = r.integer(fieldAmount, key, &c.amount) || c.hasAmount
	case "currency":
		r.id(fieldCurrency, key, &to.Currency)
	case "email_hash":
		r.id(fieldEmailHash, key, &to.EmailHash)
	case "metadata":
		r.pairs(fieldMetadata, key, &to.Metadata)
	default:
		r.skip()
	}
}

func (c *conversionsBody) adjustmentField(r *reader, key []byte) {
	switch string(key) {
	case "kind":
		r.id(fieldKind, key, &c.kind)
	case "conversion_id":
		r.id(fieldConversion, key, &c.conversion)
	case "amount_minor":
		c.hasAmount = r.integer(fieldAmount, key, &c.amount) || c.hasAmount
	case "reason":
		r.string(fieldReason, key, &c.Adjustment.Reason, MaxTextBytes)
	default:
		r.skip()
	}
}

func (c *conversionsBody) linkField(r *reader, key []byte) {
	if string(key) == "visitor_id" {
		r.id(fieldVisitor, key, &c.visitor)
		return
	}
	r.skip()
}

func (c *conversionsBody) check(r *reader) {
	r.require(fieldCustomer, c.customer, "customer_id")
	switch c.shared.Type {
	case TypeConversion:
		c.checkConversion(r)
	case TypeAdjustment:
		c.checkAdjustment(r)
	default:
		r.require(fieldVisitor, c.visitor, "visitor_id")
	}
}

func (c *conversionsBody) checkConversion(r *reader) {
	r.require(fieldKind, c.kind, "kind")
	switch Kind(c.kind) {
	case "", KindLead, KindSignup, KindSale, KindRenewal, KindCustom:
	default:
		r.add("kind %q is unknown", c.kind)
	}
	currency := c.Decoded.Conversion.Currency
	switch {
	case c.amount < 0:
		r.add("amount_minor is negative: %d", c.amount)
	case c.amount > 0 && currency == "" && r.fields.settled&fieldCurrency == 0:
		r.add("currency is missing, amount_minor is %d", c.amount)
	}
	r.checkCurrency(currency)
	if c.conversion == "" {
		c.conversion = c.shared.ID
	}
}

func (c *conversionsBody) checkAdjustment(r *reader) {
	r.require(fieldConversion, c.conversion, "conversion_id")
	r.require(fieldKind, c.kind, "kind")
	switch AdjustmentKind(c.kind) {
	case "":
	case Refund, Chargeback:
		if c.hasAmount && c.amount <= 0 {
			r.add("amount_minor of a %s is not positive: %d", c.kind, c.amount)
		}
	case Correction:
		if !c.hasAmount && r.fields.settled&fieldAmount == 0 {
			r.add("amount_minor is missing, a correction needs it")
		}
	case Cancel:
		c.hasAmount, c.amount = false, 0
	default:
		r.add("kind %q is unknown", c.kind)
	}
}

// checkCurrency adds a problem for what is no ISO 4217 code.
func (r *reader) checkCurrency(code string) {
	if code != "" && !iso4217.Known(code) {
		r.add("currency %q is not an ISO 4217 code", code)
	}
}
