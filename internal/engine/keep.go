package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxRestarts is how often within restartWindow a server is started again.
	maxRestarts   = 5
	restartWindow = time.Minute
	// restartPause is between a restart that failed and the next one.
	restartPause = time.Second
)

// keepSpec says what to keep running.
type keepSpec struct {
	process  processSpec
	answers  func(context.Context) error // nil when the server is ready
	ask      func(*process) error        // asks it to end
	restarts int                         // within restartWindow; 0: none
	progress io.Writer                   // told of restarts; nil is standard error
}

// kept is a server that is started again when it ends by itself, with the same
// arguments, until that happens too often.
type kept struct {
	spec  keepSpec
	life  context.Context // done from Stop on
	end   context.CancelFunc
	ended chan struct{} // closed when it is gone for good; err is set before
	err   error         // why it is gone though nobody stopped it

	mu      sync.Mutex
	current *process
}

// keep starts the server and returns when it answers. A first start that fails
// is not repeated.
func keep(ctx context.Context, spec keepSpec) (*kept, error) {
	first, err := startReady(ctx, spec)
	if err != nil {
		return nil, err
	}
	k := &kept{spec: spec, ended: make(chan struct{}), current: first}
	k.life, k.end = context.WithCancel(context.WithoutCancel(ctx))
	go k.watch()
	return k, nil
}

func startReady(ctx context.Context, spec keepSpec) (*process, error) {
	p, err := startProcess(spec.process)
	if err != nil {
		return nil, err
	}
	return p, p.awaitReady(ctx, spec.answers)
}

// watch restarts the server until it is stopped, or too many restarts are in the window.
func (k *kept) watch() {
	defer close(k.ended)
	defer k.end()
	var restarts []time.Time
	p := k.process()
	for {
		<-p.ended
		if k.life.Err() != nil {
			return
		}
		reason := p.endedEarly()
		for p = nil; p == nil; {
			restarts = within(restarts, time.Now().Add(-restartWindow))
			if len(restarts) == k.spec.restarts {
				k.err = k.gaveUp(reason)
				return
			}
			restarts = append(restarts, time.Now())
			if p, reason = k.restart(reason); k.life.Err() != nil {
				return
			}
		}
	}
}

// within returns those times that are not before from.
func within(times []time.Time, from time.Time) []time.Time {
	for len(times) > 0 && times[0].Before(from) {
		times = times[1:]
	}
	return times
}

func (k *kept) gaveUp(reason error) error {
	if k.spec.restarts == 0 {
		return reason
	}
	return fmt.Errorf("%w\n%s was started again %d times within %s: that is enough",
		reason, k.spec.process.engine, k.spec.restarts, restartWindow)
}

// restart returns the new process, or nil and why there is none.
func (k *kept) restart(reason error) (*process, error) {
	say(k.spec.progress, "%v\nengines: starting %s again, on the same data", reason, k.spec.process.engine)
	ctx, cancel := context.WithTimeout(k.life, restartWindow)
	defer cancel()
	p, err := startReady(ctx, k.spec)
	if err == nil && k.replace(p) {
		say(k.spec.progress, "%s answers again", k.spec.process.engine)
		return p, nil
	}
	select {
	case <-k.life.Done():
	case <-time.After(restartPause):
	}
	return nil, err
}

// replace makes p the current process, or kills it when the server has been
// stopped meanwhile.
func (k *kept) replace(p *process) bool {
	k.mu.Lock()
	stopped := k.life.Err() != nil
	if !stopped {
		k.current = p
	}
	k.mu.Unlock()
	if stopped {
		p.kill()
	}
	return !stopped
}

func (k *kept) process() *process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Stop ends the server; its data stays. When ctx is done first, it is killed.
func (k *kept) Stop(ctx context.Context) error {
	k.mu.Lock()
	k.end()
	p := k.current
	k.mu.Unlock()
	err := p.stop(ctx, func() error { return k.spec.ask(p) })
	<-k.ended // a restart that is under way is given up at once
	return err
}

// Ended is closed when the server is gone for good, for whatever reason.
func (k *kept) Ended() <-chan struct{} { return k.ended }

// PID is the server's process id, which changes with a restart.
func (k *kept) PID() int { return k.process().pid() }
