package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
)

// inputs are the kinds of input under which a worker is killed: what must have been
// worked before, and what it is killed over.
var inputs = []input{
	{name: "members", while: (*cast).members},
	{name: "clicks", before: steps{(*cast).members}, while: (*cast).clicks},
	{name: "conversions and holds due", before: steps{(*cast).members, (*cast).clicks}, while: (*cast).conversions},
	{name: "adjustments", before: steps{(*cast).members, (*cast).clicks, (*cast).conversions}, while: (*cast).adjustments},
	{name: "fulfillments and decisions", before: steps{(*cast).members, (*cast).clicks, (*cast).conversions}, while: (*cast).fulfillments},
	{name: "changed programs", before: steps{(*cast).members}, while: (*cast).clicks, reload: true},
}

type input struct {
	name   string
	before steps
	while  func(*cast) []pipeline.Message
	reload bool // the programs change, too
}

type steps = []func(*cast) []pipeline.Message

// point is where a worker may die, and over what.
type point struct {
	input int
	name  string
}

// death is one of a worker at a point.
type death struct {
	point
	way string
}

// round is one death, with a cast for each partition.
type round struct {
	death
	casts []*cast
	again []pipeline.Message // what was played
}

func (r *round) String() string {
	return fmt.Sprintf("death of %s: %s at %s", r.casts[0].name, inputs[r.input].name, r.name)
}

// cast gives each death those who appear in it, after all who appeared so far.
func (m *matrix) cast(deaths []death) []*round {
	made := make([]*round, len(deaths))
	for n, d := range deaths {
		made[n] = &round{death: d}
		for p := range crashPartitions {
			made[n].casts = append(made[n].casts, newCast(m.rounds, p, crashPartitions))
		}
		m.rounds++
	}
	return made
}

// rehearse plays every input once and tells which points it passes.
func (m *matrix) rehearse() (points []point) {
	m.t.Helper()
	var one []death
	for i := range inputs {
		one = append(one, death{point: point{input: i}})
	}
	rounds := m.cast(one)
	m.publish(before(rounds))
	m.start()
	m.awaitRest()
	for i, r := range rounds {
		m.passed()
		m.begin(r)
		m.awaitRest()
		for _, name := range m.passed() {
			if !inputs[i].reload || strings.HasPrefix(name, "programs/") { // what else is passed was passed before
				points = append(points, point{i, name})
			}
		}
	}
	return points
}

// before are the messages of all rounds that must be worked before any of them
// begins, topic by topic.
func before(rounds []*round) (messages []pipeline.Message) {
	for step := range 3 {
		for _, r := range rounds {
			if steps := inputs[r.input].before; step < len(steps) {
				messages = append(messages, r.play(steps[step])...)
			}
		}
	}
	return messages
}

// after are the messages that ask what is remembered of each round: all that came
// comes again, and something new about it.
func after(rounds []*round) (messages []pipeline.Message) {
	for _, r := range rounds {
		messages = append(messages, r.again...)
	}
	for _, r := range rounds {
		messages = append(messages, r.play((*cast).epilogue)...)
	}
	return messages
}

func (r *round) play(step func(*cast) []pipeline.Message) (messages []pipeline.Message) {
	for _, c := range r.casts {
		messages = append(messages, step(c)...)
	}
	return messages
}

// begin plays what the worker is to be killed over.
func (w *world) begin(r *round) {
	w.t.Helper()
	if inputs[r.input].reload {
		w.changePrograms(r.casts[0].name)
	}
	r.again = r.play(inputs[r.input].while)
	w.publish(r.again)
}

// changePrograms makes another revision that decides the same.
func (w *world) changePrograms(mark string) {
	w.t.Helper()
	if err := os.WriteFile(w.settings["PROGRAMS"], []byte(crashPrograms+"# "+mark+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// arm has the worker that passes a point next die there.
func (w *world) arm(point string) {
	w.t.Helper()
	armed := filepath.Join(w.failPoints, "armed")
	if err := os.WriteFile(armed+".new", []byte(point), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(armed+".new", armed); err != nil { // never seen half-written
		w.t.Fatal(err)
	}
}

// disarm lets workers live; false when somebody has died of it.
func (w *world) disarm() bool { return os.Remove(filepath.Join(w.failPoints, "armed")) == nil }

// armed tells whether a point waits for who passes it.
func (w *world) armed() bool {
	_, err := os.Stat(filepath.Join(w.failPoints, "armed"))
	return err == nil
}

// passed are the points that were passed since the worker started or this was
// asked, each once, in order.
func (w *world) passed() (points []string) {
	w.t.Helper()
	for point := range strings.Lines(w.passages()) {
		if point = strings.TrimSpace(point); !slices.Contains(points, point) {
			points = append(points, point)
		}
	}
	w.forgetPassages()
	return points
}

func (w *world) passages() string {
	text, err := os.ReadFile(filepath.Join(w.failPoints, "passed"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) forgetPassages() { _ = os.Remove(filepath.Join(w.failPoints, "passed")) }
