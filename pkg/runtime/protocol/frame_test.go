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

package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// encoded returns the bytes of frames.
func encoded(t testing.TB, frames ...protocol.Frame) []byte {
	t.Helper()
	var b []byte
	for i := range frames {
		var err error
		if b, err = protocol.Append(b, &frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

var samples = []protocol.Frame{
	{Type: protocol.Hello, Meta: []byte(`{"protocol":1}`)},
	{Type: protocol.Request, Kind: protocol.JSON, Flags: protocol.End, Stream: 7, Meta: []byte(`{}`), Body: []byte("[1]")},
	{Type: protocol.Data, Stream: 1<<32 - 1, Body: bytes.Repeat([]byte("z"), 200<<10)},
	*protocol.WindowFrame(3, 1<<20),
	{Type: protocol.Shutdown},
}

func TestFramesComeBack(t *testing.T) {
	wire := encoded(t, samples...)
	for name, source := range map[string]io.Reader{
		"whole":           bytes.NewReader(wire),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(wire)),
		"half and half":   iotest.HalfReader(bytes.NewReader(wire)),
		"end with a part": iotest.DataErrReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			r := protocol.NewReader(source)
			for i := range samples {
				var got protocol.Frame
				if err := r.Next(&got); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				if diff := cmp.Diff(samples[i], got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("unexpected frame %d (-want, +got): %s", i, diff)
				}
			}
			if err := r.Next(new(protocol.Frame)); !errors.Is(err, io.EOF) {
				t.Errorf("error at the end = %v, want EOF", err)
			}
		})
	}
}

func TestMalformedFrames(t *testing.T) {
	whole := encoded(t, samples[1])
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(whole)
		b[at] = to
		return b
	}
	for name, tc := range map[string]struct {
		wire []byte
		want error
	}{
		"too large":              {changed(0, 0xff), protocol.ErrMalformed},
		"meta beyond the frame":  {changed(15, 0xff), protocol.ErrMalformed},
		"ends in the header":     {whole[:7], io.ErrUnexpectedEOF},
		"ends after the header":  {whole[:protocol.HeaderSize], io.ErrUnexpectedEOF},
		"ends in the body":       {whole[:len(whole)-1], io.ErrUnexpectedEOF},
		"nothing":                {nil, io.EOF},
		"connection that breaks": {changed(3, 0xff), io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			if err := protocol.NewReader(bytes.NewReader(tc.wire)).Next(new(protocol.Frame)); !errors.Is(err, tc.want) {
				t.Errorf("Next() = %v, want %v", err, tc.want)
			}
		})
	}
	large := protocol.Frame{Type: protocol.Data, Body: make([]byte, protocol.MaxPayload+1)}
	if b, err := protocol.Append(nil, &large); !errors.Is(err, protocol.ErrMalformed) || len(b) > 0 {
		t.Errorf("Append() = %d bytes, %v, want nothing", len(b), err)
	}
	for _, f := range []protocol.Frame{{Type: protocol.Window, Body: []byte("123")}, {Type: protocol.Data, Body: []byte("1234")}} {
		if _, err := f.Grant(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("Grant() of %v = %v", f, err)
		}
	}
}

func TestHeaderValues(t *testing.T) {
	for text, want := range map[string]protocol.HeaderValues{`"a"`: {"a"}, `["a","b"]`: {"a", "b"}, `[]`: {}, `null`: nil} {
		var got protocol.HeaderValues
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("unexpected values of %s (-want, +got): %s", text, diff)
		}
	}
	for _, text := range []string{`7`, `{"a":1}`, `[7]`} {
		if err := json.Unmarshal([]byte(text), new(protocol.HeaderValues)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// FuzzReader has any bytes at all come over the connection: what is read comes out again as the same bytes.
func FuzzReader(f *testing.F) {
	for i := range samples {
		f.Add(encoded(f, samples[i]))
	}
	f.Add(encoded(f, samples...))
	f.Add([]byte(strings.Repeat("\x00", protocol.HeaderSize)))
	f.Add([]byte(strings.Repeat("\xff", 2*protocol.HeaderSize)))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := protocol.NewReader(bytes.NewReader(wire))
		var again []byte
		for {
			var frame protocol.Frame
			err := r.Next(&frame)
			if err != nil {
				break
			}
			if _, err := frame.Grant(); err != nil && !errors.Is(err, protocol.ErrMalformed) {
				t.Errorf("Grant() = %v", err)
			}
			if again, err = protocol.Append(again, &frame); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		if !bytes.HasPrefix(wire, again) {
			t.Errorf("what was read is not what was sent")
		}
	})
}
