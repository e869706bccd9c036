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

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// errWorkerGone is what the calls of a worker that died get.
var errWorkerGone = errors.New("the worker died while it ran the function")

// sessionEvents are what a worker says that belongs to no request, and logs.
type sessionEvents interface {
	hello(protocol.HelloMeta)
	ready(protocol.ReadyMeta)
	loadError(protocol.LoadErrorMeta)
	log(f *protocol.Frame, origin *callInfo)
}

// session speaks the protocol with one worker.
type session struct {
	conn   net.Conn
	out    *protocol.Writer
	events sessionEvents

	answered atomic.Bool // a call was, be it with an error

	mu      sync.Mutex
	calls   map[uint32]*call
	last    uint32
	waiting int           // calls that somebody waits for
	closed  bool          // no more calls
	drained chan struct{} // closed when closed and nobody waits
}

func newSession(conn net.Conn, events sessionEvents) *session {
	return &session{
		conn:    conn,
		out:     protocol.NewWriter(conn),
		events:  events,
		calls:   make(map[uint32]*call),
		drained: make(chan struct{}),
	}
}

// run reads frames until the connection ends. Who runs it then calls fail.
func (s *session) run() error {
	r := protocol.NewReader(s.conn)
	var f protocol.Frame
	var err error
	for err == nil {
		if err = r.Next(&f); err == nil {
			err = s.dispatch(&f)
		}
	}
	_ = s.conn.Close() // the reason to end is err
	s.close()
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) { // reset where it has not read all when it dies
		return nil
	}
	return fmt.Errorf("failed to read from worker: %w", err)
}

// fail ends every call that is open.
func (s *session) fail(err error) {
	s.mu.Lock()
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, c := range calls {
		s.left(c)
		c.fail(err)
	}
}

func (s *session) dispatch(f *protocol.Frame) error {
	switch f.Type {
	case protocol.Response, protocol.Data, protocol.Fail:
		return s.deliver(f)
	case protocol.Window:
		n, err := f.Grant()
		if err != nil {
			return err
		}
		if c := s.find(f.Stream); c != nil {
			c.grant(n)
		}
	case protocol.Log:
		var origin *callInfo
		if c := s.find(f.Stream); c != nil {
			origin = &c.info
		}
		s.events.log(f, origin)
	case protocol.Hello:
		return decodeMeta(f, s.events.hello)
	case protocol.Ready:
		return decodeMeta(f, s.events.ready)
	case protocol.LoadError:
		return decodeMeta(f, s.events.loadError)
	default:
		return fmt.Errorf("%w: a worker does not send type %d", protocol.ErrMalformed, f.Type)
	}
	return nil
}

func decodeMeta[T any](f *protocol.Frame, use func(T)) error {
	var meta T
	if err := json.Unmarshal(f.Meta, &meta); err != nil {
		return fmt.Errorf("%w: meta of type %d: %w", protocol.ErrMalformed, f.Type, err)
	}
	use(meta)
	return nil
}

func (s *session) find(stream uint32) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[stream]
}

// deliver hands a part of a reply to its call.
func (s *session) deliver(f *protocol.Frame) error {
	s.mu.Lock()
	c := s.calls[f.Stream]
	if c != nil && f.Ended() {
		delete(s.calls, f.Stream)
	}
	s.mu.Unlock()
	if c != nil && f.Ended() {
		s.left(c)
	}
	if c == nil {
		return fmt.Errorf("%w: type %d on stream %d, which is not open", protocol.ErrMalformed, f.Type, f.Stream)
	}
	if err := c.deliver(f); err != nil {
		c.fail(errWorkerGone) // it may have left the calls already that fail with the session
		return err
	}
	if !s.answered.Load() {
		s.answered.Store(true)
	}
	return nil
}

// close makes open fail, and drained close once nobody waits for a call.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.waiting == 0 {
		close(s.drained)
	}
}

// left notes that nobody waits for a call any more.
func (s *session) left(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.left {
		return
	}
	c.left = true
	s.waiting--
	if s.closed && s.waiting == 0 {
		close(s.drained)
	}
}

