package program

// Expression is a `when`: type-checked when the file is loaded, sandboxed and
// bounded in cost when it runs.
type Expression struct {
	Source  string
	Program Evaluator
	Stats   Stats // those that it looks at
}

// Stats is a set of the figures of `stats`.
type Stats byte

// The figures of a member in an org, over its lifetime.
const (
	StatConversions Stats = 1 << iota
	StatRevenue
	StatUniqueClicks
	StatLastConversion
	AllStats = StatConversions | StatRevenue | StatUniqueClicks | StatLastConversion
)

// Uses tells whether the expression looks at any of some figures; a nil one
// looks at nothing.
func (e *Expression) Uses(any Stats) bool { return e != nil && e.Stats&any != 0 }

// Evaluator runs a compiled expression; an error counts as false (§9 (27)).
type Evaluator interface {
	Eval(env Env) (bool, error)
}

// Env is what an expression sees. Maps are nil where a thing is not at hand.
type Env struct {
	Member     map[string]any
	Conversion map[string]any
	Program    map[string]any
	Stats      map[string]any
}

// Holds evaluates; a nil expression holds, a failing one does not.
func (e *Expression) Holds(env Env) bool {
	if e == nil {
		return true
	}
	ok, err := e.Program.Eval(env)
	return err == nil && ok
}
