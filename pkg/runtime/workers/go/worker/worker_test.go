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

package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// supervisor is the other end of a worker's connection.
type supervisor struct {
	t    *testing.T
	conn net.Conn
	r    *protocol.Reader
	done chan error
}

func start(t *testing.T, function Function) *supervisor {
	t.Helper()
	ours, theirs := net.Pipe()
	s := &supervisor{t, ours, protocol.NewReader(ours), make(chan error, 1)}
	go func() {
		err := serve(theirs, "main.Handler", function)
		_ = theirs.Close()
		s.done <- err
	}()
	t.Cleanup(func() { _ = ours.Close() })
	s.expect(protocol.Hello)
	return s
}

func ready(t *testing.T, function Function) *supervisor {
	t.Helper()
	s := start(t, function)
	s.expect(protocol.Ready)
	return s
}

func (s *supervisor) send(f *protocol.Frame) {
	s.t.Helper()
	b, err := protocol.Append(nil, f)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal("failed to send:", err)
	}
}

// request sends a whole request.
func (s *supervisor) request(kind protocol.Kind, meta protocol.RequestMeta, body string) {
	s.t.Helper()
	s.send(&protocol.Frame{Type: protocol.Request, Kind: kind, Flags: protocol.End, Stream: 1, Meta: encodeMeta(s.t, meta), Body: []byte(body)})
}

func encodeMeta(t *testing.T, meta protocol.RequestMeta) []byte {
	t.Helper()
	if meta.Deadline == 0 {
		meta.Deadline = time.Now().Add(time.Hour).UnixMilli()
	}
	b, err := json.Marshal(meta)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect reads a frame of that type.
func (s *supervisor) expect(want protocol.Type) protocol.Frame {
	s.t.Helper()
	var f protocol.Frame
	if err := s.r.Next(&f); err != nil {
		s.t.Fatal("failed to read:", err)
	}
	if f.Type != want {
		s.t.Fatalf("type = %d, want %d: %s %s", f.Type, want, f.Meta, f.Body)
	}
	f.Meta, f.Body = bytes.Clone(f.Meta), bytes.Clone(f.Body)
	return f
}

type number struct {
	X int `json:"x"`
}

// told is what a handler may want to know of a request.
type told struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Path string `json:"path"`
}

func TestShapes(t *testing.T) {
	seen := ""
	note := func(format string, args ...any) string {
		seen = fmt.Sprintf(format, args...)
		return seen
	}
	id := func(ctx context.Context) any { return ctx.Value("id") }
	for name, tc := range map[string]struct {
		function Function
		want     string
		reply    bool
	}{
		"Bare":                   {Bare(func() { note("bare") }), "bare", false},
		"BareResult":             {BareResult(func() string { return note("bare") }), "bare", true},
		"BareError":              {BareError(func() error { note("bare"); return nil }), "bare", false},
		"BareResultError":        {BareResultError(func() (string, error) { return note("bare"), nil }), "bare", true},
		"Context":                {Context(func(ctx context.Context) { note("%v", id(ctx)) }), "7", false},
		"ContextResult":          {ContextResult(func(ctx context.Context) string { return note("%v", id(ctx)) }), "7", true},
		"ContextError":           {ContextError(func(ctx context.Context) error { note("%v", id(ctx)); return nil }), "7", false},
		"ContextResultError":     {ContextResultError(func(ctx context.Context) (string, error) { return note("%v", id(ctx)), nil }), "7", true},
		"Data":                   {Data(func(n number) { note("%d", n.X) }), "41", false},
		"DataResult":             {DataResult(func(n *number) string { return note("%d", n.X) }), "41", true},
		"DataError":              {DataError(func(m map[string]any) error { note("%v", m["x"]); return nil }), "41", false},
		"DataResultError":        {DataResultError(func(v any) (string, error) { return note("%v", v), nil }), "map[x:41]", true},
		"ContextData":            {ContextData(func(ctx context.Context, n number) { note("%v %d", id(ctx), n.X) }), "7 41", false},
		"ContextDataResult":      {ContextDataResult(func(ctx context.Context, b []byte) string { return note("%v %s", id(ctx), b) }), `7 {"x":41}`, true},
		"ContextDataError":       {ContextDataError(func(ctx context.Context, s string) error { note("%v %s", id(ctx), s); return nil }), `7 {"x":41}`, false},
		"ContextDataResultError": {ContextDataResultError(func(ctx context.Context, n number) (string, error) { return note("%v %d", id(ctx), n.X), nil }), "7 41", true},
		"DataEvent":              {DataEvent(func(n number, e told) { note("%d %s %s", n.X, e.ID, e.Type) }), "41 7 order", false},
		"DataEventResult":        {DataEventResult(func(n number, e map[string]any) string { return note("%d %s", n.X, e["id"]) }), "41 7", true},
		"DataEventError":         {DataEventError(func(n number, e *told) error { note("%d %s", n.X, e.Path); return nil }), "41 /p", false},
		"DataEventResultError":   {DataEventResultError(func(n number, e told) (string, error) { return note("%d %s", n.X, e.ID), nil }), "41 7", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, tc.function)
			s.request(protocol.JSON, protocol.RequestMeta{Path: "/p", Event: &protocol.Event{ID: "7", Type: "order"}}, `{"x":41}`)
			f := s.expect(protocol.Response)
			want := protocol.None
			if tc.reply {
				want = protocol.Text
				if string(f.Body) != tc.want {
					t.Errorf("body = %q, want %q", f.Body, tc.want)
				}
			}
			if f.Kind != want || !f.Ended() {
				t.Errorf("reply = %+v, want the last one, of kind %d", f, want)
			}
			if seen != tc.want {
				t.Errorf("the handler saw %q, want %q", seen, tc.want)
			}
		})
	}
}

