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
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// No request may fail while the table is swapped a thousand times and backends come and go.
func TestSwapUnderLoad(t *testing.T) {
	const (
		swaps    = 1000
		restarts = 100
		workers  = 8
	)
	p, resolver := newProxy(t, nil)
	backends := []*restartable{{name: "http1", resolver: resolver}, {name: "http2", resolver: resolver}}
	for _, b := range backends {
		b.start(t)
		defer func() { b.current.Close() }()
	}
	swap(p, 0)
	front := serve(t, p.Handler(external))
	l := newLoad(workers)
	for i := range workers {
		go l.run(t, i, client(t, front, i%2 == 1))
	}

	var changes sync.WaitGroup
	changes.Go(func() {
		c := client(t, front, false)
		for generation := range int64(swaps) {
			swap(p, generation+1)
			if err := exchange(c, "between two swaps"); err != nil {
				t.Error(err)
			}
		}
	})
	changes.Go(func() {
		for i := range restarts {
			backends[i%len(backends)].restart(t, l)
		}
	})
	changes.Wait()
	l.stop()
	for i, n := range l.answered {
		if n == 0 {
			t.Errorf("worker %d got no answer", i)
		}
	}
}

// swap gives the proxy a table in which the two backends have other shares than before.
func swap(p *Proxy, generation int64) {
	path := pathTo("http1")
	path.Splits = append(path.Splits, pathTo("http2").Splits...)
	path.Splits[0].Percent = 10 + int(generation%80)
	path.Splits[1].Percent = 100 - path.Splits[0].Percent
	p.SetTable(p.table.Load().Update([]*v1alpha1.Ingress{ingressOf(generation, v1alpha1.IngressRule{
		Hosts: []string{"fn"},
		HTTP:  &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{path}},
	})}))
}

// restartable is a Service with one endpoint.
type restartable struct {
	name     string
	resolver *services
	current  *httptest.Server
}

func (r *restartable) start(t *testing.T) {
	r.current = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, err := io.Copy(w, q.Body); err != nil {
			t.Error("a backend failed to answer:", err)
		}
	}))
	r.current.Config.Protocols = protocols(true, true)
	r.current.Start()
	r.resolver.set(r.name, Upstream{Addresses: []string{address(r.current)}, HTTP2: r.name == "http2"})
}

// restart replaces the endpoint as Kubernetes and Knative do it: the new one is ready, the old one is no longer listed,
// who chose it before may finish, then it stops.
func (r *restartable) restart(t *testing.T, l *load) {
	old := r.current
	r.start(t)
	l.settle()
	old.Close()
}

// load sends requests from several clients for as long as it runs.
type load struct {
	done     chan struct{}
	finished sync.WaitGroup
	// busy[i] is held while a request of worker i is under way.
	busy     []sync.Mutex
	answered []int
}

func newLoad(workers int) *load {
	l := &load{done: make(chan struct{}), busy: make([]sync.Mutex, workers), answered: make([]int, workers)}
	l.finished.Add(workers)
	return l
}

func (l *load) run(t *testing.T, worker int, c *http.Client) {
	defer l.finished.Done()
	for n := 0; ; n++ {
		select {
		case <-l.done:
			return
		default:
		}
		l.busy[worker].Lock()
		err := exchange(c, fmt.Sprintf("request %d of worker %d", n, worker))
		l.busy[worker].Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		l.answered[worker]++
	}
}

// settle returns when all requests that were under way have been answered.
func (l *load) settle() {
	for i := range l.busy {
		l.busy[i].Lock()
		l.busy[i].Unlock() //nolint:staticcheck // having got the lock is all that matters
	}
}

func (l *load) stop() {
	close(l.done)
	l.finished.Wait()
}

// exchange sends a text that the backend is to send back.
func exchange(c *http.Client, text string) error {
	response, err := c.Post("http://fn/", "text/plain", strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("failed to send %q: %w", text, err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("failed to read the answer to %q: %w", text, err)
	}
	if response.StatusCode != http.StatusOK || string(got) != text {
		return fmt.Errorf("sent %q and got %s %q", text, response.Status, got)
	}
	return nil
}
