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
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// A worker that lived this long did not die of its start, and neither did one that answered a request.
	healthyAfter = 30 * time.Second
)

var (
	// errRetired is why a worker ends whose successor must not wait.
	errRetired = errors.New("the worker was replaced")
	// errEnded is why nothing is loaded any more.
	errEnded = errors.New("the runtime has ended")
)

// pool keeps a worker running and replaces it when it dies or hangs.
type pool struct {
	log   *logger
	reap  *reaper
	start func(startup) // is told once how the first worker came up

	// successor takes a worker that has loaded the handler anew, until over is
	// closed.
	successor chan *worker
	over      chan struct{}

	mu      sync.Mutex
	options *Options // of the workers that are started from now on
	current *worker
	latest  atomic.Pointer[worker] // the last that was current
	broken  error                  // why no worker is coming; nil where one is
	changed chan struct{}          // closed and replaced when current or broken change
	retired sync.WaitGroup
	measure sync.Once // the first worker is the one of the cold start
}

// processStart is when the supervisor began.
var processStart = time.Now()

func newPool(o *Options, log *logger) *pool {
	return &pool{
		options: o, log: log, reap: newReaper(),
		successor: make(chan *worker), over: make(chan struct{}), changed: make(chan struct{}),
	}
}

// run keeps a worker running until ctx is done. It fails when the handler cannot
// be loaded.
func (p *pool) run(ctx context.Context) error {
	defer p.retired.Wait()
	defer close(p.over)
	backoff := firstBackoff
	var next *worker // that has loaded the handler already
	for ctx.Err() == nil {
		started := time.Now()
		var err error
		if next, err = p.runOne(ctx, next); next != nil || err == nil || errors.Is(err, errRetired) {
			continue
		}
		if failed := (*loadError)(nil); errors.As(err, &failed) {
			if !p.options.Reloads {
				return err
			}
			next = p.awaitSuccessor(ctx, err)
			continue
		}
		if w := p.latest.Load(); time.Since(started) > healthyAfter || w != nil && w.session.answered.Load() {
			backoff = firstBackoff
		}
		p.log.error(fmt.Sprintf("the worker died: %v; restarting in %v", err, backoff))
		select {
		case <-time.After(backoff):
		case next = <-p.successor:
		case <-ctx.Done():
		}
		backoff = min(2*backoff, lastBackoff)
	}
	if next != nil {
		next.end(ctx)
	}
	return nil
}

// runOne runs a worker, which it starts where there is none yet, and says why it
// is over: a successor is there, or the error; neither because ctx is done.
func (p *pool) runOne(ctx context.Context, w *worker) (successor *worker, err error) {
	if w == nil {
		p.mu.Lock()
		o := p.options
		p.mu.Unlock()
		if w, err = startWorker(o, p.log, p.reap); err != nil {
			return nil, &loadError{o.Handler, err.Error()}
		}
	}
	select {
	case <-w.loaded:
	case <-w.done:
		return nil, w.exitError()
	case next := <-p.successor:
		p.retire(ctx, w)
		return next, nil
	case <-ctx.Done():
		w.end(ctx)
		return nil, nil
	}
	p.measure.Do(func() {
		p.start(startup{phaseBoot: {processStart, w.greeted}, phaseInit: {w.greeted, w.readied}})
	})
	p.set(w)
	defer p.set(nil)
	select {
	case <-w.done:
		return nil, w.exitError()
	case <-ctx.Done():
		w.end(ctx)
		return nil, nil
	case next := <-p.successor:
		p.retire(ctx, w)
		return next, nil
	case <-w.serving.Done():
	}
	if !errors.Is(context.Cause(w.serving), errRetired) { // it died, and is read to its end
		<-w.done
		return nil, w.exitError()
	}
	p.retire(ctx, w)
	return nil, errRetired
}

// retire lets a worker finish its calls.
func (p *pool) retire(ctx context.Context, w *worker) {
	p.retired.Go(func() {
		// No call outlives the timeout, so none needs more.
		grace, cancel := context.WithTimeout(ctx, w.options.Timeout)
		defer cancel()
		w.end(grace)
	})
}

// awaitSuccessor has requests answered with the reason until the handler is loaded anew.
func (p *pool) awaitSuccessor(ctx context.Context, reason error) *worker {
	p.log.error(fmt.Sprintf("%v; waiting for a change", reason))
	p.setBroken(&httpError{http.StatusServiceUnavailable, codeNotLoaded, reason.Error()})
	defer p.setBroken(nil)
	select {
	case next := <-p.successor:
		return next
	case <-ctx.Done():
		return nil
	}
}

// reload has a worker with changed options load the handler, and take over once it has.
func (p *pool) reload(ctx context.Context, change func(*Options)) error {
	p.mu.Lock()
	o := *p.options
	p.mu.Unlock()
	change(&o)
	w, err := startWorker(&o, p.log, p.reap)
	if err != nil {
		return &loadError{o.Handler, err.Error()}
	}
	select {
	case <-w.loaded:
	case <-w.done:
		return w.exitError()
	case <-ctx.Done():
		w.end(ctx)
		return context.Cause(ctx)
	}
	p.mu.Lock()
	p.options = &o
	p.mu.Unlock()
	select {
	case p.successor <- w:
		return p.takenOver(ctx, w)
	case <-p.over:
		w.end(ctx)
		return errEnded
	}
}

// takenOver returns once the worker gets all calls: until then the one before it may get some.
func (p *pool) takenOver(ctx context.Context, w *worker) error {
	for {
		p.mu.Lock()
		taken, changed := p.current == w, p.changed
		p.mu.Unlock()
		if taken {
			return nil
		}
		select {
		case <-changed:
		case <-w.done:
			return w.exitError()
		case <-p.over:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *pool) set(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = w
	if w != nil {
		p.latest.Store(w)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pool) setBroken(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = reason
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

// await returns the current worker, or waits for one.
func (p *pool) await(ctx context.Context) (*worker, error) {
	for {
		p.mu.Lock()
		w, broken, changed := p.current, p.broken, p.changed
		p.mu.Unlock()
		switch {
		case broken != nil:
			return nil, broken
		case w != nil:
			return w, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// begin opens a call at the current worker, or waits for the next one.
func (p *pool) begin(ctx context.Context, info callInfo) (*call, error) {
	var gone *worker
	for {
		p.mu.Lock()
		w, broken, changed := p.current, p.broken, p.changed
		p.mu.Unlock()
		if broken != nil {
			return nil, broken
		}
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
