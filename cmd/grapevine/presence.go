package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// workerNote is what a worker says of itself in Redis, so that status can tell
// of every worker, wherever it runs.
type workerNote struct {
	HTTP     string       `json:"http"`
	Started  time.Time    `json:"started"`
	Programs string       `json:"programs"` // file or folder
	Revision string       `json:"revision"` // that decides
	Taken    time.Time    `json:"taken"`
	Refused  *refusedNote `json:"refused,omitempty"`
}

// refusedNote says why the programs as they lie on disk do not decide.
type refusedNote struct {
	Since    time.Time `json:"since"`
	Problems int       `json:"problems"`
	First    []string  `json:"first"` // some of them
}

const (
	// announceEvery is well below state.Silent: a word may be lost.
	announceEvery = 10 * time.Second
	// announceTimeout bounds a word at a Redis that is away.
	announceTimeout = 3 * time.Second
	// toldProblems is how many problems a note carries.
	toldProblems = 20
)

// presence keeps the note of this worker and says it again and again.
type presence struct {
	name    string
	changed chan struct{}

	mutex sync.Mutex
	note  workerNote
}

func newPresence(s *config.Settings) *presence {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &presence{
		name: fmt.Sprintf("%s:%d", host, os.Getpid()), changed: make(chan struct{}, 1),
		note: workerNote{HTTP: s.HTTP.Addr, Started: time.Now().UTC(), Programs: s.Programs},
	}
}

// change notes how the programs stand, and has it said at once.
func (p *presence) change(s config.WatcherState) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.note.Revision, p.note.Taken, p.note.Refused = s.Catalog.Revision, s.Taken.UTC(), nil
	if s.Refused != nil {
		p.note.Refused = &refusedNote{Since: s.Since.UTC(), Problems: 1, First: []string{s.Refused.Error()}}
		var problems *config.Problems
		if errors.As(s.Refused, &problems) {
			p.note.Refused.Problems, p.note.Refused.First = problems.Count(), nil
			for _, one := range problems.List[:min(len(problems.List), toldProblems)] {
				p.note.Refused.First = append(p.note.Refused.First, one.String())
			}
		}
	}
	select {
	case p.changed <- struct{}{}:
	default: // it is to be said already
	}
}

// run announces the worker until ctx ends, and then takes its word back.
func (p *presence) run(ctx context.Context, store *state.Store, log *slog.Logger) error {
	ticker := time.NewTicker(announceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
			defer cancel()
			if err := store.Withdraw(bounded, p.name); err != nil {
				log.Debug("the worker could not be withdrawn", "error", err)
			}
			return nil
		case <-p.changed:
		case <-ticker.C:
		}
		p.announce(ctx, store, log)
	}
}

func (p *presence) announce(ctx context.Context, store *state.Store, log *slog.Logger) {
	p.mutex.Lock()
	note, err := json.Marshal(p.note)
	p.mutex.Unlock()
	if err != nil {
		log.Error("the worker could not be announced", "error", err)
		return
	}
	bounded, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	if err := store.Announce(bounded, p.name, note); err != nil {
		log.Debug("the worker could not be announced", "error", err) // an outage is told by watchEngines
	}
}
