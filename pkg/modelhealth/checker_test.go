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
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

const secret = "sk-very-secret"

// world is a Checker, and an endpoint that answers as handler has it.
type world struct {
	*testing.T
	checker *Checker
	clock   *clocktesting.FakeClock
	url     string
	asked   atomic.Int64
	handler atomic.Pointer[http.HandlerFunc]
	key     atomic.Pointer[string]
	told    chan types.NamespacedName
	end     func()
}

func newWorld(t *testing.T, transport http.RoundTripper) *world {
	t.Helper()
	w := &world{T: t, clock: clocktesting.NewFakeClock(time.Unix(1.7e9, 0)), told: make(chan types.NamespacedName, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		(*w.handler.Load())(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	w.checker = New(ctx, Options{
		Transport: transport, Clock: w.clock, Changed: func(who types.NamespacedName) { w.told <- who },
		Keys: func(_ context.Context, ref KeyRef) ([]byte, error) {
			switch ref.Name {
			case "missing":
				return nil, ErrKeyMissing
			case "unreadable":
				return nil, ErrKeyUnreadable
			case "broken":
				return []byte(secret + "\n"), nil
			case "unknown":
				return nil, errors.New("the API server is away")
			}
			return []byte(*w.key.Load()), nil
		},
	})
	w.end = sync.OnceFunc(func() {
		cancel()
		w.checker.Wait()
	})
	t.Cleanup(w.end)
	w.key.Store(new(string))
	*w.key.Load() = secret
	w.answer(http.StatusOK, `{}`)
	return w
}

func (w *world) serve(handler http.HandlerFunc) { w.handler.Store(&handler) }

func (w *world) answer(status int, body string) {
	w.serve(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	})
}

func who(name string) types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: name} }

// await waits until someone is told, and returns what of.
func (w *world) await(name string) Health {
	w.Helper()
	select {
	case told := <-w.told:
		if told != who(name) {
			w.Fatalf("%v was told, want %s", told, name)
		}
	case <-time.After(time.Minute):
		w.Fatal("nobody is told anything")
	}
	health, ok := w.checker.Get(who(name))
	if !ok {
		w.Fatal("nothing is known of what was told")
	}
	return health
}

// next has the next check begin, once the one before has ended.
func (w *world) next() {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); !w.clock.HasWaiters(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatal("no check waits for its time")
		}
	}
	w.clock.Step(2 * time.Minute)
}

const (
	tags      = `{"models":[{"name":"llama3:latest"},{"name":"tiny:1b"}]}`
	openAI    = `{"object":"list","data":[{"id":"gpt-x"},{"id":"tiny"}]}`
	anthropic = `{"data":[{"id":"claude-x"}],"has_more":false}`
)

