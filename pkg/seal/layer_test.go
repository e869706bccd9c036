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

package seal

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// entry is one of an archive: its header as Kaniko writes it, and its content.
type entry struct {
	tar.Header

	content string
}

// entriesAt are of each type that Kaniko writes, written at that time.
func entriesAt(at time.Time) []entry {
	entries := []entry{
		{Header: tar.Header{Typeflag: tar.TypeDir, Name: "/", Mode: 0o755}},
		{Header: tar.Header{Typeflag: tar.TypeDir, Name: "lambda/", Mode: 0o755}},
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "lambda/main.py", Mode: 0o644, Uid: 7, Gid: 8}, content: "print(1)\n"},
		{Header: tar.Header{Typeflag: tar.TypeLink, Name: "lambda/same.py", Linkname: "/lambda/main.py", Mode: 0o644}},
		{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "lambda/link.py", Linkname: "main.py", Mode: 0o777}},
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "lambda/" + strings.Repeat("é", 120), Mode: 0o4755}},
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "lambda/.wh.gone"}},
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "lambda/ping", Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x02"}}, content: "x"},
		{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666, Devmajor: 1, Devminor: 3}},
		{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o600}},
	}
	for i := range entries {
		h := &entries[i].Header
		h.Format, h.Size = tar.FormatPAX, int64(len(entries[i].content))
		h.ModTime, h.AccessTime, h.ChangeTime = at, at.Add(time.Second), at.Add(2*time.Second)
	}
	return entries
}

func archive(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal("WriteHeader() =", err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal("WriteString() =", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal("Close() =", err)
	}
	return b.Bytes()
}

// read returns the entries of an archive, without what differs from format to format.
func read(t testing.TB, archive []byte) []entry {
	t.Helper()
	var entries []entry
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal("Next() =", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("failed to read %q: %v", h.Name, err)
		}
		h.PAXRecords = extendedAttributes(h.PAXRecords)
		entries = append(entries, entry{*h, string(content)})
	}
}

// butTimes compares all of two entries but their times and the names of their owners.
var butTimes = cmp.Options{
	cmp.AllowUnexported(entry{}),
	cmpopts.IgnoreFields(tar.Header{}, "ModTime", "AccessTime", "ChangeTime", "Format", "Uname", "Gname", "Xattrs"),
	cmpopts.EquateEmpty(),
}

func sealed(t testing.TB, archive []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := canonicalize(&b, bytes.NewReader(archive)); err != nil {
		t.Fatal("canonicalize() =", err)
	}
	return b.Bytes()
}

func TestCanonicalize(t *testing.T) {
	first, second := entriesAt(time.Unix(1_700_000_000, 123)), entriesAt(time.Unix(1_800_000_000, 0))
	second[2].Uname, second[2].Gname = "root", "wheel"
	got := sealed(t, archive(t, first))
	if !bytes.Equal(got, sealed(t, archive(t, second))) {
		t.Error("the same files written at another time make another archive")
	}
	if !bytes.Equal(got, sealed(t, got)) {
		t.Error("a canonical archive does not stay as it is")
	}
	entries := read(t, got)
	if diff := cmp.Diff(first, entries, butTimes); diff != "" {
		t.Errorf("entries (-want, +got) =\n%s", diff)
	}
	for _, e := range entries {
		if !e.ModTime.Equal(source.Modified) || !e.AccessTime.IsZero() || !e.ChangeTime.IsZero() || e.Uname != "" {
			t.Errorf("times and owner of %q = %v, %v, %v, %q", e.Name, e.ModTime, e.AccessTime, e.ChangeTime, e.Uname)
		}
	}
}

