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
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// inbox is a function that notes what it gets.
type inbox struct {
	mu     sync.Mutex
	got    []http.Header
	bodies []string
	status func(id string) int
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, r.Header)
	b.bodies = append(b.bodies, string(body))
	if b.status != nil {
		w.WriteHeader(b.status(r.Header.Get("Ce-Id")))
	}
}

// times is how often an event came.
func (b *inbox) times(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, header := range b.got {
		if header.Get("Ce-Id") == id {
			n++
		}
	}
	return n
}

func (w *world) redrive(body string) *Redrive {
	w.Helper()
	var j Redrive
	w.post("/redrive", body, http.StatusAccepted, &j)
	return w.await(j.ID)
}

func TestRedrive(t *testing.T) {
	w := newWorld(t, nil)
	var orders inbox
	w.handle("orders", orders.ServeHTTP)
	w.start()
	w.deliver("1", "Ce-Knativebrokerttl=254")
	w.deliver("2")
	w.deliver("3", "Ce-Type=other")
	var dry DryRun
	w.post("/redrive", `{"filter": {"type": "com.example.order"}, "dryRun": true}`, http.StatusOK, &dry)
	if dry.Matched != 2 || len(orders.got) != 0 {
		t.Errorf("the dry run is %+v, and sent %d events", dry, len(orders.got))
	}
	j := w.redrive(`{"filter": {"type": "com.example.order"}, "rate": 1000}`)
	if j.State != StateSucceeded || j.Matched != 2 || j.Delivered != 2 || j.User != admin || j.StartedAt.IsZero() || j.FinishedAt.IsZero() || j.Owner != "" {
		t.Errorf("the redrive is %+v", j)
	}
	if diff := cmp.Diff([]string{"3"}, eventIDs(w.letters(""))); diff != "" {
		t.Error("letters that are left (-want, +got):", diff)
	}
	// The event is what the function would have had the first time, with a mark.
	for i, header := range orders.got {
		id := header.Get("Ce-Id")
		if orders.bodies[i] != `{"id": "`+id+`"}` || header.Get("Prefer") != "reply" || header.Get("Ce-Lambdaredrive") != "1" ||
			header.Get("Ce-Correlationid") != "c-"+id || header.Get("Ce-Subject") != "orders" || header.Get("Content-Type") != "application/json" {
			t.Errorf("event %q: %v %s", id, header, orders.bodies[i])
		}
		for name := range header {
			if strings.HasPrefix(name, "Ce-Knative") {
				t.Errorf("event %q has %s", id, name)
			}
		}
	}
	// Once more, there is nothing to do.
	if j := w.redrive(`{"filter": {"type": "com.example.order"}}`); j.State != StateSucceeded || j.Matched != 0 || len(orders.got) != 2 {
		t.Errorf("the second redrive is %+v, and %d events came", j, len(orders.got))
	}
	left := w.letters("")[0].ID
	if j := w.redrive(`{"ids": ["` + left + `", "7"], "destination": "http://bills.shop.svc/path?q=1"}`); j.Undelivered != 1 || j.Gone != 1 {
		t.Errorf("to a function that is not there: %+v", j)
	}
	bills := &inbox{}
	w.mu.Lock()
	w.functions["bills.shop.svc"] = bills.ServeHTTP
	w.mu.Unlock()
	if j := w.redrive(`{"ids": ["` + left + `"], "destination": "http://bills.shop.svc/path?q=1"}`); j.Delivered != 1 || len(bills.got) != 1 {
		t.Errorf("to another function: %+v", j)
	}
	var list RedriveList
	w.get("/redrives", &list)
	if len(list.Redrives) != 4 || list.Redrives[0].ID != j.ID {
		t.Errorf("%d redrives: %+v", len(list.Redrives), list)
	}
}