// statusError is an error with a status.
type statusError int

func (e statusError) Error() string   { return "no such order" }
func (e statusError) StatusCode() int { return int(e) }

// unmade is a map that nobody has made.
var unmade map[string]int

func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		function Function
		body     string
		want     protocol.FailMeta
		stack    bool
	}{
		"error":        {BareError(func() error { return errors.New("broken") }), "", protocol.FailMeta{Message: "broken"}, false},
		"status":       {BareError(func() error { return fmt.Errorf("wrapped: %w", statusError(404)) }), "", protocol.FailMeta{Message: "wrapped: no such order", Status: 404}, false},
		"other status": {BareError(func() error { return statusError(302) }), "", protocol.FailMeta{Message: "no such order"}, false},
		"panic":        {Bare(func() { panic("broken") }), "", protocol.FailMeta{Message: "panic: broken"}, true},
		"nil map":      {Bare(func() { unmade["a"] = 1 }), "", protocol.FailMeta{Message: "panic: assignment to entry in nil map"}, true},
		"invalid JSON": {Data(func(number) {}), `{"x":`, protocol.FailMeta{Code: codeInvalidData, Status: 400, Message: "the data is not JSON of what the handler takes: unexpected end of JSON input"}, false},
		"other type": {Data(func(number) {}), `{"x":"a"}`, protocol.FailMeta{
			Code: codeInvalidData, Status: 400,
			Message: "the data is not JSON of what the handler takes: cannot unmarshal string into Go struct field number.x of type int",
		}, false},
		"reply": {BareResult(func() any { return func() {} }), "", protocol.FailMeta{Code: codeInvalidReply, Message: "the handler returned what JSON cannot hold: unsupported type: func()"}, false},
		"status of reply": {BareResult(func() map[string]any { return map[string]any{"statusCode": 99} }), "", protocol.FailMeta{
			Code: codeInvalidReply, Message: "the handler returned statusCode 99, which is not a number between 200 and 599",
		}, false},
		"headers": {BareResult(func() map[string]any { return map[string]any{"statusCode": 200, "headers": "a"} }), "", protocol.FailMeta{
			Code: codeInvalidReply, Message: "the handler returned headers of type string, not a map",
		}, false},
		"no event": {Data(func(sdkEvent) {}), "", protocol.FailMeta{Code: codeInvalidData, Status: 400, Message: "the handler takes a CloudEvent, and the request is none"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, tc.function)
			kind := protocol.None
			if tc.body != "" {
				kind = protocol.JSON
			}
			s.request(kind, protocol.RequestMeta{}, tc.body)
			var got protocol.FailMeta
			if err := json.Unmarshal(s.expect(protocol.Fail).Meta, &got); err != nil {
				t.Fatal(err)
			}
			if tc.stack != strings.Contains(got.Stack, "worker_test.go") {
				t.Errorf("stack = %s", got.Stack)
			}
			got.Stack = ""
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("(-want, +got):", diff)
			}
		})
	}
}

