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
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPIAuthorization(t *testing.T) {
	const (
		viewer   = "viewer"
		editor   = "editor"
		ofOrders = "of-orders"
		seer     = "sees-orders"
	)
	rights := []string{
		viewer + " get shop/", viewer + " list shop/",
		editor + " get shop/", editor + " list shop/", editor + " update shop/",
		ofOrders + " get shop/orders", ofOrders + " update shop/orders",
		seer + " get shop/orders",
	}
	all := map[string]int{"": 401, stranger: 401, "nobody": 403}
	with := func(more map[string]int) map[string]int {
		want := map[string]int{}
		for _, m := range []map[string]int{all, more} {
			for user, status := range m {
				want[user] = status
			}
		}
		return want
	}
	const dry = `, "dryRun": true}`
	w := newWorld(t, nil, rights...)
	w.deliver("1")
	w.deliverTo("shop", "function=bills", "2", "Ce-Knativeerrordest=http://bills.shop.svc")
	letters := w.letters("")
	orders, bills := letters[0].ID, letters[1].ID
	for _, tc := range []struct {
		method, path, body string
		want               map[string]int
	}{
		{"GET", "/letters", "", with(map[string]int{viewer: 200, editor: 200, ofOrders: 403, seer: 403})},
		{"GET", "/letters?function=orders", "", with(map[string]int{viewer: 200, ofOrders: 200, seer: 200})},
		{"GET", "/letters?function=bills", "", with(map[string]int{viewer: 200, ofOrders: 403, seer: 403})},
		{"GET", "/stats", "", with(map[string]int{viewer: 200, ofOrders: 403})},
		{"GET", "/letters/" + orders, "", with(map[string]int{viewer: 200, ofOrders: 200, seer: 200})},
		{"GET", "/letters/" + bills, "", with(map[string]int{viewer: 200, ofOrders: 403})},
		// Who may not see the letters of others does not learn which there are.
		{"GET", "/letters/1", "", with(map[string]int{viewer: 404, ofOrders: 403})},
		{"GET", "/letters/x", "", with(map[string]int{viewer: 404, ofOrders: 403})},
		{"GET", "/letters/" + orders + "/event", "", with(map[string]int{viewer: 200, ofOrders: 200})},
		{"GET", "/letters/" + bills + "/event", "", with(map[string]int{viewer: 200, ofOrders: 403})},
		{"GET", "/redrives", "", with(map[string]int{viewer: 200, ofOrders: 403})},
		{"GET", "/redrives/none", "", with(map[string]int{viewer: 404, ofOrders: 403})},
		{"DELETE", "/redrives/none", "", with(map[string]int{viewer: 403, editor: 404, ofOrders: 403})},
		{"POST", "/redrive", `{"filter": {}` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 403})},
		{"POST", "/redrive", `{"filter": {"function": "orders"}` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 200, seer: 403})},
		{"POST", "/redrive", `{"filter": {"function": "bills"}` + dry, with(map[string]int{editor: 200, ofOrders: 403})},
		{"POST", "/redrive", `{"ids": ["` + orders + `"]` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 200, seer: 403})},
		{"POST", "/redrive", `{"ids": ["` + orders + `", "` + bills + `"]` + dry, with(map[string]int{editor: 200, ofOrders: 403})},
		{"POST", "/redrive", `{"ids": ["` + orders + `", "1"]` + dry, with(map[string]int{editor: 200, ofOrders: 403})},
		// Who sends letters to a function has to have rights to that as well.
		{"POST", "/redrive", `{"filter": {"function": "orders"}, "destination": "http://bills.shop.svc"` + dry, with(map[string]int{editor: 200, ofOrders: 403})},
		{"POST", "/redrive", `{"filter": {"function": "orders"}, "destination": "http://orders.shop.svc/again"` + dry, with(map[string]int{editor: 200, ofOrders: 200})},
		{"POST", "/redrive", `{"filter": {"function": "orders"}, "destination": "http://broker-ingress.knative-eventing.svc/shop/b"` + dry, with(map[string]int{editor: 200, ofOrders: 403})},
		{"POST", "/purge", `{"filter": {}` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 403})},
		{"POST", "/purge", `{"filter": {"function": "orders"}` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 200})},
		{"DELETE", "/purge", `{"ids": ["` + bills + `"]` + dry, with(map[string]int{viewer: 403, editor: 200, ofOrders: 403})},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tc.method, tc.path, tc.body), func(t *testing.T) {
			for user, want := range tc.want {
				a := w.do(tc.method, "/v1/namespaces/shop"+tc.path, user, map[string]string{"Content-Type": "application/json"}, []byte(tc.body))
				if a.status != want {
					t.Errorf("%q gets %d, want %d: %s", user, a.status, want, a.body)
				}
				if a.status >= 400 && (strings.Contains(a.body, "com.example") || strings.Contains(a.body, orders)) {
					t.Errorf("%q is refused, and sees %s", user, a.body)
				}
				if (a.status == http.StatusUnauthorized) != (a.header.Get("WWW-Authenticate") == "Bearer") {
					t.Errorf("%q gets %d, WWW-Authenticate: %q", user, a.status, a.header.Get("WWW-Authenticate"))
				}
			}
		})
	}
	// Rights are to one namespace.
	for _, path := range []string{"/letters", "/stats", "/redrives"} {
		if a := w.do("GET", "/v1/namespaces/other"+path, editor, nil, nil); a.status != http.StatusForbidden {
			t.Errorf("%s of another namespace: %d", path, a.status)
		}
	}
	if got := len(w.letters("")); got != 2 {
		t.Errorf("%d letters are left, want 2", got)
	}
	w.cluster.Break(errors.New("broken"))
	if a := w.do("GET", "/v1/namespaces/shop/letters", editor, nil, nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("without an API server: %d", a.status)
	}
}

