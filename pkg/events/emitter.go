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

package events

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

const (
	// lanes is how many events are on their way at once. Events of one subject are in the same lane, in their order.
	lanes = 8
	// maxQueued is how many events wait for a sink that does not answer. What comes then is logged instead.
	maxQueued = 10000
	// giveUpAfter is how long an event is tried.
	giveUpAfter = time.Hour
	// flushTimeout is how long what waits is sent when the process ends.
	flushTimeout = 10 * time.Second
	sendTimeout  = 10 * time.Second
)

// sendPauses are between the tries of an event.
var sendPauses = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: .2, Steps: 10, Cap: 15 * time.Second}

// Emitter sends events to a sink, those of one subject in their order, and tries again what the sink does not take. What it
// never takes, and what there is no room for, is logged as it is: so that none is lost without a trace.
type Emitter struct {
	client *http.Client
	logger *zap.SugaredLogger
	pauses wait.Backoff

	sink   atomic.Pointer[Sink]
	queued atomic.Int64
	lanes  [lanes]lane
	ended  chan struct{}
}

// Sink is where events go.
type Sink struct {
	// Wanted is false where nobody wants events.
	Wanted bool
	// URL is "" as long as it is not known: events wait.
	URL string
}

// lane is a queue of events that are sent one after the other.
type lane struct {
	mu    sync.Mutex
	queue []*queued
	more  chan struct{}
}

type queued struct {
	event *event.Event
	at    time.Time
}

// NewEmitter makes an Emitter that sends by transport, and has no sink.
func NewEmitter(transport http.RoundTripper, logger *zap.SugaredLogger) *Emitter {
	e := &Emitter{
		client: &http.Client{Transport: otelhttp.NewTransport(transport), Timeout: sendTimeout},
		logger: logger, pauses: sendPauses, ended: make(chan struct{}),
	}
	for i := range e.lanes {
		e.lanes[i].more = make(chan struct{}, 1)
	}
	e.sink.Store(&Sink{})
	return e
}

// SetSink says where events go from now on.
func (e *Emitter) SetSink(sink Sink) { e.sink.Store(&sink) }

// Sink is where events go now.
func (e *Emitter) Sink() Sink { return *e.sink.Load() }

// Wanted is false where nobody wants events, so that none need be made.
func (e *Emitter) Wanted() bool { return e.Sink().Wanted }

// Queued is how many events wait.
func (e *Emitter) Queued() int64 { return e.queued.Load() }

// Emit has an event sent, and does not wait for that.
func (e *Emitter) Emit(ev *event.Event) {
	if !e.Wanted() {
		return
	}
	if e.queued.Add(1) > maxQueued {
		e.queued.Add(-1)
		e.bury(ev, errors.New("too many events wait for the sink"))
		return
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(ev.Subject())) // a hash does not fail
	lane := &e.lanes[hash.Sum32()%lanes]
	lane.mu.Lock()
	lane.queue = append(lane.queue, &queued{ev, time.Now()})
	lane.mu.Unlock()
	select {
	case lane.more <- struct{}{}:
	default:
	}
}

// Run sends events until the context ends, and for a while after it what waits then. It is called once.
func (e *Emitter) Run(ctx context.Context) {
	defer close(e.ended)
	flushing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(flushTimeout, cancel) })
	defer stop()
	var running sync.WaitGroup
	for i := range e.lanes {
		running.Go(func() { e.drive(ctx, flushing, &e.lanes[i]) })
	}
	running.Wait()
}

// Wait returns when Run has.
func (e *Emitter) Wait() { <-e.ended }

// drive sends the events of a lane until ctx has ended and the lane is empty, or flushing has ended.
func (e *Emitter) drive(ctx, flushing context.Context, l *lane) {
	for {
		next := l.first()
		if next == nil {
			select {
			case <-l.more:
				continue
			case <-ctx.Done():
				if next = l.first(); next == nil {
					return
				}
			}
		}
		e.deliver(flushing, next)
		l.drop()
		e.queued.Add(-1)
	}
}

func (l *lane) first() *queued {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	return l.queue[0]
}

func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue[0] = nil
	l.queue = l.queue[1:]
}

// deliver sends an event, again and again where that may help.
func (e *Emitter) deliver(ctx context.Context, next *queued) {
	pause := e.pauses
	for {
		sink := e.Sink()
		if !sink.Wanted {
			return
		}
		err := errNoURL
		if sink.URL != "" {
			err = e.send(ctx, sink.URL, next.event)
		}
		var refused *refusedError
		switch {
		case err == nil:
			observability.CountLifecycle(ctx, next.event.Type(), observability.LifecycleSent)
			return
		case errors.As(err, &refused) && !SentAgain(refused.status), time.Since(next.at) > giveUpAfter, ctx.Err() != nil:
			e.bury(next.event, err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.Step()):
		}
	}
}

var errNoURL = errors.New("the address of the sink is not known")

// refusedError is the status of a sink that did not take an event.
type refusedError struct{ status int }

func (r *refusedError) Error() string { return fmt.Sprintf("the sink answered %d", r.status) }

func (e *Emitter) send(ctx context.Context, url string, ev *event.Event) error {
	ctx = otel.GetTextMapPropagator().Extract(ctx, extensions(ev))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return fmt.Errorf("failed to make a request: %w", err)
	}
	if err := cehttp.WriteRequest(binding.WithForceBinary(ctx), binding.ToMessage(ev), request); err != nil {
		return fmt.Errorf("failed to write the event: %w", err)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return fmt.Errorf("failed to reach the sink: %w", err)
	}
	defer response.Body.Close()
	// The connection is used again when all was read.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return &refusedError{response.StatusCode}
	}
	return nil
}

// extensions has the trace of an event.
func extensions(ev *event.Event) propagation.MapCarrier {
	carrier := propagation.MapCarrier{}
	for _, name := range []string{"traceparent", "tracestate"} {
		if value, ok := ev.Extensions()[name].(string); ok {
			carrier[name] = value
		}
	}
	return carrier
}

// bury logs an event that nobody gets.
func (e *Emitter) bury(ev *event.Event, cause error) {
	observability.CountLifecycle(context.Background(), ev.Type(), observability.LifecycleDead)
	text, err := ev.MarshalJSON()
	if err != nil {
		text = []byte(err.Error())
	}
	e.logger.Errorw("An event reaches nobody", "type", ev.Type(), "subject", ev.Subject(), "event", string(text), "error", cause)
}

type emitterKey struct{}

// WithEmitter returns a context that has the Emitter.
func WithEmitter(ctx context.Context, e *Emitter) context.Context {
	return context.WithValue(ctx, emitterKey{}, e)
}

// EmitterFrom returns the context's Emitter, or one that nobody hears.
func EmitterFrom(ctx context.Context) *Emitter {
	if e, ok := ctx.Value(emitterKey{}).(*Emitter); ok {
		return e
	}
	return NewEmitter(http.DefaultTransport, zap.NewNop().Sugar())
}
