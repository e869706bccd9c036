/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// A worker that lived this long did not die of its start.
	healthyAfter = 30 * time.Second
)

// errRetired is why a worker ends whose successor must not wait.
var errRetired = errors.New("the worker was replaced")

// pool keeps a worker running and replaces it when it dies or hangs.
type pool struct {
	options *Options
	log     *logger
	reap    *reaper

	mu      sync.Mutex
	current *worker
	changed chan struct{} // closed and replaced when current changes
	retired sync.WaitGroup
}

func newPool(o *Options, log *logger) *pool {
	return &pool{options: o, log: log, reap: newReaper(), changed: make(chan struct{})}
}

// run keeps a worker running until ctx is done. It fails when the handler cannot
// be loaded.
func (p *pool) run(ctx context.Context) error {
	defer p.retired.Wait()
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := p.runOne(ctx)
		if failed := (*loadError)(nil); errors.As(err, &failed) {
			return err
		}
		if err == nil || errors.Is(err, errRetired) {
			continue
		}
		if time.Since(started) > healthyAfter {
			backoff = firstBackoff
		}
		p.log.error(fmt.Sprintf("the worker died: %v; restarting in %v", err, backoff))
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
		}
		backoff = min(2*backoff, lastBackoff)
	}
	return nil
}

// runOne runs a worker and says why it is over; nil because ctx is done.
func (p *pool) runOne(ctx context.Context) error {
	w, err := startWorker(p.options, p.log, p.reap)
	if err != nil {
		return &loadError{p.options.Handler, err.Error()}
	}
	select {
	case <-w.loaded:
	case <-w.done:
		return w.exitError()
	case <-ctx.Done():
		w.end(ctx)
		return nil
	}
	p.set(w)
	defer p.set(nil)
	select {
	case <-w.done:
		return w.exitError()
	case <-ctx.Done():
		w.end(ctx)
		return nil
	case <-w.serving.Done():
	}
	if !errors.Is(context.Cause(w.serving), errRetired) { // it died, and is read to its end
		<-w.done
		return w.exitError()
	}
	p.retired.Go(func() {
		// No call outlives the timeout, so none needs more.
		grace, cancel := context.WithTimeout(ctx, p.options.Timeout)
		defer cancel()
		w.end(grace)
	})
	return errRetired
}

func (p *pool) set(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = w
	close(p.changed)
	p.changed = make(chan struct{})
}

// awaitReady reports whether a worker has loaded the handler, now or before ctx is done.
func (p *pool) awaitReady(ctx context.Context) bool {
	for {
		p.mu.Lock()
		ready, changed := p.current != nil, p.changed
		p.mu.Unlock()
		if ready {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// begin opens a call at the current worker, or waits for the next one.
func (p *pool) begin(ctx context.Context, info callInfo) (*call, error) {
	var gone *worker
	for {
		p.mu.Lock()
		w, changed := p.current, p.changed
		p.mu.Unlock()
		if w == nil || w == gone {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		c, err := w.begin(ctx, info)
		if !errors.Is(err, errWorkerGone) {
			return c, err
		}
		gone = w // it has not seen the call, so another one may
	}
}