func TestHealth(t *testing.T) {
	authorized := func(header, value, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get(header) != value {
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = rw.Write([]byte(body))
		}
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(text))
		}
	}
	path := func(want, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.RequestURI() != want {
				rw.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = rw.Write([]byte(text))
		}
	}
	key := func(name string) KeyRef { return KeyRef{Namespace: "ns", Name: name, Key: "api-key"} }
	const ollama, openai, claude = v1alpha1.AIProviderOllama, v1alpha1.AIProviderOpenAI, v1alpha1.AIProviderAnthropic
	for name, tc := range map[string]struct {
		target  Target
		handler http.HandlerFunc
		status  corev1.ConditionStatus
		reason  string
		active  string
	}{
		"Ollama":                {Target{Provider: ollama, Model: "llama3:latest"}, path("/api/tags", tags), corev1.ConditionTrue, "", "llama3:latest"},
		"Ollama, without a tag": {Target{Provider: ollama, Model: "llama3"}, path("/api/tags", tags), corev1.ConditionTrue, "", "llama3"},
		"Ollama, another tag":   {Target{Provider: ollama, Model: "llama3:70b"}, body(200, tags), corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, ""},
		"Ollama, tag by force":  {Target{Provider: ollama, Model: "tiny"}, body(200, tags), corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, ""},
		"no models":             {Target{Provider: ollama, Model: "a"}, body(200, `{"models":[]}`), corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, ""},
		"fallback":              {Target{Provider: ollama, Model: "a", Fallback: "tiny:1b"}, body(200, tags), corev1.ConditionTrue, v1alpha1.ReasonFallbackActive, "tiny:1b"},
		"no fallback either":    {Target{Provider: ollama, Model: "a", Fallback: "b"}, body(200, tags), corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, ""},
		"OpenAI":                {Target{Provider: openai, Model: "gpt-x", Key: key("good")}, authorized("Authorization", "Bearer "+secret, openAI), corev1.ConditionTrue, "", "gpt-x"},
		"OpenAI, wrong API":     {Target{Provider: openai, Model: "gpt-x"}, body(200, tags), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"OpenAI, no :latest":    {Target{Provider: openai, Model: "llama3"}, body(200, `{"data":[{"id":"llama3:latest"}]}`), corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, ""},
		"Anthropic":             {Target{Provider: claude, Model: "claude-x", Key: key("good")}, authorized("X-Api-Key", secret, anthropic), corev1.ConditionTrue, "", "claude-x"},
		"Anthropic, version":    {Target{Provider: claude, Model: "claude-x"}, authorized("Anthropic-Version", "2023-06-01", anthropic), corev1.ConditionTrue, "", "claude-x"},
		"key rejected":          {Target{Provider: openai, Model: "gpt-x", Key: key("good")}, body(403, secret), corev1.ConditionFalse, v1alpha1.ReasonAPIKeyRejected, ""},
		"key with a line break": {Target{Provider: openai, Model: "gpt-x", Key: key("broken")}, body(200, openAI), corev1.ConditionFalse, v1alpha1.ReasonAPIKeyRejected, ""},
		"key missing":           {Target{Provider: openai, Model: "gpt-x", Key: key("missing")}, body(200, openAI), corev1.ConditionFalse, v1alpha1.ReasonAPIKeyMissing, ""},
		"key unreadable":        {Target{Provider: openai, Model: "gpt-x", Key: key("unreadable")}, body(401, ""), corev1.ConditionUnknown, v1alpha1.ReasonAPIKeyUnreadable, ""},
		"key not asked for":     {Target{Provider: openai, Model: "gpt-x", Key: key("unreadable")}, body(200, openAI), corev1.ConditionTrue, "", "gpt-x"},
		"key unknown":           {Target{Provider: openai, Model: "gpt-x", Key: key("unknown")}, body(200, openAI), corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckPending, ""},
		"error":                 {Target{Provider: ollama, Model: "a"}, body(503, "x"), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"too many requests":     {Target{Provider: ollama, Model: "a"}, body(429, "x"), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"redirect":              {Target{Provider: ollama, Model: "llama3"}, http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"no JSON":               {Target{Provider: ollama, Model: "a"}, body(200, "<html>"), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"null":                  {Target{Provider: ollama, Model: "a"}, body(200, "null"), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"huge":                  {Target{Provider: ollama, Model: "a"}, body(200, strings.Repeat(" ", maxBody+1)), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
		"cut off": {Target{Provider: ollama, Model: "a"}, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "100")
			_, _ = rw.Write([]byte("{"))
		}, corev1.ConditionFalse, v1alpha1.ReasonEndpointUnreachable, ""},
		"a path of the user's":         {Target{Provider: openai, Model: "m", Path: "/healthz"}, path("/healthz", "fine"), corev1.ConditionTrue, "", "m"},
		"a path of the user's, not so": {Target{Provider: openai, Model: "m", Path: "/healthz"}, body(500, ""), corev1.ConditionFalse, v1alpha1.ReasonEndpointFailed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, http.DefaultTransport)
			w.serve(tc.handler)
			if tc.target.URL, tc.target.Interval = w.url, time.Minute; tc.target.Path != "" {
				tc.target.URL += "/v1"
			}
			w.checker.Set(who("a"), tc.target)
			h := w.await("a")
			if h.Status != tc.status || h.Reason != tc.reason || h.ActiveModel != tc.active || !h.Checked.Equal(w.clock.Now()) {
				t.Errorf("Health = %+v; want %s %s, model %q", h, tc.status, tc.reason, tc.active)
			}
			if (h.Failures == 1) != (tc.status == corev1.ConditionFalse) || (h.Message == "") != (tc.reason == "") {
				t.Errorf("Health = %+v", h)
			}
			if strings.Contains(h.Message, secret) {
				t.Errorf("the message has the key: %s", h.Message)
			}
		})
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, http.DefaultTransport)
	w.serve(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after_id") == "" {
			_, _ = rw.Write([]byte(`{"data":[{"id":"a"}],"has_more":true,"last_id":"a&b"}`))
			return
		}
		fmt.Fprintf(rw, `{"data":[{"id":%q}],"has_more":true,"last_id":"z"}`, r.URL.Query().Get("after_id"))
	})
	w.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderAnthropic, URL: w.url, Model: "a&b", Interval: time.Minute})
	if h := w.await("a"); h.Status != corev1.ConditionTrue {
		t.Errorf("Health = %+v", h)
	}
	if asked := w.asked.Load(); asked != maxPages {
		t.Errorf("%d pages were asked for", asked)
	}
}