// sdkEvent has the form of the CloudEvents SDK's event.
type sdkEvent struct {
	attributes map[string]any
}

func (e sdkEvent) SpecVersion() string           { return "1.0" }
func (e sdkEvent) MarshalJSON() ([]byte, error)  { return json.Marshal(e.attributes) }
func (e *sdkEvent) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &e.attributes) }

// response has the form that functions of other platforms answer with.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       any               `json:"body"`
	Base64     bool              `json:"isBase64Encoded"`
}

func TestReplies(t *testing.T) {
	for name, tc := range map[string]struct {
		value any
		kind  protocol.Kind
		meta  string
		body  string
	}{
		"nil":              {nil, protocol.None, "", ""},
		"nil pointer":      {(*number)(nil), protocol.None, "", ""},
		"nil response":     {(*response)(nil), protocol.None, "", ""},
		"nil map":          {map[string]any(nil), protocol.None, "", ""},
		"nil bytes":        {[]byte(nil), protocol.None, "", ""},
		"no bytes":         {[]byte{}, protocol.Bytes, "", ""},
		"bytes":            {[]byte("\xff"), protocol.Bytes, "", "\xff"},
		"text":             {"a", protocol.Text, "", "a"},
		"no text":          {"", protocol.Text, "", ""},
		"text, not UTF-8":  {"\xff", protocol.Text, "", "\uFFFD"},
		"number":           {42, protocol.JSON, "", "42"},
		"zero":             {0, protocol.JSON, "", "0"},
		"false":            {false, protocol.JSON, "", "false"},
		"no list":          {[]int(nil), protocol.JSON, "", "null"},
		"struct":           {number{1}, protocol.JSON, "", `{"x":1}`},
		"HTML":             {map[string]any{"a": "<&>"}, protocol.JSON, "", `{"a":"<&>"}`},
		"raw JSON":         {json.RawMessage(`{"a":1}`), protocol.JSON, "", `{"a":1}`},
		"status of map":    {map[string]any{"statusCode": 201, "body": map[string]int{"a": 1}}, protocol.JSON, `{"status":201}`, `{"a":1}`},
		"status of JSON":   {map[string]any{"statusCode": 201.0}, protocol.None, `{"status":201}`, ""},
		"headers":          {map[string]any{"statusCode": 200, "headers": map[string]any{"A": []string{"1", "2"}, "B": 3}}, protocol.None, `{"headers":{"A":["1","2"],"B":["3"]},"status":200}`, ""},
		"struct's status":  {response{StatusCode: 404, Headers: map[string]string{"A": "1"}, Body: "no"}, protocol.Text, `{"headers":{"A":["1"]},"status":404}`, "no"},
		"pointer's status": {&response{Body: "yes"}, protocol.Text, "", "yes"},
		"base64":           {response{StatusCode: 200, Body: "/w==", Base64: true}, protocol.Bytes, `{"status":200}`, "\xff"},
		"event of map":     {map[string]any{"specversion": "1.0", "type": "t", "data": map[string]any{"a": 1}}, protocol.JSON, `{"event":{"specversion":"1.0","type":"t"}}`, `{"a":1}`},
		"event of SDK":     {&sdkEvent{map[string]any{"specversion": "1.0", "type": "t", "data_base64": "/w=="}}, protocol.Bytes, `{"event":{"specversion":"1.0","type":"t"}}`, "\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, BareResult(func() any { return tc.value }))
			s.request(protocol.None, protocol.RequestMeta{}, "")
			f := s.expect(protocol.Response)
			if f.Kind != tc.kind || string(f.Meta) != tc.meta || string(f.Body) != tc.body {
				t.Errorf("kind %d, meta %s, body %q; want %d, %s, %q", f.Kind, f.Meta, f.Body, tc.kind, tc.meta, tc.body)
			}
		})
	}
}