func TestAPIRefuses(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver("1")
	for _, tc := range []struct {
		name, method, path, contentType, body string
		status                                int
		code, pointer, parameter              string
	}{
		{name: "bad parameter", method: "GET", path: "/letters?limit=0", status: 400, code: codeInvalid, parameter: "limit"},
		{name: "unknown field", method: "POST", path: "/redrive", body: `{"filter": {}, "speed": 1}`, status: 400, code: codeInvalid, pointer: "/speed"},
		{name: "no selection", method: "POST", path: "/purge", body: `{}`, status: 400, code: codeInvalid},
		{name: "rate of nothing", method: "POST", path: "/redrive", body: `{"filter": {}, "rate": 0}`, status: 400, code: codeInvalid, pointer: "/rate"},
		{name: "rate too high", method: "POST", path: "/redrive", body: `{"filter": {}, "rate": 1001}`, status: 400, code: codeInvalid, pointer: "/rate"},
		{name: "destination elsewhere", method: "POST", path: "/redrive", body: `{"filter": {}, "destination": "http://169.254.169.254/"}`, status: 400, code: codeInvalid, pointer: "/destination"},
		{name: "no JSON", method: "POST", path: "/redrive", contentType: "text/plain", body: `{"filter": {}}`, status: 415, code: codeUnsupportedType},
		{name: "too large", method: "POST", path: "/purge", body: `{"filter": {"type": "` + strings.Repeat("x", maxRequestBytes) + `"}}`, status: 413, code: codeTooLarge},
		{name: "another method", method: "DELETE", path: "/letters", status: 405, code: codeMethod},
		{name: "nothing there", method: "GET", path: "/letter", status: 404, code: codeNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			contentType := tc.contentType
			if contentType == "" {
				contentType = "application/json"
			}
			var p Problem
			w.decode(w.do(tc.method, "/v1/namespaces/shop"+tc.path, admin, map[string]string{"Content-Type": contentType}, []byte(tc.body)), tc.status, &p)
			if p.Code != tc.code {
				t.Errorf("code %s, want %s", p.Code, tc.code)
			}
			if tc.pointer+tc.parameter != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != tc.pointer || p.Errors[0].Parameter != tc.parameter) {
				t.Errorf("errors %+v, want one at %q%q", p.Errors, tc.pointer, tc.parameter)
			}
		})
	}
	if a := w.do("GET", "/v1/namespaces/Shop/letters", admin, nil, nil); a.status != http.StatusBadRequest {
		t.Errorf("a namespace that is none: %d", a.status)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t, nil)
	var empty LetterList
	w.get("/letters", &empty)
	if empty.Letters == nil || len(empty.Letters) != 0 {
		t.Errorf("an empty list is %+v", empty)
	}
	for i := range 7 {
		more := []string{"Ce-Type=odd"}
		if i%2 == 0 {
			more = []string{"Ce-Type=even", "Ce-Source=/other", "Ce-Knativeerrorcode=400"}
		}
		w.deliver(strconv.Itoa(i), more...)
	}
	w.deliverTo("shop", "function=bills", "7")
	all := w.letters("")
	middle := all[3].ReceivedAt.Format(time.RFC3339Nano)
	for query, want := range map[string][]string{
		"":                                   {"0", "1", "2", "3", "4", "5", "6", "7"},
		"function=bills":                     {"7"},
		"function=none":                      {},
		"type=even":                          {"0", "2", "4", "6"},
		"source=/other":                      {"0", "2", "4", "6"},
		"reason=Rejected&limit=2":            {"0", "2"},
		"reason=HandlerError":                {"1", "3", "5", "7"},
		"reason=HandlerError&function=bills": {"7"},
		"before=" + middle:                   {"0", "1", "2"},
		"after=" + middle:                    {"4", "5", "6", "7"},
	} {
		if diff := cmp.Diff(want, eventIDs(w.letters(query))); diff != "" {
			t.Errorf("%q (-want, +got): %s", query, diff)
		}
	}
	// Pages are the list.
	var got []string
	for next, pages := "", 0; ; pages++ {
		var page LetterList
		w.get("/letters?limit=3"+next, &page)
		got = append(got, eventIDs(page.Letters)...)
		if page.Continue == "" {
			if pages != 2 {
				t.Errorf("%d pages, want 3", pages+1)
			}
			break
		}
		next = "&continue=" + page.Continue
	}
	if diff := cmp.Diff(eventIDs(all), got); diff != "" {
		t.Error("pages (-want, +got):", diff)
	}
}

