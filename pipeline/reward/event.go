package reward

import (
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// EventType is the last word of a reward event's type and the middle one of its id.
type EventType string

// The reward events of contract §2.
const (
	Earned    EventType = "earned"
	Held      EventType = "held"
	Approved  EventType = "approved"
	Increased EventType = "increased"
	Reversed  EventType = "reversed"
)

// Status of a reward after an event of it (contract §2).
type Status string

// The statuses of a reward. A reward without a hold is approved at once.
const (
	StatusPending  Status = "pending"
	StatusApproved Status = "approved"
	StatusHeld     Status = "held"
	StatusReversed Status = "reversed"
)

// Why a reward was reversed, in whole or in part: the `reason` of the event.
const (
	ReasonVoid      = "conversion no longer counts"
	ReasonReduced   = "conversion was reduced"
	ReasonBelowTier = "metric fell below the tier"
	ReasonBrackets  = "credited revenue of the period fell"
)

// Event is one reward event, whole: what it moves, and what stands after it.
// Either Currency is set and the amounts are minor units, or Unit is set and
// they are a quantity.
type Event struct {
	OrgID           string     `cbor:"1,keyasint"`
	ProgramID       string     `cbor:"2,keyasint"`
	Type            EventType  `cbor:"3,keyasint"`
	RewardID        string     `cbor:"4,keyasint"`
	Sequence        int64      `cbor:"5,keyasint"` // counts this reward's events from 1
	RuleID          string     `cbor:"6,keyasint"`
	Reward          string     `cbor:"7,keyasint"`            // the reward's own id in its rule or tier
	RuleVersion     string     `cbor:"8,keyasint"`            // valid_from of the version that gave it
	TierID          string     `cbor:"9,keyasint,omitempty"`  // tiers alone
	Occurrence      int64      `cbor:"10,keyasint,omitempty"` // tiers alone, from 1
	Period          string     `cbor:"11,keyasint"`
	BeneficiaryID   string     `cbor:"12,keyasint"`
	BeneficiaryRole event.Role `cbor:"13,keyasint"`
	RewardType      string     `cbor:"14,keyasint"`
	Amount          int64      `cbor:"15,keyasint"` // what this event moves, always positive
	Remaining       int64      `cbor:"16,keyasint"` // the reward's net value after it
	Currency        string     `cbor:"17,keyasint,omitempty"`
	Unit            string     `cbor:"18,keyasint,omitempty"`
	// ConversionID is the conversion that the reward is for, the same in all of
	// its events: of a tier, the one that crossed the threshold. A grant has none,
	// and the time of the event that caused it.
	ConversionID   string `cbor:"19,keyasint"`
	ConversionTime int64  `cbor:"20,keyasint"` // ms since the epoch
	Status         Status `cbor:"21,keyasint"`
	AvailableAt    int64  `cbor:"22,keyasint"` // ms since the epoch: conversion time + hold
	Reason         string `cbor:"23,keyasint,omitempty"`
	Name           string `cbor:"24,keyasint,omitempty"`
	Message        string `cbor:"25,keyasint,omitempty"`
	BudgetID       string `cbor:"26,keyasint,omitempty"`
	// Time is when the cause was decided (ms): a credit's or a decision's
	// DecidedAt, part of the input; of all else the time of its batch.
	Time int64 `cbor:"27,keyasint"`
	// Day is that of the conversion in the program's zone, in days since the
	// epoch: the same in all events of the reward.
	Day int32 `cbor:"28,keyasint"`
	// Withheld is what a limit or budget holds back after the event, beside
	// Remaining.
	Withheld int64 `cbor:"29,keyasint,omitempty"`
	// Drawn is what the reward has after the event of the budget's period that
	// Account names, in the budget's currency; no Account where it was not asked.
	Account string `cbor:"30,keyasint,omitempty"`
	Drawn   int64  `cbor:"31,keyasint,omitempty"`
}

// ID is the event's id: `<reward_id>/<type>/<sequence>` (contract §2).
func (e *Event) ID() string {
	return e.RewardID + "/" + string(e.Type) + "/" + strconv.FormatInt(e.Sequence, 10)
}
