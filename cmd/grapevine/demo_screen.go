package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/simulate"
)

// demoScreen shows a demo: in a terminal one page, drawn anew over itself, or
// else a line each time.
type demoScreen struct {
	out      io.Writer
	terminal bool
	colour   bool
	began    time.Time
	demo     *demo
	engines  *engine.Engines
	drawn    bool
	ending   bool // the traffic has ended
	before   *demoFrame
}

// demoFrame is what one look shows.
type demoFrame struct {
	status  *status
	made    *simulate.Progress
	totals  []analytics.ProgramFigures
	leaders []analytics.Leader
	took    time.Duration
}

func newDemoScreen(out io.Writer, d *demo, engines *engine.Engines) *demoScreen {
	terminal := isTerminal(out)
	s := &demoScreen{out: out, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == "", began: time.Now(), demo: d, engines: engines}
	if !terminal {
		fmt.Fprint(out, s.connections())
	}
	return s
}

// close gives the terminal back as it was.
func (s *demoScreen) close() {
	if s.terminal && s.drawn {
		fmt.Fprint(s.out, "\x1b[?25h") // show the cursor
	}
	fmt.Fprintln(s.out, "Stopping the pipeline and the engines")
}

// look looks at everything, and keeps what it saw for the next time.
func (s *demoScreen) look(ctx context.Context, o *observer, made *atomic.Pointer[simulate.Progress]) *demoFrame {
	f := &demoFrame{status: o.look(ctx), took: time.Since(s.began)}
	if s.before != nil {
		f.status.throughput(s.before.status)
		f.totals, f.leaders = s.before.totals, s.before.leaders // when they cannot be read now
	}
	if o.books != nil {
		if totals, err := o.books.Totals(ctx, "", ""); err == nil {
			f.totals = totals
		}
		if leaders, err := o.books.Leaders(ctx, "", "", topReferrers); err == nil {
			f.leaders = leaders
		}
	}
	f.made = made.Load() // last, so that nothing is booked that was not sent
	s.before = f
	return f
}

func (s *demoScreen) draw(f *demoFrame) {
	if !s.terminal {
		fmt.Fprintln(s.out, f.line())
		return
	}
	var page strings.Builder
	page.WriteString("\x1b[?25l\x1b[H") // hide the cursor, home
	if !s.drawn {
		page.WriteString("\x1b[2J")
		s.drawn = true
	}
	for line := range strings.Lines(s.page(f)) {
		page.WriteString(strings.TrimSuffix(line, "\n") + "\x1b[K\n") // the rest of the line is cleared
	}
	page.WriteString("\x1b[J")
	_, _ = io.WriteString(s.out, page.String()) // a terminal that has gone away
}

// finish tells whether the books say what was sent.
func (s *demoScreen) finish(f *demoFrame) {
	verdict := "The books hold exactly what was sent"
	if !f.exact() {
		verdict = "The books hold what was sent in this run and before"
	}
	sent := f.made.Truth
	fmt.Fprintf(s.out, "%s: %s unique clicks, %s duplicates, %s by bots; %s conversions.\n",
		verdict, formatCount(sent.UniqueClicks), formatCount(sent.DuplicateClicks), formatCount(sent.BotClicks), formatCount(sent.Conversions))
}

// exact compares the books with what was sent.
func (f *demoFrame) exact() bool {
	sent, booked := f.made.Truth, f.booked()
	return uint64(sent.UniqueClicks) == booked.UniqueClicks && uint64(sent.DuplicateClicks) == booked.DuplicateClicks &&
		uint64(sent.BotClicks) == booked.BotClicks && uint64(sent.Conversions) == booked.Conversions
}

// settled tells whether everything that was sent has been worked.
func (f *demoFrame) settled() bool {
	return f.status.Kafka.Error == "" && len(f.status.Kafka.Topics) > 0 && f.status.Kafka.Lag == 0 && f.exactOrMore()
}

// exactOrMore holds when no sent click is missing from the books; a kept data
// folder has those of runs before, too.
func (f *demoFrame) exactOrMore() bool {
	return f.booked().Clicks >= uint64(f.made.Truth.Clicks)
}

// booked adds up the programs' counts.
func (f *demoFrame) booked() (sum analytics.Figures) {
	for _, p := range f.totals {
		sum.Clicks += p.Clicks
		sum.UniqueClicks += p.UniqueClicks
		sum.DuplicateClicks += p.DuplicateClicks
		sum.BotClicks += p.BotClicks
		sum.Conversions += p.Conversions
		sum.AttributedConversions += p.AttributedConversions
		sum.RewardsEarned += p.RewardsEarned
	}
	return sum
}

// rates are events a second of what comes in from outside.
func (f *demoFrame) rates() (in, done float64) {
	for _, t := range f.status.Kafka.Topics {
		if t.Topic != "referral.credits" { // made by the pipeline itself
			in += t.WrittenPS
			done += t.ConsumedPS
		}
	}
	return in, done
}

// costs lists the net rewards by currency.
func (f *demoFrame) costs() string {
	sums := make(map[string]int64)
	for _, p := range f.totals {
		sums[p.Currency] += p.RewardCostMinor
	}
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, formatMoney(sums[currency], currency))
	}
	return strings.Join(parts, ", ")
}

// trouble names the engines that do not answer.
func (f *demoFrame) trouble() string {
	if err := f.status.unreachable(); err != nil {
		return shortened(strings.ReplaceAll(err.Error(), "\n", "; "), 66)
	}
	return ""
}

// line is a frame in one line.
func (f *demoFrame) line() string {
	if trouble := f.trouble(); trouble != "" {
		return f.took.Round(time.Second).String() + "  trouble: " + trouble
	}
	in, done := f.rates()
	booked := f.booked()
	return fmt.Sprintf("%s  sent %.0f/s  worked %.0f/s  behind %d  unique %d  duplicate %d  bot %d  conversions %d  rewards %d (%s)",
		f.took.Round(time.Second), in, done, f.status.Kafka.Lag, booked.UniqueClicks, booked.DuplicateClicks, booked.BotClicks,
		booked.AttributedConversions, booked.RewardsEarned, f.costs())
}
