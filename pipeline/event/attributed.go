package event

import "encoding/json"

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
// which is named by its envelope; the time is the conversion's own. It takes no
// more than an event that comes in: of very many credits the first ones are told,
// the books have all.
func EncodeAttributed(conversion *Envelope, data Attributed) ([]byte, error) {
	if data.Credits == nil {
		data.Credits = []AttributedTo{}
	}
	value, err := encodeAttributed(conversion, data)
	if err != nil || len(value) <= MaxValueBytes {
		return value, err
	}
	all := data.Credits
	data.Credits = all[:0:0]
	if value, err = encodeAttributed(conversion, data); err != nil {
		return nil, err
	}
	n := creditsIn(all, MaxValueBytes-len(value))
	data.Credits = all[:n]
	return encodeAttributed(conversion, data)
}

// creditsIn tells how many of the first credits take at most so many bytes.
func creditsIn(credits []AttributedTo, most int) int {
	for i := range credits {
		b, err := json.Marshal(&credits[i])
		if most -= len(b) + len(","); err != nil || most < 0 {
			return i
		}
	}
	return len(credits)
}

func encodeAttributed(conversion *Envelope, data Attributed) ([]byte, error) {
	return EncodeEvent(Out{
		ID:        JoinID(conversion.ProgramID, conversion.Source, conversion.ID, "attributed"),
		Source:    Source(conversion.OrgID, conversion.ProgramID),
		Type:      TypeAttributed,
		Time:      conversion.Time,
		OrgID:     conversion.OrgID,
		ProgramID: conversion.ProgramID,
	}, data)
}
