package event

import "strconv"

// EncodeCredit writes a credit as the value of a record of referral.credits,
// and its key. The id names the credit: percent-encoded
// conversion_id/sequence/role/beneficiary_id, under the program's source.
func EncodeCredit(c *Credit) (key, value []byte, err error) {
	value, err = EncodeEvent(Out{
		ID:        CreditID(c),
		Source:    Source(c.OrgID, c.ProgramID),
		Type:      TypeCredit,
		Time:      c.ConversionTime,
		OrgID:     c.OrgID,
		ProgramID: c.ProgramID,
	}, c)
	return []byte(c.OrgID + "/" + c.BeneficiaryID), value, err
}

// CreditID names a credit within its program.
func CreditID(c *Credit) string {
	return JoinID(c.ConversionID, strconv.FormatInt(c.Sequence, 10), string(c.Role), c.BeneficiaryID)
}

type creditBody struct {
	*Credit
	role, kind string
	index      int64
	hasIndex   bool
	hasCounts  bool
}

// The bits of a credit's members.
const (
	creditOrg uint32 = 1 << iota
	creditProgram
	creditConversion
	creditSequence
	creditBeneficiary
	creditRole
	creditCustomer
	creditKind
	creditName
	creditConversionTime
	creditDecidedAt
	creditLocale
	creditCurrency
	creditAmount
	creditNet
	creditCounts
	creditPPM
	creditShares
	creditPeers
	creditIndex
	creditRules
)

func (c *creditBody) scoped() bool { return true }

func (c *creditBody) field(r *reader, key []byte) {
	if c.stringField(r, key) || c.integerField(r, key) {
		return
	}
	switch string(key) {
	case "counts":
		c.hasCounts = r.bool(creditCounts, key, &c.Counts)
	case "shares":
		r.integers(creditShares, key, &c.Shares)
	case "peers":
		r.integers(creditPeers, key, &c.Peers)
	case "rules":
		r.strings(creditRules, key, &c.Rules)
	default:
		r.skip()
	}
}

func (c *creditBody) stringField(r *reader, key []byte) bool {
	switch string(key) {
	case "org_id":
		r.id(creditOrg, key, &c.OrgID)
	case "program_id":
		r.id(creditProgram, key, &c.ProgramID)
	case "conversion_id":
		r.id(creditConversion, key, &c.ConversionID)
	case "beneficiary_id":
		r.id(creditBeneficiary, key, &c.BeneficiaryID)
	case "role":
		r.id(creditRole, key, &c.role)
	case "customer_id":
		r.id(creditCustomer, key, &c.CustomerID)
	case "kind":
		r.id(creditKind, key, &c.kind)
	case "name":
		r.string(creditName, key, &c.Name, MaxTextBytes)
	case "locale":
		r.id(creditLocale, key, &c.Locale)
	case "currency":
		r.id(creditCurrency, key, &c.Currency)
	default:
		return false
	}
	return true
}

func (c *creditBody) integerField(r *reader, key []byte) bool {
	switch string(key) {
	case "sequence":
		r.integer(creditSequence, key, &c.Sequence)
	case "conversion_time":
		r.integer(creditConversionTime, key, &c.ConversionTime)
	case "decided_at":
		r.integer(creditDecidedAt, key, &c.DecidedAt)
	case "amount_minor":
		r.integer(creditAmount, key, &c.AmountMinor)
	case "net_minor":
		r.integer(creditNet, key, &c.NetMinor)
	case "credit_ppm":
		r.integer(creditPPM, key, &c.CreditPPM)
	case "index":
		c.hasIndex = r.integer(creditIndex, key, &c.index)
	default:
		return false
	}
	return true
}

func (c *creditBody) settle(r *reader, attributes *Envelope) {
	r.require(creditOrg, c.OrgID, "org_id")
	r.require(creditProgram, c.ProgramID, "program_id")
	r.require(creditConversion, c.ConversionID, "conversion_id")
	r.require(creditBeneficiary, c.BeneficiaryID, "beneficiary_id")
	r.require(creditCustomer, c.CustomerID, "customer_id")
	r.require(creditCurrency, c.Currency, "currency")
	r.require(creditKind, c.kind, "kind")
	c.checkRole(r)
	const integers = creditSequence | creditConversionTime | creditDecidedAt | creditAmount | creditNet | creditPPM | creditIndex
	r.requireNumbers(integers)
	if !c.hasCounts {
		r.missing("counts")
	}
	if c.OrgID != attributes.OrgID || c.ProgramID != attributes.ProgramID {
		r.add("orgid and programid are not those of the data")
	}
	c.Kind = Kind(c.kind)
}

func (c *creditBody) checkRole(r *reader) {
	c.Role, c.Index = Role(c.role), int(c.index)
	switch c.Role {
	case RoleReferrer:
		if c.hasIndex {
			c.checkPlace(r)
		}
	case RoleReferee, RoleMember:
	default:
		r.add("role %q is unknown", c.role)
	}
}

// checkPlace makes sure that the credit is one of those that money splits over,
// and that these are credits.
func (c *creditBody) checkPlace(r *reader) {
	if len(c.Peers) > 0 {
		c.checkPeers(r)
		return
	}
	if c.Index < 0 || c.Index >= len(c.Shares) {
		r.add("index %d is none of the %d shares", c.Index, len(c.Shares))
	}
	for _, ppm := range c.Shares {
		if ppm < 0 || ppm > wholeCredit {
			r.add("a share of %d is no credit", ppm)
			return
		}
	}
}

// wholeCredit is the credit of a conversion, in parts per million.
const wholeCredit = 1_000_000

func (c *creditBody) checkPeers(r *reader) {
	var all, before int64
	own := false
	for rest := c.Peers; len(rest) >= 3; rest = rest[3:] {
		ppm, n, earlier := rest[0], rest[1], rest[2]
		if ppm < 1 || ppm > wholeCredit || n < 1 || n > wholeCredit || earlier < 0 || earlier > n {
			r.add("peers of %d, %d, %d are none", ppm, n, earlier)
			return
		}
		all, before = all+ppm*n, before+earlier
		own = own || ppm == c.CreditPPM && earlier < n
	}
	if len(c.Peers)%3 != 0 || all != wholeCredit || before != int64(c.Index) || !own {
		r.add("the peers do not fit the credit")
	}
}
