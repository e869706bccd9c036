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
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

var letterTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newEvent(extensions map[string]any) *event.Event {
	e := event.New()
	e.SetID("1")
	e.SetType("com.example.order")
	e.SetSource("/shop")
	for name, value := range extensions {
		e.SetExtension(name, value)
	}
	return &e
}

func newDelivery(t *testing.T, query string) *delivery {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal("ParseQuery() =", err)
	}
	d, err := parseDelivery("shop", values, config.DefaultDeadLetters())
	if err != nil {
		t.Fatal("parseDelivery() =", err)
	}
	return d
}

func TestNewLetter(t *testing.T) {
	const orders = "http://orders.shop.svc.cluster.local"
	failed := func(code any, body string) map[string]any {
		return map[string]any{
			"knativeerrordest": orders,
			"knativeerrorcode": code,
			"knativeerrordata": base64.StdEncoding.EncodeToString([]byte(body)),
		}
	}
	for _, tc := range []struct {
		name       string
		query      string
		extensions map[string]any
		want       Letter
	}{{
		name:       "handler failed",
		query:      "function=orders&retries=2",
		extensions: failed(500, "boom"),
		want:       Letter{Reason: ReasonHandlerError, Status: 500, Body: "boom", Attempts: 3, Destination: orders},
	}, {
		name:       "code as text",
		query:      "function=orders&retries=0",
		extensions: failed("502", ""),
		want:       Letter{Reason: ReasonHandlerError, Status: 502, Attempts: 1, Destination: orders},
	}, {
		name:       "retries not known",
		query:      "function=orders",
		extensions: failed(500, ""),
		want:       Letter{Reason: ReasonHandlerError, Status: 500, Destination: orders},
	}, {
		// Knative does not send an event again that was refused.
		name:       "refused",
		query:      "function=orders&retries=2",
		extensions: failed(400, "bad"),
		want:       Letter{Reason: ReasonRejected, Status: 400, Body: "bad", Attempts: 1, Destination: orders},
	}, {
		name:       "redirected",
		query:      "function=orders&retries=2",
		extensions: failed(302, ""),
		want:       Letter{Reason: ReasonRejected, Status: 302, Attempts: 1, Destination: orders},
	}, {
		name:       "not there",
		query:      "function=orders&retries=2",
		extensions: failed(404, ""),
		want:       Letter{Reason: ReasonNotFound, Status: 404, Attempts: 3, Destination: orders},
	}, {
		name:       "conflict",
		query:      "function=orders&retries=2",
		extensions: failed(409, ""),
		want:       Letter{Reason: ReasonRejected, Status: 409, Attempts: 3, Destination: orders},
	}, {
		name:       "timed out",
		query:      "function=orders&retries=2",
		extensions: failed(504, ""),
		want:       Letter{Reason: ReasonTimeout, Status: 504, Attempts: 3, Destination: orders},
	}, {
		name:       "request timed out",
		query:      "function=orders&retries=2",
		extensions: failed(408, ""),
		want:       Letter{Reason: ReasonTimeout, Status: 408, Attempts: 3, Destination: orders},
	}, {
		name:       "too busy",
		query:      "function=orders&retries=2",
		extensions: failed(429, ""),
		want:       Letter{Reason: ReasonOverloaded, Status: 429, Attempts: 3, Destination: orders},
	}, {
		name:       "unavailable",
		query:      "function=orders&retries=2",
		extensions: failed(503, ""),
		want:       Letter{Reason: ReasonOverloaded, Status: 503, Attempts: 3, Destination: orders},
	}, {
		name:       "no connection",
		query:      "function=orders&retries=2",
		extensions: failed(500, "dispatch error: connection refused"),
		want:       Letter{Reason: ReasonUnreachable, Body: "dispatch error: connection refused", Attempts: 3, Destination: orders},
	}, {
		name:       "no answer in time",
		query:      "function=orders&retries=2",
		extensions: failed(500, "dispatch error: context deadline exceeded (Client.Timeout exceeded)"),
		want:       Letter{Reason: ReasonTimeout, Body: "dispatch error: context deadline exceeded (Client.Timeout exceeded)", Attempts: 3, Destination: orders},
	}, {
		name:       "never sent",
		query:      "function=orders&retries=2",
		extensions: failed(-1, ""),
		want:       Letter{Reason: ReasonUnreachable, Attempts: 3, Destination: orders},
	}, {
		name:       "nothing known",
		query:      "function=orders&retries=2",
		extensions: map[string]any{"correlationid": "c-1"},
		want:       Letter{Reason: ReasonUnknown, Destination: orders + "/"},
	}, {
		name:       "code that is none",
		query:      "function=orders",
		extensions: failed("often", ""),
		want:       Letter{Reason: ReasonUnknown, Destination: orders},
	}, {
		name:       "no function",
		extensions: failed(500, ""),
		want:       Letter{Reason: ReasonHandlerError, Status: 500, Destination: orders},
	}, {
		name:       "the broker did not take the reply",
		query:      "function=orders&retries=2&reply=" + url.QueryEscape("http://broker.example.com/shop/b/"),
		extensions: map[string]any{"knativeerrordest": "http://broker.example.com/shop/b", "knativeerrorcode": 500},
		want: Letter{
			Reason: ReasonReplyFailed, Status: 500, Attempts: 3,
			Destination: "http://broker.example.com/shop/b", ReplyTo: "http://broker.example.com/shop/b/",
		},
	}, {
		name:       "sent again before",
		query:      "function=orders",
		extensions: map[string]any{"lambdaredrive": "2"},
		want:       Letter{Reason: ReasonUnknown, Destination: orders + "/", Redrives: 2},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDelivery(t, tc.query)
			got := newLetter(newEvent(tc.extensions), d, letterTime)
			for name := range got.Event.Extensions() {
				if strings.HasPrefix(name, "knativeerror") {
					t.Errorf("the event still has %s", name)
				}
			}
			if got.ExpiresAt.Sub(got.ReceivedAt) != d.retention.ttl || !got.ReceivedAt.Equal(letterTime) {
				t.Errorf("it is kept from %v to %v", got.ReceivedAt, got.ExpiresAt)
			}
			want := tc.want
			want.Namespace, want.Function = "shop", d.function
			want.ReceivedAt, want.ExpiresAt, want.Event = got.ReceivedAt, got.ExpiresAt, got.Event
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Error("newLetter() (-want, +got):", diff)
			}
		})
	}
}

