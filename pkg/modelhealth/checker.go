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

package modelhealth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

const (
	// atOnce is how many endpoints are asked at the same time.
	atOnce = 16
	// jitter keeps checks that began together from staying together: a tenth of the interval, more or less.
	jitter = .1
	// slower is what the interval of an endpoint that fails grows by with each failure, and slowest what it grows to. A check
	// comes at most 1.65 intervals and its own timeout after the one before, so that two intervals after an endpoint is back
	// that is known.
	slower, slowest = .1, 1.5
	// heartbeat is after how many checks that find nothing new a result is told all the same, so that its time is not old.
	heartbeat = 10
)

var (
	// ErrKeyMissing is for a Secret, or a key of one, that is not there.
	ErrKeyMissing = errors.New("there is no such key")
	// ErrKeyUnreadable is for a Secret that may not be read.
	ErrKeyUnreadable = errors.New("the Secret may not be read")
)

// KeyRef names a key of a Secret. The zero value is none.
type KeyRef struct{ Namespace, Name, Key string }

// Target is a model at an endpoint.
type Target struct {
	Provider v1alpha1.AIProvider
	// URL is what AISpec.EndpointURL returns. Path is asked for at its host in place of the list of models; "" is none.
	URL, Path string
	// Model is looked for, and Fallback where it is not there; "" is none.
	Model, Fallback string
	Key             KeyRef
	// Interval is the time between two checks. Of those who share an endpoint the shortest holds.
	Interval time.Duration
}

// Health is what a check found.
type Health struct {
	// Status, Reason and Message are those of the condition AIReady.
	Status          corev1.ConditionStatus
	Reason, Message string
	// ActiveModel is the model that is there. "" is none.
	ActiveModel string
	// Checked is when the endpoint was asked, and Latency how long it took to answer.
	Checked time.Time
	Latency time.Duration
	// Failures is the number of checks since the last one that found a model.
	Failures int32
}

// same is true where there is nothing new for people.
func (h *Health) same(as *Health) bool {
	return h.Status == as.Status && h.Reason == as.Reason && h.Message == as.Message && h.ActiveModel == as.ActiveModel
}

// Options are what a Checker needs.
type Options struct {
	// Transport makes the connections. It refuses those that are not to be made.
	Transport http.RoundTripper
	// Keys reads the key of a Secret. It fails with ErrKeyMissing, ErrKeyUnreadable, or what passes by itself.
	Keys func(context.Context, KeyRef) ([]byte, error)
	// Changed is told of whom there is something new, or after a while all the same.
	Changed func(types.NamespacedName)
	Clock   clock.WithTicker
}

// Checker looks after endpoints. Who has the same endpoint and key shares the checks.
type Checker struct {
	ctx     context.Context //nolint:containedctx // It ends all checks, which begin at any time.
	client  *http.Client
	keys    func(context.Context, KeyRef) ([]byte, error)
	changed func(types.NamespacedName)
	clock   clock.WithTicker
	slots   chan struct{}

	mu        sync.Mutex
	watched   map[types.NamespacedName]*watched
	endpoints map[endpointID]*endpoint
	running   sync.WaitGroup
}

// endpointID tells endpoints apart.
type endpointID struct {
	provider  v1alpha1.AIProvider
	url, path string
	key       KeyRef
}

// endpoint is one that is checked, until it is stopped.
type endpoint struct {
	endpointID

	stop func()
	last *finding
	// failures in a row, of the endpoint: not of models that it has not.
	failures int
	members  map[types.NamespacedName]*watched
}

// watched is a target of someone.
type watched struct {
	target   Target
	endpoint *endpoint
	health   *Health
	// silent is how many checks have not been told.
	silent int
}

