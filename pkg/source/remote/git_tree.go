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
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const (
	// lfsHead is how the file begins that stands for another one in git-lfs.
	lfsHead = "version https://git-lfs.github.com/spec/"
	// maxLFSBytes is the most that such a file has.
	maxLFSBytes = 1024
	// maxLinkBytes is the most that a link says.
	maxLinkBytes = 4096
	// maxDepth is how deep folders may lie in each other: deeper than any path that is accepted.
	maxDepth = 512
	// maxNamed is how many entries of a folder a failure names.
	maxNamed = 20
)

// treeWriter writes the files of a commit. It knows no checkout: no hooks, no filters, no submodules.
type treeWriter struct {
	files *source.Files
	// left is how many trees may still be read. A few that hold each other many times are as many as anybody likes.
	left int
}

// write writes what lies at file, a folder or a file, "" for all.
func (w *treeWriter) write(ctx context.Context, root *object.Tree, file string) error {
	if file == "" {
		return w.folder(ctx, root, "", "", 0)
	}
	folder, name := parent(file)
	holder, err := treeAt(root, folder)
	if err != nil {
		return err
	}
	for _, entry := range holder.Entries {
		if entry.Name != name {
			continue
		}
		switch entry.Mode {
		case filemode.Dir:
			tree, err := treeAt(root, file)
			if err != nil {
				return err
			}
			return w.folder(ctx, tree, "", "", 0)
		case filemode.Regular, filemode.Executable, filemode.Deprecated:
			return w.folder(ctx, holder, "", name, 0)
		default:
			return source.Failf(source.ReasonSourceNotFound, "source.git.path: %q is neither a folder nor a file in the repository, but a link or a submodule", file)
		}
	}
	return source.Failf(source.ReasonSourceNotFound, "source.git.path: the repository has no %q; in %q it has: %s", file, "/"+folder, entryNames(holder))
}

func treeAt(root *object.Tree, folder string) (*object.Tree, error) {
	if folder == "" {
		return root, nil
	}
	tree, err := root.Tree(folder)
	if errors.Is(err, object.ErrDirectoryNotFound) || errors.Is(err, object.ErrEntryNotFound) {
		return nil, source.Failf(source.ReasonSourceNotFound, "source.git.path: the repository has no folder %q; it has: %s", folder, entryNames(root))
	}
	if err != nil {
		return nil, fmt.Errorf("failed to read folder %q of the repository: %w", folder, err)
	}
	return tree, nil
}

func entryNames(tree *object.Tree) string {
	var names []string
	for _, entry := range tree.Entries {
		if len(names) == maxNamed {
			return strings.Join(append(names, "..."), ", ")
		}
		names = append(names, entry.Name)
	}
	return strings.Join(names, ", ")
}

// folder writes all that is in a tree. The file of the name main is the one that the function's main file is.
func (w *treeWriter) folder(ctx context.Context, tree *object.Tree, dir, main string, depth int) error {
	if w.left--; w.left < 0 || depth > maxDepth {
		return source.Failf(source.ReasonSourceTooLarge, "the repository has too many folders: set source.git.path to the one of the function")
	}
	if main != "" {
		main = w.mainName(tree, main)
	}
	for _, entry := range tree.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.Contains(entry.Name, "/") {
			return source.Failf(source.ReasonInvalidPath, "the repository has a file %q: a name has no /", entry.Name)
		}
		if err := w.entry(ctx, tree, &entry, dir, main, depth); err != nil {
			return err
		}
	}
	return nil
}

// mainName is "" where the file keeps its name: since it has the right one already, or because another one has it.
func (w *treeWriter) mainName(tree *object.Tree, name string) string {
	as := w.files.MainName(name)
	for _, entry := range tree.Entries {
		if entry.Name == as {
			return ""
		}
	}
	return name
}

func (w *treeWriter) entry(ctx context.Context, tree *object.Tree, entry *object.TreeEntry, dir, main string, depth int) error {
	name := path.Join(dir, entry.Name)
	if dir == "" && main != "" && entry.Name == main {
		name = w.files.MainName(entry.Name)
	}
	if entry.Name == ".." || entry.Name == "." || entry.Name == "" {
		return source.Failf(source.ReasonInvalidPath, "the repository has a file of the name %q in %q", entry.Name, dir)
	}
	switch entry.Mode {
	case filemode.Dir:
		sub, err := tree.Tree(entry.Name)
		if err != nil {
			return fmt.Errorf("failed to read folder %q of the repository: %w", name, err)
		}
		return w.folder(ctx, sub, name, "", depth+1)
	case filemode.Regular, filemode.Executable, filemode.Deprecated:
		return w.file(ctx, tree, entry, name)
	case filemode.Symlink:
		return w.link(tree, entry, name)
	case filemode.Submodule:
		w.files.Note("%q is a submodule: it is left out", name)
		return nil
	default:
		return source.Failf(source.ReasonInvalidPath, "the repository has %q of mode %s, which is none of git's", name, entry.Mode)
	}
}

func (w *treeWriter) file(ctx context.Context, tree *object.Tree, entry *object.TreeEntry, name string) error {
	content, err := contentOf(tree, entry, -1)
	if err != nil {
		return fmt.Errorf("failed to read %q of the repository: %w", name, err)
	}
	if len(content) <= maxLFSBytes && bytes.HasPrefix(content, []byte(lfsHead)) {
		w.files.Note("%q is in git-lfs, which is not fetched: the function gets the few lines that stand for it", name)
	}
	return w.files.Add(ctx, name, bytes.NewReader(content), entry.Mode == filemode.Executable)
}

func (w *treeWriter) link(tree *object.Tree, entry *object.TreeEntry, name string) error {
	target, err := contentOf(tree, entry, maxLinkBytes)
	if err != nil {
		return fmt.Errorf("failed to read the link %q of the repository: %w", name, err)
	}
	return w.files.AddLink(name, string(target))
}

// contentOf returns the content of an entry. All of it is in memory already.
func contentOf(tree *object.Tree, entry *object.TreeEntry, most int64) ([]byte, error) {
	file, err := tree.TreeEntryFile(entry)
	if err != nil {
		return nil, err
	}
	if most >= 0 && file.Size > most {
		return nil, source.Failf(source.ReasonInvalidPath, "it is longer than %d characters", most)
	}
	r, err := file.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