func TestRedriveFailures(t *testing.T) {
	w := newWorld(t, nil)
	orders := inbox{status: func(id string) int {
		if status, ok := map[string]int{"rejected": 400, "failing": 500, "redirected": 307}[id]; ok {
			return status
		}
		return http.StatusNoContent
	}}
	w.handle("orders", orders.ServeHTTP)
	w.start()
	w.deliver("rejected")
	w.deliver("failing")
	w.deliver("redirected")
	w.deliver("good")
	w.deliver("elsewhere", "Ce-Knativeerrordest=http://169.254.169.254/latest/meta-data")
	j := w.redrive(`{"filter": {}}`)
	if j.State != StateFailed || j.Matched != 5 || j.Delivered != 1 || j.Undelivered != 3 || j.Refused != 1 || j.Message == "" {
		t.Errorf("the redrive is %+v", j)
	}
	statuses := map[int]bool{}
	for _, f := range j.Failures {
		statuses[f.Status] = true
	}
	if diff := cmp.Diff(map[int]bool{0: true, 307: true, 400: true, 500: true}, statuses); diff != "" || len(j.Failures) != 4 {
		t.Errorf("failures %+v", j.Failures)
	}
	// What may pass is tried again, what is refused is not.
	for id, want := range map[string]int{"rejected": 1, "failing": sendTries, "redirected": 1, "good": 1, "elsewhere": 0} {
		if got := orders.times(id); got != want {
			t.Errorf("%q came %d times, want %d", id, got, want)
		}
	}
	if diff := cmp.Diff([]string{"rejected", "failing", "redirected", "elsewhere"}, eventIDs(w.letters(""))); diff != "" {
		t.Error("letters that are left (-want, +got):", diff)
	}
}

func TestRedriveGivesUp(t *testing.T) {
	w := newWorld(t, nil)
	orders := inbox{status: func(string) int { return http.StatusForbidden }}
	w.handle("orders", orders.ServeHTTP)
	w.start()
	for i := range 2 * maxInARow {
		w.deliver(strconv.Itoa(i))
	}
	j := w.redrive(`{"filter": {}, "rate": 1000}`)
	if j.State != StateFailed || !strings.Contains(j.Message, "in a row") || j.Undelivered < maxInARow || j.Undelivered >= 2*maxInARow {
		t.Errorf("the redrive is %+v", j)
	}
}

func TestRedriveReplies(t *testing.T) {
	const broker = "broker-ingress.knative-eventing.svc.cluster.local"
	const reply = "&reply=http%3A%2F%2F" + broker + "%2Fshop%2Fdefault"
	w := newWorld(t, nil)
	var replies inbox
	w.handle("orders", func(rw http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Ce-Id") {
		case "silent":
			rw.WriteHeader(http.StatusNoContent)
			return
		case "broken":
			rw.Header().Set("Ce-Specversion", "1.0")
			return
		}
		rw.Header().Set("Ce-Specversion", "1.0")
		rw.Header().Set("Ce-Id", "reply-"+r.Header.Get("Ce-Id"))
		rw.Header().Set("Ce-Type", "done")
		rw.Header().Set("Ce-Source", "/orders")
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(rw, "done")
	})
	w.mu.Lock()
	w.functions[broker] = replies.ServeHTTP
	w.mu.Unlock()
	w.start()
	w.deliverTo("shop", "function=orders"+reply, "1")
	w.deliverTo("shop", "function=orders"+reply, "silent")
	w.deliverTo("shop", "function=orders", "2")
	w.deliverTo("shop", "function=orders"+reply, "broken")
	w.deliverTo("shop", "function=orders&reply=http%3A%2F%2Fexample.com%2F", "3")
	j := w.redrive(`{"filter": {}}`)
	if j.Delivered != 3 || j.Replies != 1 || j.RepliesDropped != 1 || j.Undelivered != 1 || j.Refused != 1 {
		t.Errorf("the redrive is %+v", j)
	}
	if replies.times("reply-1") != 1 || len(replies.got) != 1 || replies.bodies[0] != "done" {
		t.Errorf("replies %v %v", replies.got, replies.bodies)
	}
	// A reply that the broker does not take leaves the letter.
	replies.status = func(string) int { return http.StatusBadRequest }
	w.deliverTo("shop", "function=orders"+reply, "4")
	if j := w.redrive(`{"filter": {"after": "2026-01-01T00:00:00Z"}}`); j.Delivered != 0 || j.Undelivered != 2 {
		t.Errorf("the redrive is %+v", j)
	}
	// A letter to the broker itself keeps its count of brokers.
	replies.status = nil
	w.deliver("5", "Ce-Knativebrokerttl=254", "Ce-Type=to-broker")
	w.redrive(`{"filter": {"type": "to-broker"}, "destination": "http://` + broker + `/shop/default"}`)
	if last := replies.got[len(replies.got)-1]; last.Get("Ce-Id") != "5" || last.Get("Ce-Knativebrokerttl") != "254" {
		t.Errorf("the broker got %v", last)
	}
}

