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

// Package protocol is the language between the supervisor and a worker: frames
// with a fixed binary header, multiplexed by stream over one connection. The
// written form is docs/worker-protocol.md.
//
// It depends on the standard library only, because a worker written in Go links
// it next to a user's code.
package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the protocol. A worker announces the version it
// speaks in its Hello.
const Version = 1

const (
	// HeaderSize is the length of the fixed header of every frame.
	HeaderSize = 16
	// MaxPayload is the most bytes of meta and body together in one frame.
	MaxPayload = 2 << 20
	// InitialWindow is how many body bytes a side may send on a stream before
	// the other side grants more. It counts the body inside the head, too.
	InitialWindow = 256 << 10
	// MaxChunk is the most body bytes that the supervisor puts into one frame,
	// so that a large body does not hold up the small ones.
	MaxChunk = 64 << 10
)

// Type says what a frame is.
type Type uint8

// The frame types. The comment says who sends it and what it carries.
const (
	Hello     Type = 1  // worker: HelloMeta
	Ready     Type = 2  // worker: ReadyMeta
	LoadError Type = 3  // worker: LoadErrorMeta
	Request   Type = 4  // supervisor: RequestMeta, body
	Response  Type = 5  // worker: ResponseMeta or nothing, body
	Data      Type = 6  // both: body
	Fail      Type = 7  // worker: FailMeta; ends the stream
	Cancel    Type = 8  // supervisor: nothing; the worker still ends the stream
	Window    Type = 9  // both: four bytes, the number of body bytes granted
	Log       Type = 10 // worker: LogMeta or nothing, text
	Shutdown  Type = 11 // supervisor: nothing; the worker finishes and exits
)

// Kind says how the bytes of a body are to be understood.
type Kind uint8

// The kinds of a body.
const (
	None  Kind = 0 // no value at all
	JSON  Kind = 1
	Text  Kind = 2 // UTF-8
	Bytes Kind = 3
	Auto  Kind = 4 // undeclared: JSON if it parses, else text, else bytes
)

// The kinds of a Log frame without meta, which is text that the function
// printed.
const (
	LogStdout Kind = 1
	LogStderr Kind = 2
)

// Flags of a frame.
type Flags uint16

// End marks the last frame of its sender on a stream.
const End Flags = 1

// Frame is one message. Meta is JSON; what Body is depends on Type.
type Frame struct {
	Type   Type
	Kind   Kind
	Flags  Flags
	Stream uint32
	Meta   []byte
	Body   []byte
}

// Ended reports whether the sender says no more on the frame's stream.
func (f *Frame) Ended() bool {
	return f.Flags&End != 0 || f.Type == Fail
}

// ErrMalformed is wrapped by every error about bytes that are no frame.
var ErrMalformed = errors.New("malformed frame")

// Append appends the encoded frame to dst. It fails when the frame is larger
// than MaxPayload.
func Append(dst []byte, f *Frame) ([]byte, error) {
	meta, size := len(f.Meta), len(f.Meta)+len(f.Body)
	if meta > MaxPayload || size > MaxPayload {
		return dst, fmt.Errorf("%w: payload of %d bytes is over the limit of %d", ErrMalformed, size, MaxPayload)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = append(dst, byte(f.Type), byte(f.Kind))
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.Flags))
	dst = binary.BigEndian.AppendUint32(dst, f.Stream)
	dst = binary.BigEndian.AppendUint32(dst, uint32(meta))
	dst = append(dst, f.Meta...)
	return append(dst, f.Body...), nil
}

// WindowFrame grants n more body bytes on a stream.
func WindowFrame(stream uint32, n int) *Frame {
	return &Frame{
		Type:   Window,
		Stream: stream,
		Body:   binary.BigEndian.AppendUint32(nil, uint32(n)), //nolint:gosec // never more than was received
	}
}

// Grant is the number of bytes that a Window frame grants.
func (f *Frame) Grant() (int, error) {
	if f.Type != Window || len(f.Body) != 4 {
		return 0, fmt.Errorf("%w: a window of %d bytes", ErrMalformed, len(f.Body))
	}
	return int(binary.BigEndian.Uint32(f.Body)), nil
}

// Reader reads frames from a connection.
type Reader struct {
	r          io.Reader
	buf        []byte
	start, end int
}

// NewReader returns a Reader of r. It buffers: nothing else may read from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, buf: make([]byte, 64<<10)}
}

// Next reads one frame into f. Meta and Body are valid until the next call. The
// error is io.EOF only between frames.
func (r *Reader) Next(f *Frame) error {
	if err := r.fill(HeaderSize); err != nil {
		return err
	}
	h := r.buf[r.start:]
	size, meta := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[12:])
	if size > MaxPayload || meta > size {
		return fmt.Errorf("%w: payload of %d bytes with %d bytes of meta", ErrMalformed, size, meta)
	}
	if err := r.fill(HeaderSize + int(size)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	h = r.buf[r.start : r.start+HeaderSize+int(size)]
	r.start += len(h)
	*f = Frame{
		Type:   Type(h[4]),
		Kind:   Kind(h[5]),
		Flags:  Flags(binary.BigEndian.Uint16(h[6:])),
		Stream: binary.BigEndian.Uint32(h[8:]),
		Meta:   h[HeaderSize : HeaderSize+meta],
		Body:   h[HeaderSize+meta:],
	}
	return nil
}

// fill makes sure that at least n bytes are buffered.
func (r *Reader) fill(n int) error {
	if r.end-r.start >= n {
		return nil
	}
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if n > len(r.buf) {
		r.buf = append(r.buf, make([]byte, n-len(r.buf))...)
	}
	got, err := io.ReadAtLeast(r.r, r.buf[r.end:], n-r.end)
	empty := r.end == 0
	r.end += got
	if errors.Is(err, io.ErrUnexpectedEOF) || (errors.Is(err, io.EOF) && !empty) {
		return io.ErrUnexpectedEOF
	}
	return err
}