// open registers a call. release runs once the worker has ended it.
func (s *session) open(w *worker, info callInfo, release func()) (*call, error) {
	c := &call{
		session: s,
		worker:  w,
		info:    info,
		release: release,
		credit:  protocol.InitialWindow,
		wake:    make(chan struct{}, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errWorkerGone
	}
	s.waiting++
	for {
		s.last++
		if _, taken := s.calls[s.last]; !taken && s.last != 0 {
			break
		}
	}
	c.stream = s.last
	s.calls[c.stream] = c
	return c, nil
}

// callInfo is what the log says about the call that a line comes from.
type callInfo struct {
	invocation  string
	correlation string
	traceID     string
	spanID      string
	event       *protocol.Event // nil where the call is about none
}

// reply is the head of a worker's answer.
type reply struct {
	kind protocol.Kind
	meta protocol.ResponseMeta
}

// failure is an error of the handler.
type failure struct{ protocol.FailMeta }

func (f *failure) Error() string { return f.Message }

// call is one request at the worker.
type call struct {
	session *session
	worker  *worker
	stream  uint32
	left    bool // of the session: nobody waits for it
	info    callInfo
	release func()
	wake    chan struct{}

	mu       sync.Mutex
	credit   int // body bytes that the worker still takes
	head     *reply
	body     []byte
	consumed int // body bytes that are taken but not granted again
	ended    bool
	dropped  bool // nobody reads the body any more
	err      error
}

// deliver takes a frame of the reply. Its error is one of the protocol.
func (c *call) deliver(f *protocol.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f.Type {
	case protocol.Fail:
		var meta protocol.FailMeta
		if err := json.Unmarshal(f.Meta, &meta); err != nil {
			return fmt.Errorf("%w: meta of a failure: %w", protocol.ErrMalformed, err)
		}
		c.err = &failure{meta}
	case protocol.Response:
		c.head = &reply{kind: f.Kind}
		if len(f.Meta) > 0 {
			if err := json.Unmarshal(f.Meta, &c.head.meta); err != nil {
				return fmt.Errorf("%w: meta of a response: %w", protocol.ErrMalformed, err)
			}
		}
	}
	if len(c.body)+len(f.Body) > protocol.InitialWindow {
		return fmt.Errorf("%w: stream %d sent more than its window", protocol.ErrMalformed, f.Stream)
	}
	if !c.dropped {
		c.body = append(c.body, f.Body...)
	}
	if f.Ended() {
		c.end()
	}
	c.signal()
	return nil
}

// fail ends the call because the worker is gone.
func (c *call) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.end()
	c.signal()
}

func (c *call) end() {
	if !c.ended {
		c.ended = true
		c.release()
	}
}

func (c *call) grant(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credit += n
	c.signal()
}

func (c *call) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// wait returns when the call has changed, or ctx is done.
func (c *call) wait(ctx context.Context) error {
	select {
	case <-c.wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sendRequest sends the request, in pieces that the worker is ready for.
func (c *call) sendRequest(ctx context.Context, kind protocol.Kind, meta, body []byte) error {
	f := &protocol.Frame{Type: protocol.Request, Kind: kind, Stream: c.stream, Meta: meta}
	for {
		c.mu.Lock()
		n := min(len(body), c.credit, protocol.MaxChunk)
		c.credit -= n
		ended := c.ended
		c.mu.Unlock()
		if ended {
			return nil // the worker has answered without reading all of it
		}
		if n == 0 && len(body) > 0 && f.Type == protocol.Data {
			if err := c.wait(ctx); err != nil {
				return err
			}
			continue
		}
		f.Body, body = body[:n], body[n:]
		if len(body) == 0 {
			f.Flags = protocol.End
		}
		if err := c.session.out.Write(f); err != nil || len(body) == 0 {
			return err
		}
		f = &protocol.Frame{Type: protocol.Data, Stream: c.stream}
	}
}

// response waits for the head of the reply.
func (c *call) response(ctx context.Context) (*reply, error) {
	for {
		c.mu.Lock()
		head, err, ended := c.head, c.err, c.ended
		c.mu.Unlock()
		switch {
		case head != nil:
			return head, nil
		case err != nil:
			return nil, err
		case ended:
			return nil, errors.New("the worker ended the request without an answer")
		}
		if err := c.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// next returns the next piece of the reply's body, and whether it is the last.
func (c *call) next(ctx context.Context) (body []byte, last bool, err error) {
	for {
		c.mu.Lock()
		body, last, err = c.body, c.ended, c.err
		c.body = nil
		c.consumed += len(body)
		grant := 0
		if !last && c.consumed >= protocol.InitialWindow/2 {
			grant, c.consumed = c.consumed, 0
		}
		c.mu.Unlock()
		if grant > 0 {
			if sent := c.session.out.Write(protocol.WindowFrame(c.stream, grant)); sent != nil {
				return nil, false, sent
			}
		}
		if len(body) > 0 || last {
			if len(body) > 0 && err != nil {
				last, err = false, nil // the error comes with the next piece
			}
			return body, last, err
		}
		if err := c.wait(ctx); err != nil {
			return nil, false, err
		}
	}
}

// cancel tells the worker that nobody waits any more. It reports whether the
// worker has not ended the call yet.
func (c *call) cancel() bool {
	c.mu.Lock()
	ended := c.ended
	c.body, c.dropped = nil, true
	c.mu.Unlock()
	c.session.left(c)
	if !ended {
		_ = c.session.out.Write(&protocol.Frame{Type: protocol.Cancel, Stream: c.stream}) // an empty frame fits
	}
	return !ended
}

// takeBody returns what of the body has come with the head.
func (c *call) takeBody() (body []byte, last bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, last, err = c.body, c.ended, c.err
	c.body = nil
	c.consumed += len(body)
	return body, last, err
}

func (c *call) isEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}