func TestRedriveRate(t *testing.T) {
	w := newWorld(t, nil)
	var orders inbox
	w.handle("orders", orders.ServeHTTP)
	w.start()
	for i := range 11 {
		w.deliver(strconv.Itoa(i))
	}
	j := w.redrive(`{"filter": {}, "rate": 20}`)
	// The first is free, and the others are 50 ms apart.
	if took := j.FinishedAt.Sub(j.StartedAt); took < 500*time.Millisecond {
		t.Errorf("11 letters at 20 a second took %v", took)
	}
}

func TestRedriveCancelAndQueue(t *testing.T) {
	w := newWorld(t, nil, "other update shop/orders", "other get shop/orders")
	release := make(chan struct{})
	w.handle("orders", func(http.ResponseWriter, *http.Request) { <-release })
	w.start()
	w.deliver("1")
	w.deliver("2")
	var first, second Redrive
	w.post("/redrive", `{"filter": {}, "rate": 1000}`, http.StatusAccepted, &first)
	w.decode(w.do("POST", "/v1/namespaces/shop/redrive", "other", map[string]string{"Content-Type": "application/json"},
		[]byte(`{"filter": {"function": "orders"}}`)), http.StatusAccepted, &second)
	eventually(t, func() bool {
		w.get("/redrives/"+first.ID, &first)
		return first.State == StateRunning
	})
	w.get("/redrives/"+second.ID, &second)
	if second.State != StateQueued {
		t.Errorf("the second redrive is %s", second.State)
	}
	// Who made a redrive may see and end it, and no other.
	for id, want := range map[string]int{first.ID: http.StatusForbidden, second.ID: http.StatusOK} {
		for _, method := range []string{"GET", "DELETE"} {
			if a := w.do(method, "/v1/namespaces/shop/redrives/"+id, "other", nil, nil); a.status != want {
				t.Errorf("%s %s: %d, want %d", method, id, a.status, want)
			}
		}
	}
	var cancelled Redrive
	w.decode(w.do("DELETE", "/v1/namespaces/shop/redrives/"+first.ID, admin, nil, nil), http.StatusOK, &cancelled)
	if cancelled.State != StateCancelled || !strings.Contains(cancelled.Message, admin) {
		t.Errorf("the redrive is %+v", cancelled)
	}
	close(release)
	w.decode(w.do("DELETE", "/v1/namespaces/shop/redrives/"+first.ID, admin, nil, nil), http.StatusOK, &cancelled)
	if cancelled.State != StateCancelled {
		t.Errorf("the redrive is %+v", cancelled)
	}
	if j := w.redrive(`{"filter": {}, "rate": 1000}`); j.State != StateSucceeded {
		t.Errorf("the third redrive is %+v", j)
	}
	eventually(t, func() bool { return len(w.letters("")) == 0 })
}

func TestRedriveQueueIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("1")
	for range maxUnfinished {
		var j Redrive
		w.post("/redrive", `{"filter": {}}`, http.StatusAccepted, &j)
	}
	var p Problem
	w.post("/redrive", `{"filter": {}}`, http.StatusTooManyRequests, &p)
	if p.Code != codeBusy {
		t.Errorf("problem %+v", p)
	}
}

