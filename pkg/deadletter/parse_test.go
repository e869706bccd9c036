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
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

func TestParseDelivery(t *testing.T) {
	two := 2
	defaults := retention{ttl: 168 * time.Hour, max: 50000, overflow: config.OverflowDropHead}
	for _, tc := range []struct {
		name, query string
		want        delivery
		wantErr     string
	}{{
		name: "nothing",
		want: delivery{retention: defaults},
	}, {
		name:  "all",
		query: "function=orders&ttl=60000&max=7&overflow=reject-publish&retries=2&reply=http://b",
		want: delivery{
			function: "orders", retries: &two, replyTo: "http://b",
			retention: retention{ttl: time.Minute, max: 7, overflow: config.OverflowRejectPublish},
		},
	}, {
		name:  "zeros are defaults",
		query: "ttl=0&max=0",
		want:  delivery{retention: defaults},
	}, {
		// What cannot be used costs no letter.
		name:    "nothing that can be used",
		query:   "function=Orders!&ttl=long&max=-1&overflow=drop-tail&retries=x",
		want:    delivery{retention: defaults},
		wantErr: "function|ttl|max|overflow|retries",
	}, {
		name:    "more than a duration can hold",
		query:   "ttl=9223372036854775807",
		want:    delivery{retention: defaults},
		wantErr: "ttl",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			query, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal("ParseQuery() =", err)
			}
			got, err := parseDelivery("shop", query, config.DefaultDeadLetters())
			tc.want.namespace = "shop"
			if diff := cmp.Diff(&tc.want, got, cmp.AllowUnexported(delivery{}, retention{})); diff != "" {
				t.Error("parseDelivery() (-want, +got):", diff)
			}
			if (err != nil) != (tc.wantErr != "") {
				t.Fatal("parseDelivery() =", err)
			}
			if tc.wantErr == "" {
				return
			}
			for name := range strings.SplitSeq(tc.wantErr, "|") {
				if !strings.Contains(err.Error(), "parameter "+name+":") {
					t.Errorf("the error has no %s: %v", name, err)
				}
			}
		})
	}
}

func TestParseListQuery(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, query string
		want        listQuery
		wantErrs    []FieldError
	}{{
		name: "nothing",
		want: listQuery{limit: 100},
	}, {
		name:  "all",
		query: "function=orders&type=t&source=/s&reason=Timeout&before=2026-01-31T13:00:00%2B01:00&after=2026-01-31T12:00:00Z&limit=5&continue=17",
		want: listQuery{
			filter: Filter{Function: "orders", Type: "t", Source: "/s", Reason: ReasonTimeout, Before: at, After: at},
			limit:  5, from: 17,
		},
	}, {
		name:  "nothing that can be used",
		query: "function=a/b&reason=Bad&before=now&after=1&limit=0&continue=x&funktion=orders&type=a&type=b",
		wantErrs: []FieldError{
			{Parameter: "after", Detail: "is not a time such as 2026-01-31T12:00:00Z"},
			{Parameter: "before", Detail: "is not a time such as 2026-01-31T12:00:00Z"},
			{Parameter: "continue", Detail: "is not from the answer to a list"},
			{Parameter: "function", Detail: "is not the name of a function"},
			{Parameter: "funktion", Detail: "is not known"},
			{Parameter: "limit", Detail: "is not a number from 1 to 1000"},
			{Parameter: "reason", Detail: "is none of Rejected, NotFound, Timeout, Overloaded, HandlerError, Unreachable, ReplyFailed, Unknown"},
			{Parameter: "type", Detail: "is there more than once"},
		},
	}, {
		name:     "too many",
		query:    "limit=1001",
		wantErrs: []FieldError{{Parameter: "limit", Detail: "is not a number from 1 to 1000"}},
	}, {
		name:     "another form of a number",
		query:    "continue=%2B7",
		wantErrs: []FieldError{{Parameter: "continue", Detail: "is not from the answer to a list"}},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			query, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal("ParseQuery() =", err)
			}
			got, errs := parseListQuery(query)
			if diff := cmp.Diff(tc.wantErrs, errs); diff != "" {
				t.Error("errors (-want, +got):", diff)
			}
			if len(errs) > 0 {
				return
			}
			if diff := cmp.Diff(&tc.want, got, cmp.AllowUnexported(listQuery{})); diff != "" {
				t.Error("parseListQuery() (-want, +got):", diff)
			}
		})
	}
}

// parsed reads a body as the API does, but for what depends on settings.
func parsed(body string, redrive bool) (*parsedOrder, []FieldError) {
	o, errs := decodeOrder([]byte(body))
	if len(errs) > 0 {
		return nil, errs
	}
	return o.parse(redrive)
}

