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
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

func TestReceive(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("1")
	structured := `{"specversion": "1.0", "id": "2", "type": "com.example.order", "source": "/shop", "count": 7,
		"datacontenttype": "application/xml", "data_base64": "PGEvPg==", "knativeerrorcode": 404}`
	a := w.do(http.MethodPost, "/v1/namespaces/shop/?function=bills", "", map[string]string{"Content-Type": "application/cloudevents+json; charset=utf-8"}, []byte(structured))
	if a.status != http.StatusAccepted || a.body != "" {
		t.Fatalf("structured: %d %s", a.status, a.body)
	}
	letters := w.letters("")
	if diff := cmp.Diff([]string{"1", "2"}, eventIDs(letters)); diff != "" {
		t.Fatal("letters (-want, +got):", diff)
	}
	first, second := letters[0], letters[1]
	if first.Function != "orders" || first.Reason != ReasonHandlerError || first.Status != 500 || first.Body != "boom" || first.Attempts != 3 ||
		first.Destination != "http://orders.shop.svc.cluster.local/" || len(first.Event.Data()) != 0 || first.Size != 11 {
		t.Errorf("the first letter is %+v", first)
	}
	if second.Function != "bills" || second.Reason != ReasonNotFound || second.Destination != "http://bills.shop.svc.cluster.local/" {
		t.Errorf("the second letter is %+v", second)
	}
	// The event is what it was.
	a = w.do(http.MethodGet, "/v1/namespaces/shop/letters/"+first.ID+"/event", admin, nil, nil)
	if a.status != http.StatusOK || a.body != `{"id": "1"}` {
		t.Errorf("event: %d %q", a.status, a.body)
	}
	for name, want := range eventHeader("1", "Ce-Knativeerrordest=", "Ce-Knativeerrorcode=", "Ce-Knativeerrordata=") {
		if got := a.header.Get(name); got != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Ce-Knativeerror") {
			t.Errorf("the event has %s", name)
		}
	}
	a = w.do(http.MethodGet, "/v1/namespaces/shop/letters/"+second.ID, admin, nil, nil)
	for _, want := range []string{`"count":7`, `"data_base64":"PGEvPg=="`, `"datacontenttype":"application/xml"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the letter has no %s: %s", want, a.body)
		}
	}
}

func TestReceiveRefuses(t *testing.T) {
	event := eventHeader("1")
	without := func(name string) map[string]string { return eventHeader("1", name+"=") }
	for _, tc := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		status             int
		code               string
	}{
		{name: "no namespace", path: "/v1/namespaces/Shop_1", header: event, status: 400, code: codeInvalid},
		{name: "dots in the namespace", path: "/v1/namespaces/a.b", header: event, status: 400, code: codeInvalid},
		{name: "nothing there", path: "/v1", header: event, status: 404, code: codeNotFound},
		{name: "another method", method: http.MethodPut, path: "/v1/namespaces/shop", header: event, status: 405, code: codeMethod},
		{name: "no event", path: "/v1/namespaces/shop", header: map[string]string{"Content-Type": "application/json"}, body: "{}", status: 415, code: codeUnsupportedType},
		{name: "batch", path: "/v1/namespaces/shop", header: map[string]string{"Content-Type": "application/cloudevents-batch+json"}, body: "[]", status: 415, code: codeUnsupportedType},
		{name: "no type", path: "/v1/namespaces/shop", header: without("Ce-Type"), status: 400, code: codeInvalidEvent},
		{name: "no id", path: "/v1/namespaces/shop", header: without("Ce-Id"), status: 400, code: codeInvalidEvent},
		{name: "bad time", path: "/v1/namespaces/shop", header: eventHeader("1", "Ce-Time=now"), status: 400, code: codeInvalidEvent},
		{name: "structured that is no JSON", path: "/v1/namespaces/shop", header: map[string]string{"Content-Type": "application/cloudevents+json"}, body: "{", status: 400, code: codeInvalidEvent},
		{name: "too large", path: "/v1/namespaces/shop", header: event, body: strings.Repeat("x", 2000), status: 413, code: codeTooLarge},
		{name: "attributes too large", path: "/v1/namespaces/shop", header: eventHeader("1", "Ce-Long="+strings.Repeat("\"", 40000)), status: 413, code: codeTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, func(d *config.DeadLetters) { d.MaxEventBytes = 1999 })
			method := tc.method
			if method == "" {
				method = http.MethodPost
			}
			a := w.do(method, tc.path, "", tc.header, []byte(tc.body))
			var p Problem
			w.decode(a, tc.status, &p)
			if p.Code != tc.code || p.Status != tc.status || p.Detail == "" || a.header.Get("Content-Type") != problemType {
				t.Errorf("problem %+v of type %q, want code %s", p, a.header.Get("Content-Type"), tc.code)
			}
			if letters := w.letters(""); len(letters) != 0 {
				t.Errorf("there are letters: %v", letters)
			}
		})
	}
}

// An event without a length is counted as it comes.
func TestReceiveUnknownLength(t *testing.T) {
	w := newWorld(t, func(d *config.DeadLetters) { d.MaxEventBytes = 1000 })
	for size, want := range map[int]int{1000: http.StatusAccepted, 1001: http.StatusRequestEntityTooLarge} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.web.URL+"/v1/namespaces/shop",
			struct{ *strings.Reader }{strings.NewReader(strings.Repeat("x", size))})
		if err != nil {
			t.Fatal("NewRequest() =", err)
		}
		for name, value := range eventHeader("1") {
			request.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal("Do() =", err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", size, response.StatusCode, want)
		}
	}
}

func TestReceiveTwice(t *testing.T) {
	w := newWorld(t, nil)
	for i, want := range []string{"", "true", "true"} {
		a := w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader("1"), nil)
		if a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != want {
			t.Errorf("delivery %d: %d, %s %q", i, a.status, duplicateHeader, a.header.Get(duplicateHeader))
		}
	}
	w.deliver("1", "Ce-Knativeerrordest=http://bills.shop.svc.cluster.local/")
	w.deliver("1", "Ce-Lambdaredrive=1")
	w.deliverTo("other", "function=orders", "1")
	if got := len(w.letters("")); got != 3 {
		t.Errorf("%d letters, want 3", got)
	}
}

// Copies that come at the same time are stored once, and each is answered.
func TestReceiveTogether(t *testing.T) {
	w := newWorld(t, nil)
	const copies, events = 8, 20
	answers := make(chan int)
	for range copies {
		for id := range events {
			go func() {
				answers <- w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader(string(rune('a'+id))), nil).status
			}()
		}
	}
	for range copies * events {
		if status := <-answers; status != http.StatusAccepted {
			t.Error("status", status)
		}
	}
	ids := eventIDs(w.letters(""))
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != events || len(w.letters("")) != events {
		t.Errorf("%d letters of %d events, want %d", len(ids), got, events)
	}
}

func TestRetention(t *testing.T) {
	t.Run("drop-head", func(t *testing.T) {
		w := newWorld(t, nil)
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			w.deliverTo("shop", "function=orders&max=2", id)
		}
		w.deliverTo("shop", "function=bills&max=1", "6")
		eventually(t, func() bool { return cmp.Equal([]string{"4", "5", "6"}, eventIDs(w.letters(""))) })
	})
	t.Run("reject-publish", func(t *testing.T) {
		w := newWorld(t, nil)
		const query = "function=orders&max=2&overflow=reject-publish"
		w.deliverTo("shop", query, "1")
		w.deliverTo("shop", query, "2")
		a := w.do(http.MethodPost, "/v1/namespaces/shop?"+query, "", eventHeader("3"), nil)
		var p Problem
		w.decode(a, http.StatusInsufficientStorage, &p)
		if p.Code != codeFull || a.header.Get("Retry-After") == "" {
			t.Errorf("problem %+v", p)
		}
		w.deliverTo("shop", "function=bills&max=1&overflow=reject-publish", "4")
		var purged PurgeResult
		w.post("/purge", `{"filter": {"function": "orders"}}`, http.StatusOK, &purged)
		w.deliverTo("shop", query, "3")
		if diff := cmp.Diff([]string{"4", "3"}, eventIDs(w.letters(""))); diff != "" {
			t.Error("letters (-want, +got):", diff)
		}
	})
	t.Run("time", func(t *testing.T) {
		w := newWorld(t, nil)
		w.deliverTo("shop", "function=orders&ttl=1000", "1")
		w.deliverTo("shop", "function=orders&ttl=3600000", "2")
		eventually(t, func() bool { return cmp.Equal([]string{"2"}, eventIDs(w.letters(""))) })
	})
	t.Run("bytes of a namespace", func(t *testing.T) {
		w := newWorld(t, func(d *config.DeadLetters) { d.NamespaceMaxBytes = 4000 })
		taken := 0
		var a answer
		for ; taken < 100; taken++ {
			a = w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader(string(rune('a'+taken))), nil)
			if a.status != http.StatusAccepted {
				break
			}
		}
		if a.status != http.StatusInsufficientStorage || taken == 0 || !strings.Contains(a.body, "namespace-max-bytes") {
			t.Errorf("after %d letters: %d %s", taken, a.status, a.body)
		}
		w.deliverTo("other", "function=orders", "1")
	})
	t.Run("bytes of the store", func(t *testing.T) {
		w := newWorld(t, func(d *config.DeadLetters) { d.MaxBytes = 100000 })
		body := []byte(strings.Repeat("x", 10000))
		taken := 0
		var a answer
		for ; taken < 100; taken++ {
			a = w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader(string(rune('a'+taken))), body)
			if a.status != http.StatusAccepted {
				break
			}
		}
		if a.status != http.StatusInsufficientStorage || taken == 0 {
			t.Errorf("after %d letters: %d %s", taken, a.status, a.body)
		}
		if got := len(w.letters("")); got != taken {
			t.Errorf("%d letters, %d were taken", got, taken)
		}
	})
	t.Run("namespaces", func(t *testing.T) {
		w := newWorld(t, func(d *config.DeadLetters) { d.MaxNamespaces = 1 })
		w.deliver("1")
		a := w.do(http.MethodPost, "/v1/namespaces/other", "", eventHeader("1"), nil)
		if a.status != http.StatusInsufficientStorage || !strings.Contains(a.body, "max-namespaces") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestReceiveBusy(t *testing.T) {
	w := newWorld(t, nil)
	letters := newIngest(w.server)
	if !letters.memory.TryAcquire(maxIngestBytes) {
		t.Fatal("no memory")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("x"))
	if err != nil {
		t.Fatal("NewRequest() =", err)
	}
	_, release, err := letters.read(nil, request, 100)
	release()
	if !errors.Is(err, ErrBusy) {
		t.Error("read() =", err)
	}
	q := newQueue()
	for range maxQueue {
		if err := q.put(&entry{}); err != nil {
			t.Fatal("put() =", err)
		}
	}
	if err := q.put(&entry{}); !errors.Is(err, ErrBusy) {
		t.Error("put() =", err)
	}
	q.close()
	if err := q.put(&entry{}); !errors.Is(err, ErrUnavailable) {
		t.Error("put() =", err)
	}
}

func TestReceiveAudience(t *testing.T) {
	const sender = "system:serviceaccount:shop:orders-trigger"
	for _, tc := range []struct {
		name, token string
		broken      error
		want        int
	}{
		{"no token", "", nil, http.StatusUnauthorized},
		{"token for the API server", admin, nil, http.StatusUnauthorized},
		{"stranger", stranger, nil, http.StatusUnauthorized},
		{"sender", sender, nil, http.StatusAccepted},
		{"sender of another namespace", "system:serviceaccount:shop2:orders-trigger", nil, http.StatusForbidden},
		{"sender for somebody else", "system:serviceaccount:shop:other", nil, http.StatusUnauthorized},
		{"no API server", sender, errors.New("broken"), http.StatusServiceUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, func(d *config.DeadLetters) { d.Audience = "letters" })
			w.cluster.Break(tc.broken)
			w.cluster.SetAudience(sender, "letters")
			w.cluster.SetAudience("system:serviceaccount:shop2:orders-trigger", "letters")
			w.cluster.SetAudience("system:serviceaccount:shop:other", "other")
			if a := w.do(http.MethodPost, "/v1/namespaces/shop", tc.token, eventHeader("1"), nil); a.status != tc.want {
				t.Errorf("status %d, want %d: %s", a.status, tc.want, a.body)
			}
		})
	}
}

// A store that is closed, or has lost its JetStream, is no reason to drop letters: brokers try again.
func TestReceiveUnavailable(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("1")
	w.store.fail(errors.New("input/output error"))
	if err := w.store.Check(); !errors.Is(err, ErrUnavailable) {
		t.Error("Check() =", err)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal("Close() =", err)
	}
	a := w.do(http.MethodPost, "/v1/namespaces/shop", "", eventHeader("2"), nil)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

// A stream that somebody deleted is made anew.
func TestReceiveAfterDeletion(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("1")
	if err := w.store.js.DeleteStream(t.Context(), streamPrefix+"shop"); err != nil {
		t.Fatal("DeleteStream() =", err)
	}
	eventually(t, func() bool {
		return w.do(http.MethodPost, "/v1/namespaces/shop?function=orders", "", eventHeader("2"), nil).status == http.StatusAccepted
	})
	if diff := cmp.Diff([]string{"2"}, eventIDs(w.letters(""))); diff != "" {
		t.Error("letters (-want, +got):", diff)
	}
}

func TestLettersSurviveRestart(t *testing.T) {
	folder := t.TempDir()
	w := newWorldIn(t, folder, nil)
	w.deliver("1")
	before := w.letters("")
	if err := w.store.Close(); err != nil {
		t.Fatal("Close() =", err)
	}
	start := time.Now()
	w = newWorldIn(t, folder, nil)
	if diff := cmp.Diff(before[0].ID, w.letters("")[0].ID); diff != "" {
		t.Error("ID (-want, +got):", diff)
	}
	// It is remembered that it came.
	w.deliver("1")
	if got := len(w.letters("")); got != 1 {
		t.Errorf("%d letters, %v after the start", got, time.Since(start))
	}
}
