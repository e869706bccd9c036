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
	"bytes"
	"net"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// silent is a worker's events that nobody looks at.
type silent struct{}

func (silent) hello(protocol.HelloMeta)         {}
func (silent) ready(protocol.ReadyMeta)         {}
func (silent) loadError(protocol.LoadErrorMeta) {}
func (silent) log(*protocol.Frame, *callInfo)   {}

// FuzzSession has a worker say anything at all: a call always ends, and the session, too.
func FuzzSession(f *testing.F) {
	add := func(frames ...protocol.Frame) {
		var b []byte
		for i := range frames {
			b, _ = protocol.Append(b, &frames[i]) // they fit
		}
		f.Add(b)
	}
	hello := protocol.Frame{Type: protocol.Hello, Meta: []byte(`{"protocol":1}`)}
	head := protocol.Frame{Type: protocol.Response, Kind: protocol.JSON, Stream: 1, Meta: []byte(`{"status":201}`), Body: []byte("1")}
	add(hello, head, protocol.Frame{Type: protocol.Data, Stream: 1, Flags: protocol.End})
	add(head, head, protocol.Frame{Type: protocol.Fail, Stream: 1, Meta: []byte(`{"message":"x"}`)}, head)
	add(head, protocol.Frame{Type: protocol.Fail, Stream: 1, Meta: []byte("x")})
	add(*protocol.WindowFrame(1, 1<<31), protocol.Frame{Type: protocol.Window, Stream: 1})
	add(protocol.Frame{Type: protocol.Data, Stream: 1, Body: bytes.Repeat([]byte("z"), protocol.InitialWindow+1)})
	add(protocol.Frame{Type: protocol.Request, Stream: 1}, protocol.Frame{Type: 99})
	add(protocol.Frame{Type: protocol.Log, Body: []byte("x")}, protocol.Frame{Type: protocol.Ready, Meta: []byte("[")})
	f.Fuzz(func(t *testing.T, wire []byte) {
		ours, theirs := net.Pipe()
		s := newSession(ours, silent{})
		c, err := s.open(nil, callInfo{}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = theirs.Write(wire) // it fails once the session has had enough
			_ = theirs.Close()
		}()
		_ = s.run() // most of what comes is malformed
		s.fail(errWorkerGone)
		if !c.isEnded() {
			t.Error("the call has no end")
		}
		for range 4 {
			if _, last, err := c.next(t.Context()); last || err != nil {
				break
			}
		}
		if _, err := s.open(nil, callInfo{}, func() {}); err == nil {
			t.Error("a session that has ended takes a call")
		}
	})
}
