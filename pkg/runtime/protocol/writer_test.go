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

package protocol

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
)

// gate is a connection that lets nothing through before it is open.
type gate struct {
	open   chan struct{}
	writes int
	got    bytes.Buffer
	err    error
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.writes++
	g.got.Write(p)
	return len(p), g.err
}

// TestWriter has many write while one does: none waits for it, and what they have goes out at once, whole.
func TestWriter(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w := NewWriter(g)
	var first sync.WaitGroup
	first.Go(func() { _ = w.Write(&Frame{Type: Data, Stream: 1, Body: []byte("x")}) })
	for {
		w.mu.Lock()
		writing := w.writing
		w.mu.Unlock()
		if writing {
			break
		}
	}
	const others = 99
	for n := range uint32(others) {
		w.WriteMeta(&Frame{Type: Response, Flags: End, Stream: 2 + n}, ResponseMeta{Status: 201})
	}
	close(g.open)
	first.Wait()
	if g.writes > 2 {
		t.Errorf("%d writes, not 2 at most", g.writes)
	}
	r := NewReader(&g.got)
	var f Frame
	for n := range uint32(1 + others) {
		if err := r.Next(&f); err != nil || f.Stream != 1+n {
			t.Fatalf("frame %d is of stream %d, error %v", n, f.Stream, err)
		}
	}
	if err := r.Next(&f); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v", err)
	}
}

// TestWriterRefuses tells what cannot be written from what the connection says.
func TestWriterRefuses(t *testing.T) {
	g := &gate{open: make(chan struct{}), err: io.ErrClosedPipe}
	close(g.open)
	w := NewWriter(g)
	if err := w.Write(&Frame{Type: Data, Body: make([]byte, MaxPayload+1)}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a frame that is too large: %v", err)
	}
	for range 2 {
		if err := w.Write(&Frame{Type: Data, Body: make([]byte, 5*InitialWindow)}); err != nil {
			t.Errorf("a connection that is closed: %v", err)
		}
	}
	if w.writing || len(w.out) > 0 || cap(w.spare) > 4*InitialWindow {
		t.Error("it holds what it cannot write")
	}
}