func TestDataKinds(t *testing.T) {
	for name, tc := range map[string]struct {
		kind protocol.Kind
		body string
		want any
	}{
		"nothing":      {protocol.None, "", nil},
		"JSON":         {protocol.JSON, `{"a":1}`, map[string]any{"a": 1.0}},
		"text":         {protocol.Text, "1", "1"},
		"bytes":        {protocol.Bytes, "a", []byte("a")},
		"auto, JSON":   {protocol.Auto, "1", 1.0},
		"auto, text":   {protocol.Auto, "{", "{"},
		"auto, binary": {protocol.Auto, "\xff", []byte("\xff")},
	} {
		t.Run(name, func(t *testing.T) {
			var got any
			s := ready(t, Data(func(v any) { got = v }))
			s.request(tc.kind, protocol.RequestMeta{}, tc.body)
			s.expect(protocol.Response)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("(-want, +got):", diff)
			}
		})
	}
}

func TestTextOfJSON(t *testing.T) {
	s := ready(t, DataResult(func(text string) string { return text }))
	s.request(protocol.JSON, protocol.RequestMeta{}, ` "a\n"`)
	if f := s.expect(protocol.Response); string(f.Body) != "a\n" {
		t.Errorf("the handler saw %q", f.Body)
	}
}

// One call must not see what another left in its argument.
func TestDataDoesNotBleed(t *testing.T) {
	s := ready(t, DataResult(func(n number) int { return n.X + 1 }))
	s.request(protocol.JSON, protocol.RequestMeta{}, `{"x":41}`)
	if f := s.expect(protocol.Response); string(f.Body) != "42" {
		t.Errorf("first = %s", f.Body)
	}
	s.request(protocol.JSON, protocol.RequestMeta{}, `{}`)
	if f := s.expect(protocol.Response); string(f.Body) != "1" {
		t.Errorf("second = %s, want 1", f.Body)
	}
}

func TestWholeEvent(t *testing.T) {
	s := ready(t, DataResultError(func(e sdkEvent) (*sdkEvent, error) {
		e.attributes["type"] = "reply"
		return &e, nil
	}))
	s.request(protocol.JSON, protocol.RequestMeta{Event: &protocol.Event{
		SpecVersion: "1.0", ID: "7", Type: "order", Source: "/s", DataContentType: "application/json", Extensions: map[string]any{"a": "b"},
	}}, `{"x":1}`)
	f := s.expect(protocol.Response)
	want := `{"event":{"a":"b","datacontenttype":"application/json","id":"7","source":"/s","specversion":"1.0","type":"reply"}}`
	if string(f.Meta) != want || string(f.Body) != `{"x":1}` {
		t.Errorf("reply = %s %s, want %s", f.Meta, f.Body, want)
	}
}

func TestCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		deadline time.Time
		want     error
	}{
		"client gone": {time.Now().Add(time.Hour), context.Canceled},
		"deadline":    {time.Now().Add(-time.Hour), context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			s := ready(t, Context(func(ctx context.Context) {
				<-ctx.Done()
				got = context.Cause(ctx)
			}))
			s.request(protocol.None, protocol.RequestMeta{Deadline: tc.deadline.UnixMilli()}, "")
			s.send(&protocol.Frame{Type: protocol.Cancel, Stream: 1})
			s.expect(protocol.Response)
			if !errors.Is(got, tc.want) {
				t.Errorf("cause = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	want := time.Now().Add(time.Minute).Truncate(time.Millisecond)
	s := ready(t, ContextResult(func(ctx context.Context) bool {
		got, ok := ctx.Deadline()
		return ok && got.Equal(want)
	}))
	s.request(protocol.None, protocol.RequestMeta{Deadline: want.UnixMilli()}, "")
	if f := s.expect(protocol.Response); string(f.Body) != "true" {
		t.Error("the context has another deadline")
	}
}

// A body of several frames is granted as it is read.
func TestBodyInPieces(t *testing.T) {
	s := ready(t, DataResult(func(text string) string { return text }))
	s.send(&protocol.Frame{Type: protocol.Request, Kind: protocol.Text, Stream: 1, Meta: encodeMeta(t, protocol.RequestMeta{}), Body: []byte("a")})
	if n, err := new(s.expect(protocol.Window)).Grant(); n != 1 || err != nil {
		t.Errorf("grant = %d, %v", n, err)
	}
	s.send(&protocol.Frame{Type: protocol.Data, Flags: protocol.End, Stream: 1, Body: []byte("b")})
	if f := s.expect(protocol.Response); string(f.Body) != "ab" {
		t.Errorf("body = %q", f.Body)
	}
}

// A body that does not come to its end fails the call, which ends it.
func TestCancelWithinBody(t *testing.T) {
	s := ready(t, Data(func(string) {}))
	s.send(&protocol.Frame{Type: protocol.Request, Kind: protocol.Text, Stream: 1, Meta: encodeMeta(t, protocol.RequestMeta{})})
	s.send(&protocol.Frame{Type: protocol.Cancel, Stream: 1})
	s.expect(protocol.Fail)
}

// A large reply stops at the window until more is granted.
func TestWindow(t *testing.T) {
	large := strings.Repeat("a", protocol.InitialWindow+1)
	for name, function := range map[string]Function{
		"value":  BareResult(func() string { return large }),
		"stream": BareResult(func() io.Reader { return strings.NewReader(large) }),
		"HTTP":   HTTPFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, function)
			s.request(protocol.None, protocol.RequestMeta{}, "")
			if f := s.expect(protocol.Response); f.Ended() {
				t.Fatal("the reply ends with its head")
			}
			got := 0
			for got < protocol.InitialWindow {
				got += len(s.expect(protocol.Data).Body)
			}
			if got != protocol.InitialWindow {
				t.Errorf("%d bytes came without a grant", got)
			}
			s.send(protocol.WindowFrame(1, 10))
			for ended := false; !ended; {
				f := s.expect(protocol.Data)
				got, ended = got+len(f.Body), f.Ended()
			}
			if got != len(large) {
				t.Errorf("%d bytes came, want %d", got, len(large))
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := ready(t, BareResult(func() string {
		close(entered)
		<-leave
		return "done"
	}))
	s.request(protocol.None, protocol.RequestMeta{}, "")
	<-entered
	s.send(&protocol.Frame{Type: protocol.Shutdown})
	close(leave)
	if f := s.expect(protocol.Response); string(f.Body) != "done" {
		t.Errorf("body = %q", f.Body)
	}
	if err := <-s.done; err != nil {
		t.Error("serve() =", err)
	}
}

func TestSupervisorGone(t *testing.T) {
	s := ready(t, Bare(func() {}))
	_ = s.conn.Close()
	if err := <-s.done; err != nil {
		t.Error("serve() =", err)
	}
}

func TestMalformed(t *testing.T) {
	s := ready(t, Bare(func() {}))
	if _, err := s.conn.Write(bytes.Repeat([]byte{0xff}, protocol.HeaderSize)); err != nil {
		t.Fatal(err)
	}
	if err := <-s.done; !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("serve() = %v", err)
	}
}

func TestNilHandler(t *testing.T) {
	s := start(t, HTTP(nil))
	if f := s.expect(protocol.LoadError); !strings.Contains(string(f.Meta), "main.Handler is nil") {
		t.Errorf("load error = %s", f.Meta)
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(newLogHandler(protocol.NewWriter(&b)))
	ctx := &callContext{t.Context(), &Call{stream: 9}}
	logger.With("a", 1).WithGroup("g").InfoContext(ctx, "hello", "level", "high", "b", errors.New("broken"))
	logger.Debug("not on")
	slog.New(withCall{logger.Handler(), ctx.call}).Warn("careful")

	r := protocol.NewReader(&b)
	var f protocol.Frame
	for _, want := range []struct{ meta, text string }{
		{`{"level":"INFO","fields":{"a":1,"g":{"level":"high","b":"broken"}}}`, "hello"},
		{`{"level":"WARN"}`, "careful"},
	} {
		if err := r.Next(&f); err != nil {
			t.Fatal(err)
		}
		if string(f.Meta) != want.meta || string(f.Body) != want.text || f.Stream != 9 {
			t.Errorf("stream %d: %s %s, want %+v", f.Stream, f.Meta, f.Body, want)
		}
	}
	if err := r.Next(&f); !errors.Is(err, io.EOF) {
		t.Errorf("more came: %s, %v", f.Body, err)
	}
}
