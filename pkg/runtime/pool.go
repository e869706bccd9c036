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
	healthyAfter  = 30 * time.Second
	shutdownGrace = 10 * time.Second
)

// pool keeps a worker running and replaces it when it dies or hangs.
type pool struct {
	options *Options
	log     *logger

	mu      sync.Mutex
	current *worker
	changed chan struct{} // closed and replaced when current changes
	retired sync.WaitGroup
	stop    context.CancelFunc
}

func newPool(o *Options, log *logger) *pool {
	return &pool{options: o, log: log, changed: make(chan struct{})}
}

// run keeps a worker running until ctx is done. It fails when the handler cannot
// be loaded.
func (p *pool) run(ctx context.Context) error {
	backoff := firstBackoff
	for {
		started := time.Now()
		err := p.runOne(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the worker was told to end
		}
		if failed := (*loadError)(nil); errors.As(err, &failed) {
			return err
		}
		if err == nil || time.Since(started) > healthyAfter {
			backoff = firstBackoff
		}
		if err == nil {
			continue // it was retired: its successor must not wait
		}
		p.log.error(fmt.Sprintf("the worker died: %v; restarting in %v", err, backoff))
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return nil
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// runOne runs a worker until it dies, which is an error, or is retired.
func (p *pool) runOne(ctx context.Context) error {
	w, err := startWorker(p.options, p.log)
	if err != nil {
		return &loadError{p.options.Handler, err.Error()}
	}
	select {
	case <-w.loaded:
	case <-w.done:
		return w.exitError()
	case <-ctx.Done():
		p.end(w)
		return nil
	}
	retire, cancel := context.WithCancel(ctx)
	defer cancel()
	p.set(w, cancel)
	select {
	case <-w.done:
		p.set(nil, nil)
		return w.exitError()
	case <-retire.Done():
		p.set(nil, nil)
		if ctx.Err() != nil {
			p.end(w)
			return nil
		}
		p.retired.Go(func() { p.endAfter(w, p.options.Timeout) })
		return nil
	}
}

func (p *pool) end(w *worker) { p.endAfter(w, shutdownGrace) }

func (p *pool) endAfter(w *worker, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	w.shutdown(ctx)
}

func (p *pool) set(w *worker, stop context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.stop = w, stop
	close(p.changed)
	p.changed = make(chan struct{})
}

// ready reports whether a worker has loaded the handler.
func (p *pool) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil
}

// get waits for a worker.
func (p *pool) get(ctx context.Context) (*worker, error) {
	for {
		p.mu.Lock()
		w, changed := p.current, p.changed
		p.mu.Unlock()
		if w != nil {
			return w, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// retire replaces a worker that does not end a call. What else it runs may
// finish.
func (p *pool) retire(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == w {
		p.stop()
	}
}
