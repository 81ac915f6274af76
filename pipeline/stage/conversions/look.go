package conversions

import "github.com/grapevinehq/grapevine/pipeline/event"

// Known is what a partition remembers of a counted conversion.
type Known struct {
	NetMinor int64
	Counts   bool
	Applied  int64 // adjustments so far
}

// KnownKey is the key of a counted conversion in its partition's memory; its value
// moves to the archive when it is old.
func KnownKey(orgID, programID, conversionID string) string {
	return memoryKey(conversionPrefix, name(orgID, programID, conversionID))
}

// KnownIn reads that value.
func KnownIn(value []byte) (Known, error) {
	var c conversion
	err := decode(value, &c)
	return Known{c.NetMinor, c.Counts, c.Applied}, err
}

// LinksKey is the key of a customer's visitors; its value moves to the archive too.
func LinksKey(orgID, customerID string) string {
	return memoryKey(customerPrefix, name(orgID, customerID))
}

// LinksIn reads that value.
func LinksIn(value []byte) ([]string, error) {
	var c customer
	err := decode(value, &c)
	return c.Visitors, err
}

// IDClaim is the claim of a stored conversion on its id.
func IDClaim(orgID, programID, conversionID string) string {
	return (&ClaimQuery{OrgID: orgID, ProgramID: programID, ID: conversionID}).key()
}

// OrderClaim is the claim of a conversion on its order.
func OrderClaim(orgID, programID, kind, orderID string) string {
	return (&ClaimQuery{orgID, programID, event.Kind(kind), orderID}).key()
}