func TestCanonicalizeRefuses(t *testing.T) {
	global := archive(t, []entry{{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}}})
	whole := archive(t, entriesAt(time.Unix(1, 0)))
	// The writer refuses to write such a record: it is put in place of another of the same length.
	holes := archive(t, []entry{{Header: tar.Header{
		Typeflag: tar.TypeReg, Name: "holes", Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.a": "\x31"},
	}}})
	holes = bytes.Replace(holes, []byte("SCHILY.xattr.a="), []byte("GNU.sparse.abc="), 1)
	for name, test := range map[string]struct {
		archive []byte
		want    string
	}{
		"holes":     {holes, "file with holes"},
		"type":      {global, `of type 'g'`},
		"no tar":    {bytes.Repeat([]byte("x"), 1024), "failed to read the layer"},
		"header":    {whole[:520], "failed to read the layer: unexpected EOF"},
		"half file": {whole[:bytes.Index(whole, []byte("print(1)"))+3], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := canonicalize(io.Discard, bytes.NewReader(test.archive)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("canonicalize() = %v, want %q", err, test.want)
			}
		})
	}
}

// TestForm holds the bytes of a sealed layer. Where they change, such as with another version of the compressor, layers
// that were remembered before are of another form, and the constant form has to change, too.
func TestForm(t *testing.T) {
	entries := entriesAt(time.Unix(1_700_000_000, 0))
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 1<<20 {
		text.WriteString([]string{"def ", "return ", "import ", "\n", "x", "yy", "   "}[random.IntN(7)])
	}
	big := entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "big", Mode: 0o644, Size: int64(text.Len())}, content: text.String()}
	var b bytes.Buffer
	if err := compress(&b, bytes.NewReader(sealed(t, archive(t, append(entries, big))))); err != nil {
		t.Fatal("compress() =", err)
	}
	sum := sha256.Sum256(b.Bytes())
	const want = "1: 15383a6649be321bd68474d41037219325cacf8700454ef2c17831c2dca4388e"
	if got := form + ": " + hex.EncodeToString(sum[:]); got != want {
		t.Errorf("form and SHA-256 = %s, want %s", got, want)
	}
}

// FuzzCanonicalize seals any archive that it can read, and looks that nothing but times and owners' names changed.
func FuzzCanonicalize(f *testing.F) {
	whole := archive(f, entriesAt(time.Unix(1_700_000_000, 5)))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(archive(f, nil))
	f.Add(append(whole, "after the end"...))
	for _, e := range entriesAt(time.Unix(1, 0)) {
		e.Format = tar.FormatGNU
		e.PAXRecords = nil
		f.Add(archive(f, []entry{e}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		if err := canonicalize(&b, bytes.NewReader(data)); err != nil {
			return
		}
		got := read(t, b.Bytes())
		want := read(t, data)
		for i := range want {
			h := &want[i].Header
			switch h.Typeflag {
			case tar.TypeReg:
				h.Linkname = ""
			case tar.TypeLink, tar.TypeSymlink:
				h.Size = 0
			default:
				h.Size, h.Linkname = 0, ""
			}
			if h.Typeflag != tar.TypeChar && h.Typeflag != tar.TypeBlock {
				h.Devmajor, h.Devminor = 0, 0
			}
		}
		if diff := cmp.Diff(want, got, butTimes); diff != "" {
			t.Errorf("entries (-want, +got) =\n%s", diff)
		}
		if !bytes.Equal(b.Bytes(), sealed(t, b.Bytes())) {
			t.Error("a canonical archive does not stay as it is")
		}
	})
}

// BenchmarkSeal is of a layer like that of the supervisor: one program of 12 MB.
func BenchmarkSeal(b *testing.B) {
	program := benchmarkProgram(b)
	layer := archive(b, []entry{{
		Header:  tar.Header{Typeflag: tar.TypeReg, Name: "lambda/runtime", Mode: 0o755, Size: int64(len(program))},
		content: program,
	}})
	b.Run("canonicalize", func(b *testing.B) {
		b.SetBytes(int64(len(layer)))
		for b.Loop() {
			if err := canonicalize(io.Discard, bytes.NewReader(layer)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compress", func(b *testing.B) {
		b.SetBytes(int64(len(layer)))
		var size int
		for b.Loop() {
			var out bytes.Buffer
			if err := compress(&out, bytes.NewReader(layer)); err != nil {
				b.Fatal(err)
			}
			size = out.Len()
		}
		b.ReportMetric(float64(size), "bytes")
	})
}