func TestStats(t *testing.T) {
	w := newWorld(t, nil)
	var s Stats
	w.get("/stats", &s)
	if diff := cmp.Diff(Stats{Namespace: "shop", Functions: []FunctionStats{}}, s); diff != "" {
		t.Error("stats of nothing (-want, +got):", diff)
	}
	w.deliver("1")
	w.deliver("2")
	w.deliverTo("shop", "", "3")
	w.deliverTo("other", "function=orders", "4")
	w.get("/stats", &s)
	if s.Letters != 3 || s.Bytes == 0 || s.Oldest.IsZero() || s.Newest.Before(s.Oldest) {
		t.Errorf("stats %+v", s)
	}
	if diff := cmp.Diff([]FunctionStats{{"", 1}, {"orders", 2}}, s.Functions); diff != "" {
		t.Error("functions (-want, +got):", diff)
	}
}

func TestPurge(t *testing.T) {
	w := newWorld(t, nil)
	var nothing PurgeResult
	w.post("/purge", `{"filter": {}}`, http.StatusOK, &nothing)
	for _, id := range []string{"1", "2", "3", "4"} {
		w.deliver(id, "Ce-Type="+map[string]string{"1": "a", "2": "b", "3": "b", "4": "a"}[id])
	}
	var dry DryRun
	w.post("/purge", `{"filter": {"type": "b"}, "dryRun": true}`, http.StatusOK, &dry)
	if dry.Matched != 2 || !dry.DryRun || !cmp.Equal([]string{"2", "3"}, eventIDs(dry.Letters)) {
		t.Errorf("dry run %+v", dry)
	}
	var done PurgeResult
	w.post("/purge", `{"filter": {"type": "b"}}`, http.StatusOK, &done)
	if want := (PurgeResult{Matched: 2, Purged: 2}); done != want {
		t.Errorf("purge %+v, want %+v", done, want)
	}
	left := w.letters("")
	if diff := cmp.Diff([]string{"1", "4"}, eventIDs(left)); diff != "" {
		t.Error("letters (-want, +got):", diff)
	}
	// One that is not there is no error: it is purged.
	w.post("/purge", fmt.Sprintf(`{"ids": ["%s", "1"]}`, left[0].ID), http.StatusOK, &done)
	if want := (PurgeResult{Matched: 1, Purged: 1}); done != want {
		t.Errorf("purge %+v, want %+v", done, want)
	}
	if diff := cmp.Diff([]string{"4"}, eventIDs(w.letters(""))); diff != "" {
		t.Error("letters (-want, +got):", diff)
	}
}

// The second listener has the API, and takes no letters.
func TestAPIHandler(t *testing.T) {
	w := newWorld(t, nil)
	w.web.Config.Handler = w.server.APIHandler()
	if a := w.do("POST", "/v1/namespaces/shop", "", eventHeader("1"), nil); a.status != http.StatusNotFound {
		t.Errorf("a letter: %d", a.status)
	}
	if got := len(w.letters("")); got != 0 {
		t.Errorf("%d letters", got)
	}
}