// A letter that was delivered and could not be removed is removed, and not sent again.
func TestRedriveRemovesDelivered(t *testing.T) {
	w := newWorld(t, nil)
	var orders inbox
	w.handle("orders", orders.ServeHTTP)
	w.deliver("1")
	w.deliver("2")
	letters := w.letters("")
	through, _ := parseID(letters[1].ID)
	if err := w.store.saveRedrive(t.Context(), &Redrive{
		ID: "a", Namespace: "shop", State: StateRunning, Owner: "deadletter-0", Lease: time.Now().Add(time.Hour),
		Filter: &Filter{}, Rate: 100, Through: through, Delivered: 1, Unremoved: []string{letters[0].ID},
	}); err != nil {
		t.Fatal("saveRedrive() =", err)
	}
	w.start()
	j := w.await("a")
	if j.State != StateSucceeded || j.Delivered != 2 || len(j.Unremoved) != 0 || orders.times("1") != 0 || orders.times("2") != 1 {
		t.Errorf("the redrive is %+v; the first came %d times, the second %d", j, orders.times("1"), orders.times("2"))
	}
	if got := len(w.letters("")); got != 0 {
		t.Errorf("%d letters are left", got)
	}
}

// A redrive that another process has is left alone until its lease is over.
func TestRedriveOfAnother(t *testing.T) {
	w := newWorld(t, nil)
	var orders inbox
	w.handle("orders", orders.ServeHTTP)
	w.deliver("1")
	through, _ := parseID(w.letters("")[0].ID)
	j := &Redrive{
		ID: "a", Namespace: "shop", State: StateRunning, Owner: "deadletter-1", Lease: time.Now().Add(time.Hour),
		Filter: &Filter{}, Rate: 100, Through: through,
	}
	if err := w.store.saveRedrive(t.Context(), j); err != nil {
		t.Fatal("saveRedrive() =", err)
	}
	if err := w.server.runner.look(t.Context()); err != nil {
		t.Fatal("look() =", err)
	}
	w.server.runner.work.Wait()
	if orders.times("1") != 0 {
		t.Error("a redrive of another was taken")
	}
	j.Lease = time.Now()
	if err := w.store.saveRedrive(t.Context(), j); err != nil {
		t.Fatal("saveRedrive() =", err)
	}
	if err := w.store.saveRedrive(t.Context(), &Redrive{ID: "a", Namespace: "shop", revision: 1}); !errors.Is(err, errChanged) {
		t.Error("saveRedrive() of an old version =", err)
	}
	if err := w.server.runner.look(t.Context()); err != nil {
		t.Fatal("look() =", err)
	}
	w.server.runner.work.Wait()
	if got := w.await("a"); got.State != StateSucceeded || orders.times("1") != 1 {
		t.Errorf("the redrive is %+v", got)
	}
}

func TestRedriveOfNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	if j := w.redrive(`{"filter": {}}`); j.State != StateSucceeded || j.Matched != 0 {
		t.Errorf("the redrive is %+v", j)
	}
	w.deliver("1")
	id := w.letters("")[0].ID
	var purged PurgeResult
	w.post("/purge", `{"filter": {}}`, http.StatusOK, &purged)
	if j := w.redrive(`{"ids": ["` + id + `"]}`); j.State != StateSucceeded || j.Gone != 1 {
		t.Errorf("the redrive is %+v", j)
	}
}