// New makes a Checker, whose checks end with the context.
func New(ctx context.Context, o Options) *Checker {
	return &Checker{
		ctx: ctx, keys: o.Keys, changed: o.Changed, clock: o.Clock, slots: make(chan struct{}, atOnce),
		client: &http.Client{
			Transport: o.Transport,
			// A redirect leads where nobody has looked.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		watched: map[types.NamespacedName]*watched{}, endpoints: map[endpointID]*endpoint{},
	}
}

// Set has someone's target checked from now on, in place of the one before.
func (c *Checker) Set(who types.NamespacedName, t Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watched[who]; w != nil {
		if w.target == t {
			return
		}
		c.leave(who, w)
	}
	id := endpointID{t.Provider, t.URL, t.Path, t.Key}
	e := c.endpoints[id]
	if e == nil {
		ctx, cancel := context.WithCancel(c.ctx)
		e = &endpoint{endpointID: id, stop: cancel, members: map[types.NamespacedName]*watched{}}
		c.endpoints[id] = e
		c.running.Go(func() { c.drive(ctx, e) })
	}
	w := &watched{target: t, endpoint: e}
	c.watched[who], e.members[who] = w, w
	if e.last != nil {
		w.health = w.judge(e.last)
	}
}

// Get returns what was last found of someone's target, or false where nobody has looked yet.
func (c *Checker) Get(who types.NamespacedName) (Health, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watched[who]; w != nil && w.health != nil {
		return *w.health, true
	}
	return Health{}, false
}

// Forget ends the checks of someone's target.
func (c *Checker) Forget(who types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watched[who]; w != nil {
		c.leave(who, w)
	}
}

// Wait returns when all checks have ended, which the context of New makes them do.
func (c *Checker) Wait() { c.running.Wait() }

func (c *Checker) leave(who types.NamespacedName, w *watched) {
	delete(c.watched, who)
	delete(w.endpoint.members, who)
	if len(w.endpoint.members) == 0 {
		w.endpoint.stop()
		delete(c.endpoints, w.endpoint.endpointID)
	}
}

// drive checks an endpoint again and again.
func (c *Checker) drive(ctx context.Context, e *endpoint) {
	for {
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		f := c.probe(ctx, e)
		<-c.slots
		if ctx.Err() != nil {
			return
		}
		observability.CountHealthCheck(ctx, string(e.provider), f.reason, f.latency)
		told, pause := c.note(e, f)
		for _, who := range told {
			c.changed(who)
		}
		timer := c.clock.NewTimer(pause)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// note keeps what was found, and returns who is to be told, and when to look again.
func (c *Checker) note(e *endpoint, f *finding) (told []types.NamespacedName, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.last = f
	if e.failures++; f.reason == "" {
		e.failures = 0
	}
	for who, w := range e.members {
		before := w.health
		w.health = w.judge(f)
		if w.silent++; before == nil || !before.same(w.health) || w.silent >= heartbeat {
			w.silent = 0
			told = append(told, who)
		}
		if pause == 0 || w.target.Interval < pause {
			pause = w.target.Interval
		}
	}
	stretch := min(1+slower*float64(e.failures), slowest) * (1 - jitter + 2*jitter*rand.Float64()) //nolint:gosec // No secret is made of it.
	return told, time.Duration(float64(pause) * stretch)
}

// judge says what was found of a target.
func (w *watched) judge(f *finding) *Health {
	t := &w.target
	h := &Health{Status: corev1.ConditionTrue, Checked: f.at, Latency: f.latency}
	switch {
	case f.reason == v1alpha1.ReasonHealthCheckPending, f.reason == v1alpha1.ReasonAPIKeyUnreadable:
		h.Status, h.Reason, h.Message = corev1.ConditionUnknown, f.reason, f.message
	case f.reason != "":
		h.Status, h.Reason, h.Message = corev1.ConditionFalse, f.reason, f.message
	case f.list == nil, f.list.has(t.Provider, t.Model):
		h.ActiveModel = t.Model
	case t.Fallback != "" && f.list.has(t.Provider, t.Fallback):
		h.ActiveModel, h.Reason = t.Fallback, v1alpha1.ReasonFallbackActive
		h.Message = fmt.Sprintf("%s has no model %q; %q is there to fall back on.", harmless(t.URL), t.Model, t.Fallback)
	default:
		h.Status, h.Reason = corev1.ConditionFalse, v1alpha1.ReasonModelNotFound
		h.Message = fmt.Sprintf("%s has no model %q (it has: %s): put it there, or name another in spec.ai.model.", harmless(t.URL), t.Model, f.list)
	}
	if h.Status == corev1.ConditionFalse {
		h.Failures = 1
		if w.health != nil {
			h.Failures += w.health.Failures
		}
	}
	return h
}