// An endpoint that has gone, one that is refused, and one that is slow.
func TestNoAnswer(t *testing.T) {
	gone := newWorld(t, http.DefaultTransport)
	gone.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOllama, URL: "http://127.0.0.1:1", Model: "a", Interval: time.Minute})
	if h := gone.await("a"); h.Reason != v1alpha1.ReasonEndpointUnreachable {
		t.Errorf("gone: %+v", h)
	}
	guarded := newWorld(t, netguard.New(netguard.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}).Transport(nil))
	guarded.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOllama, URL: guarded.url, Model: "a", Interval: time.Minute})
	if h := guarded.await("a"); h.Reason != v1alpha1.ReasonEndpointForbidden || guarded.asked.Load() != 0 {
		t.Errorf("loopback: %+v", h)
	}
	slow := newWorld(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }))
	slow.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOllama, URL: slow.url, Model: "a", Interval: time.Minute})
	if h := slow.await("a"); h.Reason != v1alpha1.ReasonEndpointTimeout {
		t.Errorf("slow: %+v", h)
	}
	bad := newWorld(t, http.DefaultTransport)
	bad.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOllama, URL: "http://[", Model: "a", Interval: time.Minute})
	if h := bad.await("a"); h.Reason != v1alpha1.ReasonEndpointFailed {
		t.Errorf("no URL: %+v", h)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What changes is told at the next check, and what does not after a while.
func TestChanges(t *testing.T) {
	w := newWorld(t, http.DefaultTransport)
	w.answer(http.StatusServiceUnavailable, "")
	w.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOllama, URL: w.url, Model: "llama3", Interval: time.Minute})
	if h := w.await("a"); h.Failures != 1 {
		t.Errorf("at first: %+v", h)
	}
	for range heartbeat {
		w.next()
	}
	if h := w.await("a"); h.Failures != heartbeat+1 || h.Reason != v1alpha1.ReasonEndpointFailed {
		t.Errorf("the same for long: %+v", h)
	}
	w.answer(http.StatusOK, tags)
	w.next()
	if h := w.await("a"); h.Status != corev1.ConditionTrue || h.Failures != 0 {
		t.Errorf("back: %+v", h)
	}
	w.answer(http.StatusOK, `{"models":[]}`)
	w.next()
	if h := w.await("a"); h.Reason != v1alpha1.ReasonModelNotFound {
		t.Errorf("the model is gone: %+v", h)
	}
	select {
	case <-w.told:
		t.Error("something is told twice")
	default:
	}
}

// Who has the same endpoint shares its checks, and each is judged by the own model.
func TestSharing(t *testing.T) {
	w := newWorld(t, http.DefaultTransport)
	w.answer(http.StatusOK, tags)
	target := Target{Provider: v1alpha1.AIProviderOllama, URL: w.url, Model: "llama3", Interval: time.Minute}
	w.checker.Set(who("a"), target)
	w.await("a")
	other := target
	other.Model = "tiny:1b"
	w.checker.Set(who("b"), other)
	if h, ok := w.checker.Get(who("b")); !ok || h.ActiveModel != "tiny:1b" {
		t.Errorf("the second: %+v %t", h, ok)
	}
	w.checker.Set(who("b"), other) // it is as it was
	if asked := w.asked.Load(); asked != 1 {
		t.Errorf("%d checks for two", asked)
	}
	w.checker.Forget(who("a"))
	w.checker.Forget(who("a"))
	if _, ok := w.checker.Get(who("a")); ok {
		t.Error("who is forgotten is known")
	}
	w.checker.Forget(who("b"))
	w.end()
	if w.clock.HasWaiters() || len(w.checker.endpoints) > 0 {
		t.Error("an endpoint of nobody is checked")
	}
}

