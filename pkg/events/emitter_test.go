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
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"k8s.io/apimachinery/pkg/util/wait"
)

// box is a sink.
type box struct {
	mu sync.Mutex
	// answers are the next statuses, then 202.
	answers []int
	got     []string // subject and id
	more    chan struct{}
}

func (b *box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	status := http.StatusAccepted
	if len(b.answers) > 0 {
		status, b.answers = b.answers[0], b.answers[1:]
	}
	if status == http.StatusAccepted {
		b.got = append(b.got, r.Header.Get("Ce-Subject")+" "+r.Header.Get("Ce-Id"))
		b.more <- struct{}{}
	}
	w.WriteHeader(status)
}

func (b *box) await(t *testing.T, n int) []string {
	t.Helper()
	for range n {
		select {
		case <-b.more:
		case <-time.After(30 * time.Second):
			t.Fatalf("no more events come, there are %v", b.got)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}

func newBox(t *testing.T, answers ...int) (*box, string) {
	t.Helper()
	b := &box{answers: answers, more: make(chan struct{}, 1000)}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return b, server.URL
}

func newTestEmitter(t *testing.T) (emitter *Emitter, logs *observer.ObservedLogs, stop func()) {
	t.Helper()
	core, logs := observer.New(zap.ErrorLevel)
	e := NewEmitter(http.DefaultTransport, zap.New(core).Sugar())
	e.pauses = wait.Backoff{Duration: time.Millisecond, Steps: 1}
	ctx, cancel := context.WithCancel(t.Context())
	go e.Run(ctx)
	return e, logs, func() { cancel(); e.Wait() }
}

func lifecycle(t *testing.T, subject, id string) *event.Event {
	t.Helper()
	namespace, name, _ := strings.Cut(subject, "/")
	e, err := NewLifecycle(t.Context(), FunctionReady, namespace, name, Cause{ID: id, CorrelationID: "c"}, &Function{Name: name, Namespace: namespace, Conditions: []Condition{}})
	if err != nil {
		t.Fatal("NewLifecycle() =", err)
	}
	return e
}

func TestEmitsInOrder(t *testing.T) {
	// The sink is away for a while: what is before is sent before.
	b, url := newBox(t, 503, 503, 429, 404, 500)
	e, logs, stop := newTestEmitter(t)
	e.SetSink(Sink{Wanted: true, URL: url})
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("shop/hello %d", i))
		e.Emit(lifecycle(t, "shop/hello", strconv.Itoa(i)))
	}
	if diff := cmp.Diff(want, b.await(t, 50)); diff != "" {
		t.Error("events (-want, +got):", diff)
	}
	stop()
	if logs.Len() > 0 || e.Queued() != 0 {
		t.Errorf("logged %v, queued %d", logs.All(), e.Queued())
	}
}

func TestWaitsForTheAddress(t *testing.T) {
	b, url := newBox(t)
	e, _, stop := newTestEmitter(t)
	defer stop()
	e.SetSink(Sink{Wanted: true})
	e.Emit(lifecycle(t, "shop/hello", "1"))
	e.SetSink(Sink{Wanted: true, URL: url})
	if diff := cmp.Diff([]string{"shop/hello 1"}, b.await(t, 1)); diff != "" {
		t.Error("events (-want, +got):", diff)
	}
}

func TestNobodyWantsEvents(t *testing.T) {
	e, logs, stop := newTestEmitter(t)
	e.Emit(lifecycle(t, "shop/hello", "1"))
	stop()
	if e.Wanted() || e.Queued() != 0 || logs.Len() > 0 {
		t.Errorf("queued %d, logged %v", e.Queued(), logs.All())
	}
}

// What a sink refuses is logged whole, and does not hold up what comes after.
func TestRefusedEvents(t *testing.T) {
	b, url := newBox(t, 400)
	e, logs, stop := newTestEmitter(t)
	e.SetSink(Sink{Wanted: true, URL: url})
	e.Emit(lifecycle(t, "shop/hello", "bad"))
	e.Emit(lifecycle(t, "shop/hello", "good"))
	if diff := cmp.Diff([]string{"shop/hello good"}, b.await(t, 1)); diff != "" {
		t.Error("events (-want, +got):", diff)
	}
	stop()
	if logged := logs.All(); len(logged) != 1 || !strings.Contains(fmt.Sprint(logged[0].ContextMap()["event"]), `"id":"bad"`) {
		t.Errorf("logged %v", logs.All())
	}
}

func TestNoRoom(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	e := NewEmitter(http.DefaultTransport, zap.New(core).Sugar())
	e.SetSink(Sink{Wanted: true})
	e.queued.Store(maxQueued)
	e.Emit(lifecycle(t, "shop/hello", "1"))
	if logs.Len() != 1 || e.Queued() != maxQueued {
		t.Errorf("logged %d, queued %d", logs.Len(), e.Queued())
	}
}

// What waits when the process ends is sent first.
func TestFlush(t *testing.T) {
	b, url := newBox(t, 503, 503)
	e, logs, stop := newTestEmitter(t)
	e.SetSink(Sink{Wanted: true, URL: url})
	for i := range 5 {
		e.Emit(lifecycle(t, "shop/hello", strconv.Itoa(i)))
	}
	stop()
	if got := b.await(t, 5); len(got) != 5 || logs.Len() > 0 {
		t.Errorf("sent %v, logged %v", got, logs.All())
	}
}

func TestLifecycleEventsAreValid(t *testing.T) {
	e := lifecycle(t, "shop/hello", "1")
	if err := e.Validate(); err != nil {
		t.Error("Validate() =", err)
	}
	if e.Source() != "io.knative.lambda/operator/shop/hello" || e.Extensions()["correlationid"] != "c" {
		t.Errorf("the event is %v", e)
	}
	if wrong, err := Check(e.Type(), e.Data()); err != nil || len(wrong) > 0 {
		t.Errorf("Check() = %v, %v", wrong, err)
	}
}
