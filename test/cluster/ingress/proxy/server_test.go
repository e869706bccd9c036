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
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestServer(t *testing.T) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		io.WriteString(w, "late but here")
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	server, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal("Listen() =", err)
	}

	// A request that comes before there is a table waits for it.
	c := client(t, &httptest.Server{Listener: server.external.Listener}, false)
	answer := make(chan string)
	go func() {
		_, body := get(t, c, "http://fn/")
		answer <- body
	}()
	if got := ready(server); got != http.StatusServiceUnavailable {
		t.Errorf("the server that waits for its table says %d to the readiness probe, want 503", got)
	}
	served := make(chan error)
	go func() { served <- server.Serve(p) }()
	<-arrived
	if got := ready(server); got != http.StatusOK {
		t.Errorf("the server says %d to the readiness probe, want 200", got)
	}

	// A request under way outlives the order to stop.
	drained := make(chan error)
	go func() { drained <- server.Drain() }()
	if err := <-served; err != nil {
		t.Error("Serve() =", err)
	}
	close(release)
	if got := <-answer; got != "late but here" {
		t.Errorf("got %q, want the backend's answer", got)
	}
	if err := <-drained; err != nil {
		t.Error("Drain() =", err)
	}
}

func TestListenTwice(t *testing.T) {
	server, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal("Listen() =", err)
	}
	defer server.external.Listener.Close()
	defer server.internal.Listener.Close()
	taken := server.external.Listener.Addr().String()
	if _, err := Listen(taken, "127.0.0.1:0"); err == nil {
		t.Error("Listen() on a taken external address = nil, want an error")
	}
	if _, err := Listen("127.0.0.1:0", taken); err == nil {
		t.Error("Listen() on a taken internal address = nil, want an error")
	}
}

func ready(server *Server) int {
	recorder := httptest.NewRecorder()
	server.Ready(recorder, httptest.NewRequest(http.MethodGet, "/readiness", nil))
	return recorder.Code
}
