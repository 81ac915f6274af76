package attribution

import "context"

// VisitorQuery asks for the touches of one visitor in one program, with times
// (milliseconds since the epoch) from From to To, both included.
type VisitorQuery struct {
	OrgID, ProgramID, VisitorID string
	From, To                    int64
}

// ClickQuery asks for the touches of one program with one click_id, whoever
// clicked (§9 (20)) and whenever: one outside of the window is known, if only to
// say so. There is one, unless a producer gave an id twice.
type ClickQuery struct{ OrgID, ProgramID, ClickID string }

// Touches finds the clicks with verdict unique. Each method answers a whole
// batch at once, Answer i being that of query i, in any order of touches; no
// query has an empty id. The caller has waited for the clicks that must be
// there; an answer may hold later ones too.
type Touches interface {
	ByVisitor(ctx context.Context, queries []VisitorQuery) ([][]Touch, error)
	ByClickID(ctx context.Context, queries []ClickQuery) ([][]Touch, error)
}