func TestBodyStart(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"text", encode("boom"), "boom"},
		{"not base64", "boom!", "boom!"},
		{"too long", encode(strings.Repeat("x", 2000)), strings.Repeat("x", maxBodyStart)},
		{"half a letter at the end", encode("caf\xc3"), "caf"},
		{"whole letter at the end", encode("café"), "café"},
		{"not text", encode("a\xffb"), "a\uFFFDb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := bodyStart(tc.text); got != tc.want {
				t.Errorf("bodyStart() = %q, want %q", got, tc.want)
			}
		})
	}
}

// An event and a failure are one letter, however often they come; what comes back after a redrive is another.
func TestDedupeID(t *testing.T) {
	letter := func(change func(*Letter)) string {
		l := newLetter(newEvent(nil), newDelivery(t, "function=orders"), letterTime)
		change(l)
		return l.dedupeID()
	}
	same := letter(func(*Letter) {})
	if got := letter(func(l *Letter) { l.ReceivedAt = l.ReceivedAt.Add(time.Hour); l.Status = 503 }); got != same {
		t.Error("a second delivery is another letter")
	}
	for name, change := range map[string]func(*Letter){
		"id":          func(l *Letter) { l.Event.SetID("2") },
		"source":      func(l *Letter) { l.Event.SetSource("/shop2") },
		"destination": func(l *Letter) { l.Destination += "other" },
		"function":    func(l *Letter) { l.Function = "bills" },
		"redrive":     func(l *Letter) { l.Redrives = 1 },
		"shift":       func(l *Letter) { l.Event.SetSource("/shop1"); l.Event.SetID("") },
	} {
		if letter(change) == same {
			t.Errorf("another %s makes no other letter", name)
		}
	}
}

// What is stored of an event is what came: types of extensions, and all bytes of the data.
func TestLetterRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name, contentType string
		data              string
		want              string
	}{
		{"JSON", "application/json", `{"b": 1,  "a": 2}`, `"data":{"b":1,"a":2}`},
		{"JSON of a vendor", "application/vnd.x+json", `[]`, `"data":"[]"`},
		{"JSON by default", "", `7`, `"data":7`},
		{"JSON that is none", "application/json", `{"b"`, `"data_base64":"eyJiIg=="`},
		{"text", "text/plain; charset=utf-8", "h\u00e9 \"you\"", `"data":"h` + "\u00e9" + ` \"you\""`},
		{"text that is none", "text/plain", "\xff", `"data_base64":"/w=="`},
		{"bytes", "application/octet-stream", "\x00\x01", `"data_base64":"AAE="`},
		{"type that is none", ";;", "x", `"data_base64":"eA=="`},
		{"nothing", "text/plain", "", `"event":{"specversion"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEvent(map[string]any{"count": 5, "flag": true, "text": "é"})
			if tc.contentType != "" {
				e.SetDataContentType(tc.contentType)
			}
			e.DataEncoded = []byte(tc.data)
			l := newLetter(e, newDelivery(t, "function=orders"), letterTime)
			header, err := l.header()
			if err != nil {
				t.Fatal("header() =", err)
			}
			if strings.ContainsAny(header, "\r\n") {
				t.Errorf("the header has more than a line: %q", header)
			}
			got, err := parseLetter(header)
			if err != nil {
				t.Fatal("parseLetter() =", err)
			}
			got.setData([]byte(tc.data))
			if diff := cmp.Diff(l.Event.Context.GetExtensions(), got.Event.Context.GetExtensions()); diff != "" {
				t.Error("extensions (-want, +got):", diff)
			}
			if string(got.Event.Data()) != tc.data || got.Size != int64(len(tc.data)) {
				t.Errorf("data %q of %d bytes, want %q", got.Event.Data(), got.Size, tc.data)
			}
			shown, err := json.Marshal(got)
			if err != nil {
				t.Fatal("Marshal() =", err)
			}
			if !strings.Contains(string(shown), tc.want) {
				t.Errorf("it is shown as %s, want %s in it", shown, tc.want)
			}
		})
	}
	if _, err := parseLetter("{"); err == nil {
		t.Error("parseLetter() took what is no letter")
	}
}
