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

package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The ways that a tree of the fuzzer gets into a context.
const (
	byFiles = iota
	byTar
	byTarGzip
	byZip
	byLayer
	waysIn
)

// membersOf reads a tree out of text: members have a record separator between them, and name, text and kind a unit
// separator. The kind is l for a symbolic link, h for a hard one, d for a folder, p for a pipe, x for what may be run.
func membersOf(text string) []member {
	var members []member
	for text := range strings.SplitSeq(text, "\x1e") {
		parts := append(strings.Split(text, "\x1f"), "", "")
		m := member{name: parts[0], text: parts[1]}
		switch parts[2] {
		case "l":
			m.kind = tar.TypeSymlink
		case "h":
			m.kind = tar.TypeLink
		case "d":
			m.kind = tar.TypeDir
		case "p":
			m.kind = tar.TypeFifo
		case "x":
			m.mode = 0o111
		}
		members = append(members, m)
	}
	return members
}

func treeText(members ...string) string {
	return strings.Join(members, "\x1e")
}

func record(parts ...string) string {
	return strings.Join(parts, "\x1f")
}

// pack makes an archive of whatever can be written into one.
func pack(way int, members []member) (name string, data []byte) {
	var b bytes.Buffer
	if way == byZip {
		w := zip.NewWriter(&b)
		for _, m := range members {
			h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
			h.SetMode(0o644 | fs.FileMode(m.mode))
			if m.kind == tar.TypeSymlink {
				h.SetMode(fs.ModeSymlink | 0o777)
			}
			if f, err := w.CreateHeader(h); err == nil {
				io.WriteString(f, m.text)
			}
		}
		w.Close()
		return "fn.zip", b.Bytes()
	}
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.kind, Mode: 0o644 | m.mode, Linkname: m.text}
		if m.kind == 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeReg, "", int64(len(m.text))
		}
		if w.WriteHeader(h) == nil && m.kind == 0 {
			io.WriteString(w, m.text)
		}
	}
	w.Close()
	return "fn.tar", b.Bytes()
}

// FuzzFetchContext makes contexts of whole trees: of all languages, by archives and by what stores and repositories go by.
// Nothing may be outside of the context, nothing in it but files and folders, no failure without a reason, and the same
// tree is the same context.
func FuzzFetchContext(f *testing.F) {
	for _, seed := range []struct{ language, handler, tree string }{
		{"python", "main.handler", treeText(record("main.py", "def handler(event): pass"), record("requirements.txt", "six==1.17.0"), record("lib/a.py", "A = 1"))},
		{"python", "main.handler", treeText(record("main.py", ""), record("pyproject.toml", "[project]\ndependencies = ['six']\n"), record("run", "#!", "x"))},
		{"python", "main.handler", treeText(record("main.py", "lib/a.py", "l"), record("lib/a.py", "A"), record("loop", ".", "l"), record("up", "lib/../..", "l"))},
		{"python", "main.handler", treeText(record("a", "/var/run/secrets/token", "l"), record("a/b", "x"))},
		{"python", "main.handler", treeText(record("d/l", "../e", "l"), record("e", "d", "l"), record("d/l/../../x", "y"), record("h", "d/l", "h"))},
		{"python", "main.handler", treeText(record("../../evil", "x"), record("/etc/passwd", "x"), record("a\\b", "x"), record(".git/config", "x"))},
		{"python", "a.handler", treeText(record("main.py", ""), record("main.py", ""), record("worker/main.py", ""), record("Dockerfile", "FROM scratch"), record("p", "", "p"))},
		{"nodejs", "index.handler", treeText(record("index.js", "exports.handler = () => 1"), record("package.json", `{"dependencies": {"left-pad": "1.3.0"}}`), record("package-lock.json", "{}"), record(".npmrc", "a=b"))},
		{"nodejs", "index.handler", treeText(record("package.json", "index.js", "l"), record("index.js", "{}"), record("package-lock.json", "gone", "l"))},
		{"go", "main.Handler", treeText(record("main.go", "package main\n\nimport \"context\"\n\nfunc Handler(ctx context.Context) error { return nil }\n"), record("go.mod", "module fn\n\ngo 1.26\n\nrequire example.com/a v1.0.0\n"), record("go.sum", ""))},
		{"go", "main.Handler", treeText(record("main.go", "package main\nfunc Handler(in struct{A int}) (string, error)"), record("b.go", "package other"), record("go.mod", "replace a => ../../b"))},
	} {
		for way := range waysIn {
			f.Add(byte(way), seed.language, seed.handler, seed.tree)
		}
	}
	f.Fuzz(func(t *testing.T, way byte, language, handler, text string) {
		members := membersOf(text)
		plan := gitPlan(func(p *Plan) {
			p.Language, p.Handler, p.BuilderImage = language, handler, "docker.io/library/golang:1.26"
		})
		fetch := func(ctx context.Context, _ *Plan, files *Files) (string, error) {
			return "1", addAll(ctx, files, members)
		}
		if way %= waysIn; way != byFiles {
			name, data := pack(int(way), members)
			if way == byTarGzip {
				name, data = "fn.tgz", gzipOf(t, data)
			}
			fetch = func(ctx context.Context, _ *Plan, files *Files) (string, error) {
				if way == byLayer {
					_, err := files.AddLayer(ctx, name, "lib", bytes.NewReader(data))
					return "1", err
				}
				return "1", files.AddArchive(ctx, name, bytes.NewReader(data))
			}
		}
		first, firstErr := fetchOnce(t, plan, fetch)
		second, secondErr := fetchOnce(t, plan, fetch)
		if first.ContentHash != second.ContentHash || (firstErr == nil) != (secondErr == nil) {
			t.Errorf("the same tree makes %s, %v and then %s, %v", first.ContentHash, firstErr, second.ContentHash, secondErr)
		}
	})
}

// addAll adds members as repositories do.
func addAll(ctx context.Context, files *Files, members []member) error {
	for _, m := range members {
		var err error
		if m.kind == tar.TypeSymlink {
			err = files.AddLink(m.name, m.text)
		} else {
			err = files.Add(ctx, m.name, strings.NewReader(m.text), m.mode != 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetchOnce makes a context beside a file that must stay as it is.
func fetchOnce(t *testing.T, plan *Plan, fetch Fetch) (Result, error) {
	t.Helper()
	parent := t.TempDir()
	outside := filepath.Join(parent, "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal("failed to write file:", err)
	}
	dir := filepath.Join(parent, "context")
	limits := Limits{Files: 200, Bytes: 1 << 20}
	result, err := FetchContext(t.Context(), plan, dir, limits, fetch)
	if err != nil && ReasonOf(err) == ReasonInternal {
		t.Errorf("FetchContext() = %v, a failure without a reason", err)
	}
	if entries, readErr := os.ReadDir(parent); readErr != nil || len(entries) > 2 {
		t.Errorf("outside of the context there are %v, %v", entries, readErr)
	}
	if content, readErr := os.ReadFile(outside); readErr != nil || string(content) != "mine" {
		t.Errorf("the file outside of the context is %q, %v", content, readErr)
	}
	var count int
	var size int64
	walkErr := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			t.Errorf("%s is no file, but %v", path, entry.Type())
		}
		count, size = count+1, size+info.Size()
		return nil
	})
	if walkErr != nil && !errors.Is(walkErr, fs.ErrNotExist) {
		t.Error("failed to read context:", walkErr)
	}
	// What is over the limit by the piece that says so is no context.
	if err == nil && (count > limits.Files || size > limits.Bytes) {
		t.Errorf("there are %d files of %d bytes", count, size)
	}
	return result, err
}
