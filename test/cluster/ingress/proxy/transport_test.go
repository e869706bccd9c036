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

package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestDialFailure(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}))
	refused := closedAddress(t)
	for _, tc := range []struct {
		name string
		// endpoints are what the resolver answers, one set after the other.
		endpoints [][]string
	}{
		{name: "another endpoint takes it", endpoints: [][]string{{refused, refused, address(backend), refused}}},
		{name: "endpoints change", endpoints: [][]string{{refused}, {refused}, {address(backend)}}},
		{name: "an endpoint appears", endpoints: [][]string{nil, nil, {address(backend)}}},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", tc.name, http2), func(t *testing.T) {
				p, resolver := newProxy(t, map[string]Upstream{"fn": {}})
				asked := 0
				resolver.asked = func() {
					resolver.set("fn", Upstream{Addresses: tc.endpoints[min(asked, len(tc.endpoints)-1)], HTTP2: http2})
					asked++
				}
				front := serve(t, p.Handler(external))
				response, err := client(t, front, false).Post("http://fn/", "text/plain", strings.NewReader("hello"))
				if err != nil {
					t.Fatal("failed to send the request:", err)
				}
				defer response.Body.Close()
				if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" {
					t.Errorf("got %s %q, %v, want the body that was sent", response.Status, body, err)
				}
				if asked != len(tc.endpoints) {
					t.Errorf("the endpoints were looked up %d times, want %d", asked, len(tc.endpoints))
				}
			})
		}
	}
}

func TestServiceAppears(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	p, resolver := newProxy(t, map[string]Upstream{"fn": {}})
	delete(resolver.m, "fn")
	var once sync.Once
	resolver.asked = func() {
		// The first question is answered before the Service is known.
		once.Do(func() {
			go resolver.set("fn", Upstream{Addresses: []string{address(backend)}})
		})
	}
	if got, body := get(t, client(t, serve(t, p.Handler(external)), false), "http://fn/"); got != http.StatusOK {
		t.Errorf("got %d %q, want 200", got, body)
	}
}

func TestUnavailable(t *testing.T) {
	for _, addresses := range [][]string{nil, {closedAddress(t)}} {
		p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: addresses}})
		p.transport.timeout = short
		if got, body := get(t, client(t, serve(t, p.Handler(external)), false), "http://fn/"); got != http.StatusServiceUnavailable {
			t.Errorf("with endpoints %v: got %d %q, want 503", addresses, got, body)
		}
	}
}

// A request that a backend may have seen belongs to the client: only it knows whether to send it again.
func TestNoRetryOnceSent(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			var requests atomic.Int32
			backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				panic(http.ErrAbortHandler)
			}))
			p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
			front := serve(t, p.Handler(external))
			r, _ := http.NewRequest(method, "http://fn/", strings.NewReader("hello"))
			response, err := client(t, front, false).Do(r)
			if err != nil {
				t.Fatal("failed to send the request:", err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusBadGateway {
				t.Errorf("got %s, want 502", response.Status)
			}
			if got := requests.Load(); got != 1 {
				t.Errorf("the backend got %d requests, want 1", got)
			}
		})
	}
}

func TestErrorsOfTheBackendAreAnswers(t *testing.T) {
	var requests atomic.Int32
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	if got, _ := get(t, client(t, serve(t, p.Handler(external)), false), "http://fn/"); got != http.StatusServiceUnavailable {
		t.Errorf("got %d, want the backend's 503", got)
	}
	if got := requests.Load(); got != 1 {
		t.Errorf("the backend got %d requests, want 1", got)
	}
}

func TestFreshBody(t *testing.T) {
	body := &freshBody{ReadCloser: io.NopCloser(strings.NewReader("hello"))}
	body.Close()
	again, err := body.again()
	if err != nil {
		t.Fatal("again() before the first byte =", err)
	}
	if got, err := io.ReadAll(again); err != nil || string(got) != "hello" {
		t.Errorf("ReadAll() = %q, %v, want the whole body", got, err)
	}
	if _, err := body.again(); err == nil {
		t.Error("again() after the first byte = nil, want an error")
	}
}