// A key that is changed is used from the next check on.
func TestRotatedKey(t *testing.T) {
	w := newWorld(t, http.DefaultTransport)
	var got atomic.Pointer[string]
	w.serve(func(rw http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		got.Store(&key)
		if key != "Bearer two" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = rw.Write([]byte(openAI))
	})
	w.checker.Set(who("a"), Target{Provider: v1alpha1.AIProviderOpenAI, URL: w.url, Model: "tiny", Interval: time.Minute, Key: KeyRef{Namespace: "ns", Name: "s", Key: "k"}})
	if h := w.await("a"); h.Reason != v1alpha1.ReasonAPIKeyRejected {
		t.Errorf("the old key: %+v", h)
	}
	two := "two"
	w.key.Store(&two)
	w.next()
	if h := w.await("a"); h.Status != corev1.ConditionTrue {
		t.Errorf("the new key %q: %+v", *got.Load(), h)
	}
}

// The next check comes within a tenth of the interval, and, of what fails, before twice the interval.
func TestPauses(t *testing.T) {
	c := New(context.Background(), Options{})
	e := &endpoint{members: map[types.NamespacedName]*watched{
		who("a"): {target: Target{Interval: time.Minute}}, who("b"): {target: Target{Interval: time.Hour}},
	}}
	for range 1000 {
		if _, pause := c.note(e, &finding{}); pause < 54*time.Second || pause > 66*time.Second {
			t.Fatalf("the next check comes after %v", pause)
		}
	}
	for i := range 1000 {
		if _, pause := c.note(e, found(v1alpha1.ReasonEndpointFailed, "")); pause < 54*time.Second || pause > 2*time.Minute-probeTimeout {
			t.Fatalf("after %d failures the next check comes after %v", i+1, pause)
		}
	}
}

func TestAliases(t *testing.T) {
	l := &list{names: []string{"claude-3-5-haiku-20241022", "claude-sonnet-4-20250514", "claude-x", "claude-2025"}}
	for model, want := range map[string]bool{
		"claude-3-5-haiku-20241022": true, "claude-3-5-haiku-latest": true, "claude-3-5-haiku": true, "claude-sonnet-4-0": true, "claude-x": true,
		"claude-x-latest": false, "claude-latest": false, "claude-0": false, "claude": false, "claude-sonnet-4-20250101": false, "": false,
	} {
		if got := l.has(v1alpha1.AIProviderAnthropic, model); got != want {
			t.Errorf("Anthropic has %q: %t", model, got)
		}
		if model != "claude-x" && model != "claude-3-5-haiku-20241022" && l.has(v1alpha1.AIProviderOpenAI, model) {
			t.Errorf("OpenAI has %q", model)
		}
	}
}

func FuzzReadList(f *testing.F) {
	for _, text := range []string{tags, openAI, anthropic, `{"data":[{"id":"\u0000"}],"has_more":true,"last_id":"x"}`, `[]`, `{"models":null}`, `{"models":[null]}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, provider := range []v1alpha1.AIProvider{v1alpha1.AIProviderOllama, v1alpha1.AIProviderOpenAI, v1alpha1.AIProviderAnthropic} {
			l, err := readList(provider, []byte(text))
			if err != nil {
				continue
			}
			for _, name := range l.names {
				if !l.has(provider, name) {
					t.Errorf("%q is in the list, and is not", name)
				}
			}
			if told := l.String(); len([]rune(told)) > maxTold*(maxName+3)+32 || strings.ContainsFunc(told, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("the list is told as %q", told)
			}
		}
	})
}
