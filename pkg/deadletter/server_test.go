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

package deadletter

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	logtesting "knative.dev/pkg/logging/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access/accesstest"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	admin    = "admin"
	stranger = accesstest.Stranger
)

func newCluster(rights ...string) *accesstest.Cluster {
	for _, verb := range []string{verbGet, verbList, verbUpdate} {
		rights = append(rights, admin+" "+verb+" shop/")
	}
	return accesstest.NewCluster(rights...)
}

// world is a server with a store of its own, and functions that letters can be sent to.
type world struct {
	*testing.T
	cluster  *accesstest.Cluster
	settings *config.DeadLetters
	store    *Store
	server   *Server
	web      *httptest.Server
	// functions are handlers by host.
	mu        sync.Mutex
	functions map[string]http.HandlerFunc
}

func newWorld(t *testing.T, change func(*config.DeadLetters), rights ...string) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir(), change, rights...)
}

func newWorldIn(t *testing.T, folder string, change func(*config.DeadLetters), rights ...string) *world {
	t.Helper()
	w := &world{T: t, cluster: newCluster(rights...), settings: config.DefaultDeadLetters(), functions: map[string]http.HandlerFunc{}}
	if change != nil {
		change(w.settings)
	}
	logger := logtesting.TestLogger(t)
	store, err := OpenStore(t.Context(), StoreOptions{Folder: folder, Settings: w.settings, Logger: logger})
	if err != nil {
		t.Fatal("OpenStore() =", err)
	}
	w.store = store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error("Close() =", err)
		}
	})
	w.serve()
	return w
}

func (w *world) serve() {
	functions := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		h := w.functions[r.Host]
		w.mu.Unlock()
		if h == nil {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		h(rw, r)
	}))
	w.Cleanup(functions.Close)
	w.server = NewServer(Options{
		Store:    w.store,
		Access:   w.cluster.Reviewer(0),
		Settings: func() *config.DeadLetters { return w.settings },
		Owner:    "deadletter-0",
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, functions.Listener.Addr().String())
		}},
		Logger: w.store.options.Logger,
	})
	w.web = httptest.NewServer(w.server.Handler())
	w.Cleanup(w.web.Close)
}

// handle makes a function of namespace shop.
func (w *world) handle(name string, h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.functions[name+".shop.svc.cluster.local"] = h
}

// start runs redrives until the test ends.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.server.runner.run(ctx)
	}()
	w.Cleanup(func() {
		cancel()
		<-done
	})
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(method, path, token string, header map[string]string, body []byte) answer {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.web.URL+path, bytes.NewReader(body))
	if err != nil {
		w.Fatal("NewRequest() =", err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal("Do() =", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal("ReadAll() =", err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// get asks for something that is there.
func (w *world) get(path string, into any) {
	w.Helper()
	w.decode(w.do(http.MethodGet, "/v1/namespaces/shop"+path, admin, nil, nil), http.StatusOK, into)
}

func (w *world) post(path, body string, status int, into any) {
	w.Helper()
	w.decode(w.do(http.MethodPost, "/v1/namespaces/shop"+path, admin, map[string]string{"Content-Type": "application/json"}, []byte(body)), status, into)
}

func (w *world) decode(a answer, status int, into any) {
	w.Helper()
	if a.status != status {
		w.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		w.Fatalf("Unmarshal(%s) = %v", a.body, err)
	}
}

// eventHeader is what a broker sends of an event that function orders failed on.
func eventHeader(id string, more ...string) map[string]string {
	header := map[string]string{
		"Content-Type":        "application/json",
		"Ce-Specversion":      "1.0",
		"Ce-Id":               id,
		"Ce-Type":             "com.example.order",
		"Ce-Source":           "/shop",
		"Ce-Subject":          "orders",
		"Ce-Correlationid":    "c-" + id,
		"Ce-Knativeerrordest": "http://orders.shop.svc.cluster.local/",
		"Ce-Knativeerrorcode": "500",
		"Ce-Knativeerrordata": "Ym9vbQ==",
	}
	for _, pair := range more {
		name, value, _ := strings.Cut(pair, "=")
		header[name] = value
	}
	maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
	return header
}

// deliver posts a letter for function orders.
func (w *world) deliver(id string, more ...string) {
	w.Helper()
	w.deliverTo("shop", "function=orders&retries=2", id, more...)
}

func (w *world) deliverTo(namespace, query, id string, more ...string) {
	w.Helper()
	a := w.do(http.MethodPost, "/v1/namespaces/"+namespace+"?"+query, "", eventHeader(id, more...), []byte(`{"id": "`+id+`"}`))
	if a.status != http.StatusAccepted {
		w.Fatalf("the letter was not taken: %d %s", a.status, a.body)
	}
}

func (w *world) letters(query string) []*Letter {
	w.Helper()
	var page LetterList
	w.get("/letters?"+query, &page)
	return page.Letters
}

// eventIDs are those of the letters.
func eventIDs(letters []*Letter) []string {
	ids := []string{}
	for _, l := range letters {
		ids = append(ids, l.Event.ID())
	}
	return ids
}

// await waits until a redrive has ended.
func (w *world) await(id string) *Redrive {
	w.Helper()
	var j Redrive
	eventually(w, func() bool {
		j = Redrive{}
		w.get("/redrives/"+id, &j)
		return j.State.finished()
	})
	return &j
}

// patience is how long it is waited for what takes far less.
const patience = time.Minute

func eventually(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it does not happen")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
