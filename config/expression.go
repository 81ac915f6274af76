package config

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Bounds of an expression: it can neither be large nor run long, whatever a
// member carries in its attributes.
const (
	maxExpressionBytes = 4096
	maxExpressionNodes = 200
	expressionMemory   = 100_000 // elements that one run may make
)

// What expressions see, by name and type. Attributes and metadata hold what the
// events brought: a missing one is nil.
var (
	seenOfMember = types.Map{
		"id": types.String, "status": types.String, "locale": types.String,
		"segments":   types.Array(types.String),
		"attributes": types.Map{types.Extra: types.Any},
	}
	seenOfConversion = types.Map{
		"kind": types.String, "name": types.String, "amount_minor": types.Int64, "currency": types.String,
		"metadata": types.Map{types.Extra: types.Any},
	}
	seenOfProgram = types.Map{
		"org": types.String, "id": types.String, "currency": types.String, "timezone": types.String,
	}
	seenOfStats = types.Map{
		"conversions": types.Float64, "revenue_minor": types.Int64, "unique_clicks": types.Int64,
		"last_conversion_at": types.Any,
	}
)

// place is where a `when` stands: it decides what the expression sees.
type place byte

const (
	inRule place = iota
	inGrant
	inSegment
)

func (p place) String() string {
	return [...]string{"the `when` of a rule", "the `when` of a grant", "the `when` of a segment"}[p]
}

var seenIn = [...]types.Map{
	inRule:    {"member": seenOfMember, "conversion": seenOfConversion, "program": seenOfProgram},
	inGrant:   {"member": seenOfMember, "stats": seenOfStats, "program": seenOfProgram},
	inSegment: {"member": seenOfMember, "stats": seenOfStats},
}

// builtins that expressions may call: pure, cheap, the same at every run. The
// clock is not among them, so that a decision can be made again.
var builtins = []string{
	"len", "any", "all", "none", "one", "count", "lower", "upper", "trim", "hasPrefix", "hasSuffix",
	"abs", "ceil", "floor", "round", "int", "float", "string", "min", "max", "get", "split", "keys",
}

// compileExpression checks a `when` and makes it ready to run.
func compileExpression(source string, at place) (*program.Expression, error) {
	if len(source) > maxExpressionBytes {
		return nil, fmt.Errorf("is longer than %d bytes", maxExpressionBytes)
	}
	guard := &guard{}
	options := []expr.Option{
		expr.Env(seenIn[at]), expr.AsBool(), expr.MaxNodes(maxExpressionNodes),
		expr.DisableAllBuiltins(), expr.Patch(guard),
	}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	compiled, err := expr.Compile(source, options...)
	if guard.err != nil {
		err = guard.err
	}
	if err != nil {
		return nil, explain(err, at)
	}
	return &program.Expression{Source: source, Program: evaluator{compiled}, Stats: statsOf(compiled.Node())}, nil
}

func explain(err error, at place) error {
	var where *file.Error
	if !errors.As(err, &where) {
		return err
	}
	message := where.Message
	if strings.HasPrefix(message, "unknown name") {
		message += fmt.Sprintf("; %s sees %s", at, strings.Join(names(seenIn[at]), ", "))
	}
	return fmt.Errorf("column %d of the expression: %s", where.Column+1, message)
}

func names(m types.Map) (out []string) {
	for _, name := range []string{"member", "conversion", "program", "stats"} {
		if _, ok := m[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// guard refuses what could run long: ranges, and loops within loops.
type guard struct{ err error }

// Visit looks at one node of the syntax tree.
func (g *guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if n.Operator == ".." {
			g.err = errors.New("ranges (..) are not allowed; compare with >= and <=")
		}
	case *ast.PredicateNode:
		inner := ast.Find(n.Node, func(n ast.Node) bool { _, loop := n.(*ast.PredicateNode); return loop })
		if inner != nil {
			g.err = errors.New("a loop within a loop is not allowed")
		}
	}
}

// evaluator runs a compiled expression on a borrowed machine.
type evaluator struct{ program *vm.Program }

type machine struct {
	vm  vm.VM
	env map[string]any
}

var machines = sync.Pool{New: func() any {
	return &machine{vm: vm.VM{MemoryBudget: expressionMemory}, env: make(map[string]any, 4)}
}}

// Parts that are not at hand look like those of an unknown member.
var (
	unknownMember = program.MemberEnv("", "", "", nil, nil)
	noConversion  = program.ConversionEnv("", "", 0, "", nil)
	noProgram     = program.ProgramEnv("", "", "", "")
	noStats       = program.StatsEnv(0, 0, 0, 0)
)

// errNotBoolean is a run that ended with something else, such as the text of an
// attribute.
var errNotBoolean = errors.New("the expression did not give true or false")

// Eval runs the expression; many may run at once.
func (e evaluator) Eval(env program.Env) (bool, error) {
	m := machines.Get().(*machine)
	defer machines.Put(m)
	m.env["member"] = orElse(env.Member, unknownMember)
	m.env["conversion"] = orElse(env.Conversion, noConversion)
	m.env["program"] = orElse(env.Program, noProgram)
	m.env["stats"] = orElse(env.Stats, noStats)
	out, err := m.vm.Run(e.program, m.env)
	clear(m.env)
	if err != nil {
		return false, fmt.Errorf("run the expression %q: %w", e.program.Source().String(), err)
	}
	holds, ok := out.(bool)
	if !ok {
		return false, errNotBoolean
	}
	return holds, nil
}

func orElse(m, otherwise map[string]any) map[string]any {
	if m == nil {
		return otherwise
	}
	return m
}
