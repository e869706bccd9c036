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

package remote

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// modes are those that an entry of a tree may have, and some that none has.
var modes = map[string]filemode.FileMode{
	"f": filemode.Regular, "x": filemode.Executable, "o": filemode.Deprecated, "l": filemode.Symlink, "s": filemode.Submodule, "0": 0, "b": 0o60644,
}

// storeTree writes a tree, of which each line is a mode, a name and a text with white space between them. A line of d and a
// name begins a folder, and one of . ends it; what is in a folder may have any name, also one that git itself refuses.
func storeTree(store *memory.Storage, lines []string) (tree plumbing.Hash, rest []string, err error) {
	t := &object.Tree{}
	for len(lines) > 0 {
		mode, name, _ := strings.Cut(lines[0], " ")
		name, text, _ := strings.Cut(name, " ")
		lines = lines[1:]
		if mode == "." {
			break
		}
		entry := object.TreeEntry{Name: name, Mode: modes[mode]}
		if mode == "d" {
			entry.Mode = filemode.Dir
			if entry.Hash, lines, err = storeTree(store, lines); err != nil {
				return tree, nil, err
			}
		} else if entry.Hash, err = storeBlob(store, text); err != nil {
			return tree, nil, err
		}
		t.Entries = append(t.Entries, entry)
	}
	encoded := store.NewEncodedObject()
	// The library refuses to write some trees that it reads.
	encoded.SetType(plumbing.TreeObject)
	w, err := encoded.Writer()
	if err != nil {
		return tree, nil, err
	}
	for _, entry := range t.Entries {
		var b bytes.Buffer
		b.WriteString(strings.TrimLeft(entry.Mode.String(), "0") + " " + entry.Name + "\x00")
		b.Write(entry.Hash[:])
		if _, err := w.Write(b.Bytes()); err != nil {
			return tree, nil, err
		}
	}
	if err := w.Close(); err != nil {
		return tree, nil, err
	}
	tree, err = store.SetEncodedObject(encoded)
	return tree, lines, err
}

func storeBlob(store *memory.Storage, text string) (plumbing.Hash, error) {
	encoded := store.NewEncodedObject()
	encoded.SetType(plumbing.BlobObject)
	w, err := encoded.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return store.SetEncodedObject(encoded)
}

// FuzzGitTree writes the files of trees that a server may have made by hand.
func FuzzGitTree(f *testing.F) {
	for _, seed := range []struct{ path, tree string }{
		{"", "f main.py pass\nf requirements.txt six\nd lib\nf a.py A\nx run #!\n."},
		{"lib", "d lib\nf main.py pass\n.\nf other x"},
		{"lib/app.py", "d lib\nf app.py pass\nf main.py x\n."},
		{"", "l link lib/a.py\nd lib\nf a.py A\nl up ../..\n."},
		{"", "d ..\nf evil x\n.\nf main.py pass"},
		{"", "f ../evil x\nf a/b x\nf . x\nf  x"},
		{"", "d .git\nf config x\n.\nd .GIT\nf hooks x\n.\nf main.py x"},
		{"", "l a /var/run/secrets\nd a\nf token x\n."},
		{"", "s vendored x\nb device x\n0 none x\nf main.py x\nf main.py x"},
		{"", "l a b\nl b a\nl c c\nd d\nl d ../d\n."},
		{"..", "f main.py x"},
		{"", "f model.bin version https://git-lfs.github.com/spec/v1"},
		{"", "f a\\b x\nf c:d x\nf \xff x\nf git~1 x"},
	} {
		f.Add(seed.path, seed.tree)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		store := memory.NewStorage()
		hash, _, err := storeTree(store, strings.Split(text, "\n"))
		if err != nil {
			t.Fatal("failed to make tree:", err)
		}
		root, err := object.GetTree(store, hash)
		if err != nil {
			return
		}
		writeTree(t, path, root)
	})
}

// writeTree writes a tree as a fetch does, and looks for what is not to be there.
func writeTree(t *testing.T, path string, root *object.Tree) {
	t.Helper()
	parent := t.TempDir()
	dir := filepath.Join(parent, "context")
	plan := &source.Plan{
		Version: source.PlanVersion, Language: "python", LanguageVersion: "3.13", Handler: "main.handler",
		BaseImage: "docker.io/library/python:3.13-slim", RuntimeImage: "registry.example.com/runtime:1", FetchImage: "registry.example.com/fetch:1",
		Source: gitSource("https://git.example.com/org/repo", "main", ""),
	}
	_, err := source.FetchContext(t.Context(), plan, dir, source.Limits{Files: 100, Bytes: 1 << 20}, func(ctx context.Context, _ *source.Plan, files *source.Files) (string, error) {
		w := &treeWriter{files: files, left: 4 * files.Limits().Files}
		err := w.write(ctx, root, path)
		if err == nil {
			return "1", nil
		}
		reason, _ := explain(err)
		if reason == source.ReasonInternal {
			t.Errorf("write() = %v, a failure without a reason", err)
		}
		return "", source.Failf(reason, "%w", err)
	})
	if err != nil && source.ReasonOf(err) == source.ReasonInternal {
		t.Errorf("FetchContext() = %v, a failure without a reason", err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 1 {
		t.Errorf("outside of the context there are %v, %v", entries, err)
	}
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !entry.Type().IsRegular() {
			t.Errorf("%s is no file, but %v", file, entry.Type())
		}
		if err == nil && strings.EqualFold(entry.Name(), ".git") {
			t.Errorf("%s is there", file)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error("failed to read context:", err)
	}
}

// FuzzUnpack reads packs of objects as a server may send them, and writes the files of each commit in them.
func FuzzUnpack(f *testing.F) {
	store := memory.NewStorage()
	hash, _, err := storeTree(store, []string{"f main.py pass", "d lib", "f a.py A", ".", "l link lib/a.py"})
	if err != nil {
		f.Fatal("failed to make tree:", err)
	}
	commit := store.NewEncodedObject()
	if err := (&object.Commit{TreeHash: hash, Message: "change"}).Encode(commit); err != nil {
		f.Fatal("failed to make commit:", err)
	}
	if _, err := store.SetEncodedObject(commit); err != nil {
		f.Fatal("failed to make commit:", err)
	}
	var hashes []plumbing.Hash
	for hash := range store.Objects {
		hashes = append(hashes, hash)
	}
	for _, window := range []uint{0, 10} {
		var pack bytes.Buffer
		if _, err := packfile.NewEncoder(&pack, store, false).Encode(hashes, window); err != nil {
			f.Fatal("failed to make pack:", err)
		}
		f.Add(pack.Bytes())
		f.Add(pack.Bytes()[:pack.Len()-25])
	}
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\xef\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, pack []byte) {
		unpacked, err := unpack(pack, 1<<20)
		if err != nil {
			return
		}
		var size int64
		for _, o := range unpacked.Objects {
			size += o.Size()
		}
		if size > 1<<20 {
			t.Errorf("the objects have %d bytes", size)
		}
		for hash := range unpacked.Commits {
			commit, err := peel(unpacked, hash)
			if err != nil {
				continue
			}
			if root, err := commit.Tree(); err == nil {
				writeTree(t, "", root)
			}
		}
	})
}
