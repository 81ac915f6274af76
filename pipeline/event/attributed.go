package event

// Attributed is the data of referral.conversion.attributed.v1: what became of a
// stored conversion (§9 (7)).
type Attributed struct {
	ConversionID string         `json:"conversion_id"`
	CustomerID   string         `json:"customer_id"`
	Kind         Kind           `json:"kind"`
	Verdict      string         `json:"verdict"`
	Reason       string         `json:"reason"`
	Model        string         `json:"model"`
	AmountMinor  int64          `json:"amount_minor"` // in the program's currency
	Currency     string         `json:"currency"`     // the program's
	Credits      []AttributedTo `json:"credits"`
}

// AttributedTo is one paying credit.
type AttributedTo struct {
	ReferrerID  string `json:"referrer_id"`
	CreditPPM   int64  `json:"credit_ppm"`
	AmountMinor int64  `json:"amount_minor"`
}

// EncodeAttributed writes the event that tells what became of a conversion,
// which is named by its envelope; the time is the conversion's own.
func EncodeAttributed(conversion *Envelope, data Attributed) ([]byte, error) {
	if data.Credits == nil {
		data.Credits = []AttributedTo{}
	}
	return EncodeEvent(Out{
		ID:        JoinID(conversion.ProgramID, conversion.Source, conversion.ID, "attributed"),
		Source:    Source(conversion.OrgID, conversion.ProgramID),
		Type:      TypeAttributed,
		Time:      conversion.Time,
		OrgID:     conversion.OrgID,
		ProgramID: conversion.ProgramID,
	}, data)
}
