package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/simulate"
)

// How long a demo waits in the end for the pipeline to have worked everything:
// one that ends by itself, and one that somebody interrupts.
const (
	drainTimeout   = 30 * time.Second
	drainInterrupt = 8 * time.Second
)

// play runs pipeline and simulator, and shows what comes of it. They end in
// order: first the traffic, and when it has been worked the pipeline.
func (d *demo) play(ctx context.Context, engines *engine.Engines, out io.Writer) error {
	// What runs does not end with the interrupt, but when something fails.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	working, stopWorker := context.WithCancel(running)
	defer stopWorker()
	failures := make(chan error, 2) // of what should not end by itself
	worker := make(chan error, 1)
	go func() {
		err := runWorker(working, d.settings, d.log, false)
		if working.Err() == nil {
			failures <- fmt.Errorf("the pipeline ended: %w", err)
			end()
		}
		worker <- err
	}()
	go func() {
		if err := engines.Wait(working); err != nil {
			failures <- err
			end()
		}
	}()

	err := d.watch(ctx, running, engines, out)
	stopWorker()
	if stopped := <-worker; err == nil {
		err = stopped
	}
	select {
	case err = <-failures: // what came first, the rest are consequences
	default:
	}
	return err
}

// watch sends traffic once the pipeline is ready, and shows what becomes of it,
// until interrupted ends, or running when something failed.
func (d *demo) watch(interrupted, running context.Context, engines *engine.Engines, out io.Writer) error {
	sending, stopTraffic := context.WithCancel(running)
	defer stopTraffic()
	defer context.AfterFunc(interrupted, stopTraffic)()
	if !d.awaitReady(sending) {
		return nil
	}
	observer, err := newObserver(d.settings)
	if err != nil {
		return err
	}
	defer observer.close()
	d.screen = newDemoScreen(out, d, engines)
	defer d.screen.close()
	if d.flags.length > 0 {
		defer time.AfterFunc(d.flags.length, stopTraffic).Stop()
	}

	var made atomic.Pointer[simulate.Progress]
	made.Store(&simulate.Progress{})
	traffic := make(chan error, 1)
	go func() {
		truth, err := simulateTraffic(sending, d.settings, d.options, func(p simulate.Progress) { made.Store(&p) })
		made.Store(&simulate.Progress{
			Members: truth.Members, Clicks: truth.Clicks, Conversions: truth.Sum().Conversions, Acknowledged: truth.Written, Truth: truth.Sum(),
		})
		traffic <- err
	}()
	if err := d.show(running, observer, &made, traffic); err != nil || running.Err() != nil {
		return err
	}
	return d.drain(running, interrupted, observer, &made)
}

// show draws every second until the traffic has ended.
func (d *demo) show(running context.Context, observer *observer, made *atomic.Pointer[simulate.Progress], traffic <-chan error) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case err := <-traffic:
			return err
		case <-running.Done():
			return <-traffic
		case <-ticker.C:
			d.screen.draw(d.screen.look(running, observer, made))
		}
	}
}

// drain follows traffic that has ended until the pipeline has worked all of it,
// and tells whether the books say what was sent.
func (d *demo) drain(running, interrupted context.Context, observer *observer, made *atomic.Pointer[simulate.Progress]) error {
	d.screen.ending = true
	bounded, cancel := context.WithTimeout(running, drainTimeout)
	defer cancel()
	defer context.AfterFunc(interrupted, func() { time.AfterFunc(drainInterrupt, cancel) })()
	for {
		frame := d.screen.look(running, observer, made)
		d.screen.draw(frame)
		if frame.settled() {
			d.screen.finish(frame)
			return nil
		}
		if pauseFor(bounded, time.Second/2) == nil {
			continue
		}
		if running.Err() != nil || interrupted.Err() != nil {
			return nil
		}
		return fmt.Errorf("the pipeline has not worked everything within %s", drainTimeout)
	}
}

// awaitReady waits until the worker says that it is ready; false when ctx ended.
func (d *demo) awaitReady(ctx context.Context) bool {
	for {
		if lookWorker(ctx, d.settings.HTTP.Addr).Ready {
			return true
		}
		if pauseFor(ctx, 50*time.Millisecond) != nil {
			return false
		}
	}
}
