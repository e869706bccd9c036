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
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// Call is one call of the function.
type Call struct {
	out    *protocol.Writer
	stream uint32
	kind   protocol.Kind
	body   body

	raw   []byte // the meta, which few handlers ask for
	parse sync.Once
	meta  protocol.RequestMeta

	mu        sync.Mutex
	changed   sync.Cond
	credit    int // bytes of the reply that the supervisor takes
	cancelled bool
	cancel    context.CancelCauseFunc // of the context, where the handler has one
	headSent  bool
	ended     bool
}

func newCall(out *protocol.Writer, f *protocol.Frame) *Call {
	// The frame is valid until the next one is read.
	payload := append(append(make([]byte, 0, len(f.Meta)+len(f.Body)), f.Meta...), f.Body...)
	c := &Call{out: out, stream: f.Stream, kind: f.Kind, credit: protocol.InitialWindow}
	c.changed.L = &c.mu
	c.raw = payload[:len(f.Meta):len(f.Meta)]
	c.body = body{call: c, data: payload[len(f.Meta):], ended: f.Ended()}
	c.body.changed.L = &c.body.mu
	return c
}

// run calls the function and makes sure that the call ends, whatever happens.
func (c *Call) run(function Function) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if reason := recover(); reason != nil {
			c.fail(panicMeta(reason))
			return
		}
		c.fail(protocol.FailMeta{Message: "the handler ended its goroutine"})
	}()
	err := function(c)
	returned = true
	if err != nil {
		c.fail(failMeta(err))
	} else if !c.ended {
		c.end()
	}
}

// request is what the supervisor says of the request.
func (c *Call) request() *protocol.RequestMeta {
	c.parse.Do(func() {
		_ = json.Unmarshal(c.raw, &c.meta) // the supervisor wrote it
	})
	return &c.meta
}

func (c *Call) deadline() time.Time { return time.UnixMilli(c.request().Deadline) }

func (c *Call) cancelNow() {
	c.mu.Lock()
	c.cancelled = true
	cancel := c.cancel
	c.changed.Broadcast()
	c.mu.Unlock()
	c.body.stop()
	if cancel != nil {
		cancel(c.cause())
	}
}

// cause is why the call was cancelled.
func (c *Call) cause() error {
	if !time.Now().Before(c.deadline()) {
		return context.DeadlineExceeded
	}
	return errGone
}

// release ends the context of the call.
func (c *Call) release() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel(nil)
	}
}

func (c *Call) grant(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credit += n
	c.changed.Signal()
}

// take waits until the supervisor takes more of the reply, and says how much.
func (c *Call) take(wanted int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.credit == 0 && !c.cancelled {
		c.changed.Wait()
	}
	if c.cancelled {
		return 0, c.cause()
	}
	n := min(wanted, c.credit, protocol.MaxChunk)
	c.credit -= n
	return n, nil
}

// respond sends a whole reply.
func (c *Call) respond(kind protocol.Kind, meta, body []byte) error {
	if len(body) <= protocol.InitialWindow {
		c.ended, c.headSent = true, true
		return c.out.Write(&protocol.Frame{Type: protocol.Response, Kind: kind, Flags: protocol.End, Stream: c.stream, Meta: meta, Body: body})
	}
	if err := c.head(kind, meta); err != nil {
		return err
	}
	if err := c.write(body); err != nil {
		return err
	}
	c.end()
	return nil
}

// head begins a reply whose body follows.
func (c *Call) head(kind protocol.Kind, meta []byte) error {
	c.headSent = true
	return c.out.Write(&protocol.Frame{Type: protocol.Response, Kind: kind, Stream: c.stream, Meta: meta})
}

// write sends a piece of the reply.
func (c *Call) write(p []byte) error {
	for len(p) > 0 {
		n, err := c.take(len(p))
		if err != nil {
			return err
		}
		if err := c.out.Write(&protocol.Frame{Type: protocol.Data, Stream: c.stream, Body: p[:n]}); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// end ends a reply, or a call that has none.
func (c *Call) end() {
	c.ended = true
	f := &protocol.Frame{Type: protocol.Data, Flags: protocol.End, Stream: c.stream}
	if !c.headSent {
		f.Type = protocol.Response
	}
	_ = c.out.Write(f) // an empty frame fits
}

func (c *Call) fail(meta protocol.FailMeta) {
	if c.ended {
		return // the reply is out, and only a log could tell
	}
	c.ended = true
	const most = protocol.MaxPayload / 16 // even where each byte is escaped
	meta.Message, meta.Stack = shorten(meta.Message, most), shorten(meta.Stack, most)
	c.out.WriteMeta(&protocol.Frame{Type: protocol.Fail, Flags: protocol.End, Stream: c.stream}, meta)
}

func shorten(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// The codes of failures that are not the handler's own.
const (
	codeInvalidData  = "InvalidData"
	codeInvalidReply = "InvalidReply"
)

// failure is an error of the data or the reply.
type failure struct{ protocol.FailMeta }

func (f *failure) Error() string { return f.Message }

func failMeta(err error) protocol.FailMeta {
	if f := (*failure)(nil); errors.As(err, &f) {
		return f.FailMeta
	}
	meta := protocol.FailMeta{Message: err.Error()}
	var status interface{ StatusCode() int }
	if errors.As(err, &status) {
		if n := status.StatusCode(); n >= 400 && n <= 599 {
			meta.Status = n
		}
	}
	return meta
}

func panicMeta(reason any) protocol.FailMeta {
	meta := protocol.FailMeta{Message: "panic"}
	if err, ok := reason.(error); ok {
		meta = failMeta(err)
		meta.Message = "panic: " + meta.Message
	} else if text := textOf(reason); text != "" {
		meta.Message += ": " + text
	}
	meta.Stack = string(debug.Stack())
	// What is above is about the panic, not about where it came from.
	if _, stack, ok := strings.Cut(meta.Stack, "\npanic("); ok {
		_, stack, _ = strings.Cut(stack, "\n\t")
		_, meta.Stack, _ = strings.Cut(stack, "\n")
	}
	return meta
}

// body is the body of a request, as it comes.
type body struct {
	call *Call

	mu       sync.Mutex
	changed  sync.Cond
	data     []byte
	consumed int // bytes that were read and not granted again
	ended    bool
	stopped  bool
}

func (b *body) add(p []byte, last bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	b.ended = last
	b.changed.Signal()
}

func (b *body) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.changed.Signal()
}

// all returns the whole body.
func (b *body) all() ([]byte, error) {
	b.mu.Lock()
	data, ended := b.data, b.ended
	b.mu.Unlock()
	if ended {
		return data, nil
	}
	return io.ReadAll(b)
}

// Read makes body an io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.data) == 0 && !b.ended && !b.stopped {
		b.changed.Wait()
	}
	if len(b.data) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		return 0, b.call.cause()
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	b.consumed += n
	if len(b.data) == 0 {
		b.data = nil
		if !b.ended {
			// The supervisor has sent all that it may, or has more on its way.
			_ = b.call.out.Write(protocol.WindowFrame(b.call.stream, b.consumed)) // four bytes fit
			b.consumed = 0
		}
	}
	return n, nil
}

// Close makes body an io.ReadCloser. What is not read is dropped with the call.
func (b *body) Close() error { return nil }
