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
	"encoding/json"
	"io"
	"runtime"
	"sync"
)

// Writer writes frames to a connection. Any number of goroutines may use it: who finds nobody writing writes what all of
// them have, so that those who send at once share system calls and never wait for one another.
type Writer struct {
	w io.Writer

	mu      sync.Mutex
	out     []byte
	spare   []byte
	writing bool
}

// NewWriter returns a Writer to w. Nothing else may write to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write has a frame written, of which it keeps nothing. It fails where the frame is larger than MaxPayload. An error of
// the connection is not told: whoever reads from the connection learns of it, and what cannot be written is dropped.
func (w *Writer) Write(f *Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, err := Append(w.out, f)
	w.out = out
	if err != nil || w.writing {
		return err
	}
	w.writing = true
	w.mu.Unlock()
	runtime.Gosched() // those who are about to send, too, are worth more than the moment that it takes
	w.mu.Lock()
	for len(w.out) > 0 {
		batch := w.out
		w.out = w.spare[:0]
		w.mu.Unlock()
		_, err := w.w.Write(batch)
		w.mu.Lock()
		w.spare = batch
		if cap(batch) > 4*InitialWindow {
			w.spare = nil // a burst must not hold its memory for ever
		}
		if err != nil {
			w.out = w.out[:0]
		}
	}
	w.writing = false
	return nil
}

// WriteMeta has a frame written with meta of one of this package's types.
func (w *Writer) WriteMeta(f *Frame, meta any) {
	f.Meta, _ = json.Marshal(meta) // they encode, and fit
	_ = w.Write(f)
}
