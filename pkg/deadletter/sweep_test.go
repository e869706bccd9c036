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
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

func (w *world) sweep(age time.Duration, want int) {
	w.Helper()
	got, err := w.store.sweep(w.Context(), age)
	if err != nil || got != want {
		w.Errorf("sweep(%v) = %d, %v, want %d", age, got, err, want)
	}
}

func (w *world) purgeAll() {
	w.Helper()
	var purged struct{ Purged int }
	w.post("/purge", `{"filter": {}}`, http.StatusOK, &purged)
	if purged.Purged == 0 {
		w.Error("nothing was purged")
	}
}

func (w *world) namespaces() []string {
	w.Helper()
	namespaces, err := w.store.Namespaces(w.Context())
	if err != nil {
		w.Fatal("Namespaces() =", err)
	}
	return namespaces
}

func TestSweep(t *testing.T) {
	w := newWorld(t, nil, "update")
	w.deliver("1")
	w.deliverTo("kept", "function=orders", "1")
	w.purgeAll()
	w.sweep(time.Hour, 0)
	w.sweep(0, 1)
	if got, want := w.namespaces(), []string{"kept"}; !slices.Equal(got, want) {
		t.Errorf("namespaces %v, want %v", got, want)
	}
	// Whatever went on there is over, and letters that come are letters as before.
	if got := w.letters(""); len(got) != 0 {
		t.Errorf("letters %v", eventIDs(got))
	}
	w.deliver("1")
	if got, want := eventIDs(w.letters("")), []string{"1"}; !slices.Equal(got, want) {
		t.Errorf("letters %v, want %v", got, want)
	}
}

// The namespaces that have no letters give way to one that has.
func TestSweepMakesRoom(t *testing.T) {
	w := newWorld(t, func(d *config.DeadLetters) { d.MaxNamespaces, d.DedupeWindow = 1, 100*time.Millisecond }, "update")
	w.deliver("1")
	post := func() int {
		return w.do(http.MethodPost, "/v1/namespaces/other", "", eventHeader("1"), nil).status
	}
	if got := post(); got != http.StatusInsufficientStorage {
		t.Errorf("status %d beside a namespace that has a letter", got)
	}
	w.purgeAll()
	eventually(w, func() bool { return post() == http.StatusAccepted })
	if got, want := w.namespaces(), []string{"other"}; !slices.Equal(got, want) {
		t.Errorf("namespaces %v, want %v", got, want)
	}
}

// A letter that is taken while its stream is about to go keeps it.
func TestSweepLosesNothing(t *testing.T) {
	w := newWorld(t, nil, "update")
	for i := range 20 {
		w.deliver(fmt.Sprintf("first-%d", i))
		w.purgeAll()
		var sweeping sync.WaitGroup
		sweeping.Go(func() {
			if _, err := w.store.sweep(t.Context(), 0); err != nil {
				t.Error("sweep() =", err)
			}
		})
		id := fmt.Sprintf("second-%d", i)
		eventually(w, func() bool {
			return w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader(id), nil).status == http.StatusAccepted
		})
		sweeping.Wait()
		if got, want := eventIDs(w.letters("")), []string{id}; !slices.Equal(got, want) {
			t.Fatalf("letters %v, want %v", got, want)
		}
		w.purgeAll()
	}
}
