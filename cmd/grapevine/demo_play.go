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

// drainTimeout bounds how long a demo that ends by itself waits for the pipeline
// to have worked everything.
const drainTimeout = 30 * time.Second

// play runs pipeline and simulator, and shows what comes of it. They end in
// order: first the traffic, then the pipeline, with its batch in flight.
func (d *demo) play(ctx context.Context, engines *engine.Engines, out io.Writer) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	working, stopWorker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorker()
	worker := make(chan error, 1)
	go func() {
		err := runWorker(working, d.settings, d.log, false)
		if err != nil {
			end(fmt.Errorf("the pipeline ended: %w", err))
		}
		worker <- err
	}()
	go func() {
		if err := engines.Wait(working); err != nil {
			end(err)
		}
	}()

	err := d.watch(ctx, engines, out)
	stopWorker()
	if stopped := <-worker; err == nil {
		err = stopped
	}
	if err == nil && context.Cause(ctx) != ctx.Err() { // not a mere interrupt
		err = context.Cause(ctx)
	}
	return err
}

// watch sends traffic once the pipeline is ready, and shows what becomes of it.
func (d *demo) watch(ctx context.Context, engines *engine.Engines, out io.Writer) error {
	if !d.awaitReady(ctx) {
		return nil
	}
	observer, err := newObserver(d.settings)
	if err != nil {
		return err
	}
	defer observer.close()
	d.screen = newDemoScreen(out, d, engines)
	defer d.screen.close()

	var made atomic.Pointer[simulate.Progress]
	made.Store(&simulate.Progress{})
	sending, stopTraffic := context.WithCancel(ctx)
	defer stopTraffic()
	if d.flags.length > 0 {
		time.AfterFunc(d.flags.length, stopTraffic)
	}
	traffic := make(chan error, 1)
	go func() {
		truth, err := simulateTraffic(sending, d.settings, d.options, func(p simulate.Progress) { made.Store(&p) })
		made.Store(&simulate.Progress{
			Members: truth.Members, Clicks: truth.Clicks, Conversions: truth.Sum().Conversions, Acknowledged: truth.Written, Truth: truth.Sum(),
		})
		traffic <- err
	}()
	return d.show(ctx, observer, &made, traffic)
}

// show draws every second until the traffic has ended. Traffic that ended by
// itself is followed until the pipeline has worked all of it.
func (d *demo) show(ctx context.Context, observer *observer, made *atomic.Pointer[simulate.Progress], traffic <-chan error) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	frame := d.screen.look(ctx, observer, made)
	var drained <-chan time.Time
	for {
		select {
		case err := <-traffic:
			if err != nil || ctx.Err() != nil {
				return err
			}
			traffic, drained = nil, time.After(drainTimeout)
		case <-ctx.Done():
			if traffic != nil {
				return <-traffic
			}
			return nil
		case <-drained:
			return fmt.Errorf("the pipeline has not worked everything within %s", drainTimeout)
		case <-ticker.C:
		}
		next := d.screen.look(ctx, observer, made)
		next.status.throughput(frame.status)
		frame = next
		d.screen.draw(frame)
		if traffic == nil && frame.settled() {
			d.screen.finish(frame)
			return nil
		}
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
