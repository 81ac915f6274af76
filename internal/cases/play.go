package cases

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// begins is when the clock of a case begins.
var begins = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// Play plays a case on so many partitions of each topic, and tells what came of it
// by section. folder is for the files of programs.
func (c *Case) Play(ctx context.Context, folder string, partitions int) (map[string][]string, error) {
	p, err := c.Run(ctx, folder, partitions)
	if err != nil {
		return nil, err
	}
	return p.Came, nil
}

// Played is a case that was played to its end.
type Played struct {
	*offline.Run                           // nil for a case whose first file is refused
	Records      map[string][]event.Record // what was written to each topic, in that order
	Programs     []*program.Catalog        // those that decided, in that order
	Came         map[string][]string       // by section
}

// Run plays a case and leaves everything to look at.
func (c *Case) Run(ctx context.Context, folder string, partitions int) (*Played, error) {
	first, problems, err := c.load(folder, wholeFile)
	if err != nil || problems != nil {
		return &Played{Came: map[string][]string{"refused": problems}}, err
	}
	p := &player{
		Case: c, folder: folder, now: begins, written: begins.Add(-pause),
		writer: writer{counts: map[string]int{}, customers: map[string]string{}},
		teller: teller{came: map[string][]string{}, seen: map[string]int{}, standing: map[string]*standing{}},
		played: Played{Records: map[string][]event.Record{}, Programs: []*program.Catalog{first}},
	}
	p.run = offline.NewRun(offline.RunOptions{
		Options: offline.Options{Catalog: first, Replay: partitions > 1}, Partitions: partitions, Now: begins.UnixMilli(),
	})
	for _, text := range c.Events {
		if err := p.play(ctx, text); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	p.end()
	p.played.Run, p.played.Came = p.run, p.came
	return &p.played, nil
}

// player is a case on its way.
type player struct {
	*Case
	writer
	teller
	folder  string
	run     *offline.Run
	now     time.Time // the clock: never back
	written time.Time // the time of the line before
	played  Played
}

// play carries out one line, to the end of all that follows from it.
func (p *player) play(ctx context.Context, text string) error {
	l, err := cut(text, p.written)
	if err != nil {
		return err
	}
	switch l.word {
	case "wait":
		return p.wait(ctx, l)
	case "programs":
		return p.take(ctx, l)
	}
	p.written = l.at
	if err := p.until(ctx, l.at); err != nil {
		return err
	}
	topic, rec, err := p.record(l, p.now)
	if err != nil {
		return err
	}
	p.run.Produce(topic, rec)
	p.played.Records[topic] = append(p.played.Records[topic], rec)
	return p.until(ctx, l.at)
}

func (p *player) wait(ctx context.Context, l *line) error {
	if len(l.plain) != 1 {
		return fmt.Errorf("say how long")
	}
	d, err := time.ParseDuration(l.plain[0])
	if err != nil {
		return err
	}
	p.written = p.now.Add(d)
	return p.until(ctx, p.written)
}

// take lets another file of programs decide from here on. A bad one changes nothing.
func (p *player) take(ctx context.Context, l *line) error {
	if len(l.plain) != 1 {
		return fmt.Errorf("name the file")
	}
	catalog, problems, err := p.load(p.folder, l.plain[0])
	if err != nil {
		return err
	}
	p.came["refused"] = append(p.came["refused"], problems...)
	if catalog != nil {
		p.run.Decide(catalog)
		p.played.Programs = append(p.played.Programs, catalog)
	}
	return p.until(ctx, p.now)
}

// until moves the clock, works all that is there and does what is due.
func (p *player) until(ctx context.Context, at time.Time) error {
	if at.After(p.now) {
		p.now = at
	}
	if err := p.run.Tick(ctx, p.now.UnixMilli()); err != nil {
		return err
	}
	return p.tell(p.run)
}

// load loads a file of programs, or tells its problems.
func (c *Case) load(folder, name string) (*program.Catalog, []string, error) {
	source, ok := c.Programs[name]
	if !ok {
		return nil, nil, fmt.Errorf("the case has no %s", name)
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, source, 0o600); err != nil {
		return nil, nil, err
	}
	catalog, err := config.LoadPrograms(path)
	if _, expected := c.Expected["refused"]; err != nil && expected {
		return nil, lines([]byte(strings.ReplaceAll(err.Error(), folder+"/", ""))), nil
	}
	return catalog, nil, err
}