func TestParseOrder(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		purge      bool
		want       []FieldError
	}{
		{name: "all letters", body: `{"filter": {}}`},
		{name: "some", body: `{"ids": ["7", "3"], "rate": 10, "dryRun": true, "destination": "http://a.shop.svc"}`},
		{name: "filter", body: `{"filter": {"function": "orders", "type": "t", "source": "s", "reason": "Timeout", "before": "2026-01-31T12:00:00Z", "after": "2026-01-01T12:00:00Z"}}`},
		{name: "purge", purge: true, body: `{"filter": {"function": "orders"}, "dryRun": true}`},
		{name: "nothing", body: `{}`, want: []FieldError{{Detail: `has neither ids nor filter; all letters are "filter": {}`}}},
		{name: "null", body: `null`, want: []FieldError{{Detail: `has neither ids nor filter; all letters are "filter": {}`}}},
		{name: "both", body: `{"ids": ["1"], "filter": {}}`, want: []FieldError{{Pointer: "/ids", Detail: "cannot be beside filter"}}},
		{name: "no IDs", body: `{"ids": []}`, want: []FieldError{{Pointer: "/ids", Detail: "does not name 1 to 1000 letters"}}},
		{name: "too many IDs", body: `{"ids": ["1"` + strings.Repeat(`,"1"`, maxIDs) + `]}`, want: []FieldError{{Pointer: "/ids", Detail: "does not name 1 to 1000 letters"}}},
		{name: "no ID", body: `{"ids": ["1", "x"]}`, want: []FieldError{{Pointer: "/ids/1", Detail: "is not the ID of a letter"}}},
		{name: "bad filter", body: `{"filter": {"reason": "Bad", "before": "now", "after": "later", "function": "a b"}}`, want: []FieldError{
			{Pointer: "/filter/function", Detail: "is not the name of a function"},
			{Pointer: "/filter/reason", Detail: "is none of Rejected, NotFound, Timeout, Overloaded, HandlerError, Unreachable, ReplyFailed, Unknown"},
			{Pointer: "/filter/before", Detail: "is not a time such as 2026-01-31T12:00:00Z"},
			{Pointer: "/filter/after", Detail: "is not a time such as 2026-01-31T12:00:00Z"},
		}},
		{name: "unknown field", body: `{"filter": {"functoin": "orders"}}`, want: []FieldError{{Pointer: "/filter/functoin", Detail: "is unknown, or there twice"}}},
		{name: "field of another case", body: `{"Filter": {}}`, want: []FieldError{{Pointer: "/Filter", Detail: "is unknown, or there twice"}}},
		{name: "field that is there twice", body: `{"filter": {}, "filter": {}}`, want: []FieldError{{Pointer: "/filter", Detail: "is unknown, or there twice"}}},
		{name: "another type", body: `{"filter": {"type": 1}}`, want: []FieldError{{Pointer: "/filter/type", Detail: "is not a string"}}},
		{name: "no JSON", body: `{`, want: []FieldError{{Detail: "unexpected end of JSON input"}}},
		{name: "rate of a purge", purge: true, body: `{"filter": {}, "rate": 1}`, want: []FieldError{{Pointer: "/rate", Detail: "is for redrives"}}},
		{name: "destination of a purge", purge: true, body: `{"filter": {}, "destination": "x"}`, want: []FieldError{{Pointer: "/destination", Detail: "is for redrives"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, errs := parsed(tc.body, !tc.purge)
			if diff := cmp.Diff(tc.want, errs); diff != "" {
				t.Error("errors (-want, +got):", diff)
			}
		})
	}
}

func TestFilterMatches(t *testing.T) {
	l := newLetter(newEvent(map[string]any{"knativeerrorcode": 400}), newDelivery(t, "function=orders"), letterTime)
	for _, tc := range []struct {
		name   string
		filter Filter
		want   bool
	}{
		{"everything", Filter{}, true},
		{"all fields", Filter{"orders", "com.example.order", "/shop", ReasonRejected, letterTime.Add(1), letterTime.Add(-1)}, true},
		{"function", Filter{Function: "bills"}, false},
		{"type", Filter{Type: "com.example"}, false},
		{"source", Filter{Source: "/"}, false},
		{"reason", Filter{Reason: ReasonTimeout}, false},
		{"before", Filter{Before: letterTime}, false},
		{"after", Filter{After: letterTime}, false},
	} {
		if got := tc.filter.matches(l); got != tc.want {
			t.Errorf("%s: matches() = %v, want %v", tc.name, got, tc.want)
		}
	}
}

func FuzzParseListQuery(f *testing.F) {
	for _, query := range []string{
		"", "function=orders&limit=5", "before=2026-01-31T12:00:00Z&after=x", "continue=18446744073709551616", "limit=-1&limit=2", "reason=Timeout&%zz",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, errs := parseListQuery(query)
		if len(errs) > 0 {
			for _, e := range errs {
				if !query.Has(e.Parameter) {
					t.Errorf("an error for parameter %q, which is not there", e.Parameter)
				}
			}
			return
		}
		if q.limit < 1 || q.limit > maxLimit {
			t.Error("limit", q.limit)
		}
		if function := q.filter.Function; function != query.Get("function") {
			t.Errorf("function %q of %q", function, text)
		}
		if query.Has("continue") && formatID(q.from) != query.Get("continue") {
			t.Errorf("begins at %d for %q", q.from, text)
		}
		if _, err := parseDelivery("shop", query, config.DefaultDeadLetters()); err != nil && !strings.Contains(err.Error(), "parameter ") {
			t.Error("parseDelivery() =", err)
		}
	})
}

func FuzzParseOrder(f *testing.F) {
	for _, body := range []string{
		`{"filter": {}}`, `{"ids": ["1", "2", "2"], "rate": 1e3}`, `{"filter": {"reason": "Timeout", "before": "2026-01-31T12:00:00Z"}}`,
		`{"filter": null, "ids": null}`, `{"ids": ["01"]}`, `{"rate": "1"}`, `{"a/b~c": 1, "filter": {}}`, `[`, "\xff",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, errs := parsed(body, true)
		if len(errs) > 0 {
			for _, e := range errs {
				if e.Detail == "" || (e.Pointer != "" && e.Pointer[0] != '/') {
					t.Errorf("an error that says nothing: %+v", e)
				}
			}
			return
		}
		// What is not refused says which letters are meant.
		if (p.filter == nil) == (len(p.selection.ids) == 0) {
			t.Errorf("%q means filter %v and letters %v", body, p.filter, p.selection.ids)
		}
	})
}