func TestDestinations(t *testing.T) {
	d := newDestinations(config.DefaultDeadLetters().BrokerIngresses)
	for _, tc := range []struct {
		url     string
		service string
		refused string
	}{
		{url: "http://orders.shop.svc.cluster.local", service: "orders"},
		{url: "http://orders.shop.svc.cluster.local./", service: "orders"},
		{url: "http://Orders.shop.svc:8080/a/b?c=d", service: "orders"},
		{url: "https://orders.shop.svc/", service: "orders"},
		{url: "http://broker-ingress.knative-eventing.svc.cluster.local/shop/default"},
		{url: "http://kafka-broker-ingress.knative-eventing.svc/shop/default/"},
		{url: "http://default-broker-ingress.shop.svc.cluster.local", service: "default-broker-ingress"},
		{url: "", refused: "neither http nor https"},
		{url: "ftp://orders.shop.svc", refused: "neither http nor https"},
		{url: "file:///etc/passwd", refused: "neither http nor https"},
		{url: "http://%zz", refused: "not a URL"},
		{url: "http://user:pass@orders.shop.svc", refused: "more than a host"},
		{url: "http:orders.shop.svc", refused: "more than a host"},
		{url: "http://orders.shop.svc/#x", refused: "more than a host"},
		{url: "http://orders", refused: "not a Service"},
		{url: "http://orders.shop", refused: "not a Service"},
		{url: "http://orders.shop.svc.example.com", refused: "not a Service"},
		{url: "http://orders.shop.svc.cluster.local.example.com", refused: "not a Service"},
		{url: "http://a.orders.shop.svc", refused: "not a Service"},
		{url: "http://169.254.169.254/latest", refused: "not a Service"},
		{url: "http://[::1]/", refused: "not a Service"},
		{url: "http://10.0.0.1/", refused: "not a Service"},
		{url: "http://localhost/", refused: "not a Service"},
		{url: "http://orders.other.svc", refused: "neither a Service"},
		{url: "http://kubernetes.default.svc/", refused: "neither a Service"},
		{url: "http://broker-ingress.knative-eventing.svc/other/default", refused: "neither a Service"},
		{url: "http://broker-ingress.knative-eventing.svc/shop/../other/default", refused: "neither a Service"},
		{url: "http://broker-ingress.knative-eventing.svc/shop/%2e%2e%2fother", refused: "neither a Service"},
		{url: "http://broker-ingress.knative-eventing.svc/shop/", refused: "neither a Service"},
		{url: "http://broker-ingress.knative-eventing.svc/", refused: "neither a Service"},
		{url: "http://eventing-webhook.knative-eventing.svc/shop/default", refused: "neither a Service"},
	} {
		got, err := d.check("shop", tc.url)
		switch {
		case tc.refused != "":
			if !errors.Is(err, errDestination) || !strings.Contains(err.Error(), tc.refused) {
				t.Errorf("%q: %v, want %q", tc.url, err, tc.refused)
			}
		case err != nil:
			t.Errorf("%q: %v", tc.url, err)
		case got.service != tc.service || got.url.String() != tc.url:
			t.Errorf("%q: %q %v, want %q", tc.url, got.service, got.url, tc.service)
		}
	}
}

// Whatever a Service is an alias of: some addresses are never connected to.
func TestTransportRefuses(t *testing.T) {
	local := httptest.NewServer(http.NotFoundHandler())
	defer local.Close()
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	transport := newTransport()
	for _, url := range []string{local.URL, "http://169.254.169.254/", "http://localhost/", "http://10.96.0.1:443/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal("NewRequest() =", err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil {
			response.Body.Close()
		}
		if _, refused := netguard.Refused(err); !refused {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestSenderGivesUpInTime(t *testing.T) {
	w := newWorld(t, func(d *config.DeadLetters) { d.RedriveTimeout = 50 * time.Millisecond })
	stop := make(chan struct{})
	defer close(stop)
	w.handle("orders", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	l := newLetter(newEvent(nil), newDelivery(t, "function=orders"), letterTime)
	got := w.server.runner.sender.send(t.Context(), l, "")
	if got.err == nil || got.status != 0 || !strings.Contains(got.err.Error(), "in time") {
		t.Errorf("send() = %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := w.server.runner.sender.send(ctx, l, ""); got.err == nil {
		t.Error("send() of a redrive that has ended took its course")
	}
}
