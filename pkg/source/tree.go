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
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxPathLength = 512
	// maxTreePathLength is for files that come with a tree.
	maxTreePathLength = 1024
	// maxNameLength is what file systems allow for the name of one file or folder.
	maxNameLength = 255
)

// Modified is when each file and folder of a build context and of an image was last changed, and when an image was
// made: always the same, so that the same plan is the same context and the same image.
// It is the oldest time that a zip file can hold, and therefore a Python wheel.
var Modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

var pathPattern = regexp.MustCompile(`^[A-Za-z0-9._/ -]+$`)

// Limits are the most a build context may have.
type Limits struct {
	// Files is the number of files.
	Files int
	// Bytes is the size of all files together.
	Bytes int64
}

// DefaultLimits hold where nobody sets others.
var DefaultLimits = Limits{Files: 10_000, Bytes: 100 << 20}

// tree writes files below one folder and nowhere else.
type tree struct {
	root   *os.Root
	limits Limits
	bytes  int64
	// sums are the SHA-256 of the files, by path.
	sums map[string][sha256.Size]byte
	// executables are the files that may be run.
	executables map[string]bool
}

// newTree makes the folder, or takes it over when it is empty. Whatever else lay there would become part of the image.
func newTree(dir string, limits Limits) (*tree, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // The next step reads it, as another user.
		return nil, fmt.Errorf("failed to make folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("failed to open folder: %w", err)
	}
	t := &tree{root: root, limits: limits, sums: map[string][sha256.Size]byte{}, executables: map[string]bool{}}
	if err := t.checkEmpty(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return t, nil
}

func (t *tree) checkEmpty() error {
	folder, err := t.root.Open(".")
	if err != nil {
		return fmt.Errorf("failed to open folder: %w", err)
	}
	defer folder.Close()
	switch _, err := folder.ReadDir(1); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("failed to read folder: %w", err)
	default:
		return fmt.Errorf("folder %q is not empty", t.root.Name())
	}
}

// write makes a new file and the folders it is in.
func (t *tree) write(ctx context.Context, file string, content []byte) error {
	return t.copy(ctx, file, bytes.NewReader(content), false)
}

// copy makes a new file of what it reads, and the folders it is in. It stops at the limit, whatever r still has.
func (t *tree) copy(ctx context.Context, file string, r io.Reader, executable bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("failed to write %q: %w", file, err)
	}
	if !fs.ValidPath(file) {
		return failf(ReasonInvalidPath, "failed to write %q: is not a path below the build context", file)
	}
	if len(t.sums) == t.limits.Files {
		return failf(ReasonSourceTooLarge, "the source has more than %d files", t.limits.Files)
	}
	h := sha256.New()
	n, err := t.create(file, io.TeeReader(io.LimitReader(r, t.limits.Bytes-t.bytes+1), h))
	if t.bytes += n; t.bytes > t.limits.Bytes {
		return failf(ReasonSourceTooLarge, "the source has more than %d bytes: leave data out of it", t.limits.Bytes)
	}
	if err != nil {
		return fmt.Errorf("failed to write %q: %w", file, err)
	}
	t.sums[file] = [sha256.Size]byte(h.Sum(nil))
	if executable {
		t.executables[file] = true
	}
	return nil
}

func (t *tree) create(file string, r io.Reader) (n int64, err error) {
	if err := t.root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return 0, err
	}
	f, err := t.root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.Copy(f, r)
}

// read returns the text of a file, "" where there is none.
func (t *tree) read(file string) (string, error) {
	if _, ok := t.sums[file]; !ok {
		return "", nil
	}
	content, err := t.root.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("failed to read %q: %w", file, err)
	}
	return string(content), nil
}

// seal gives each file and folder its fixed mode and time. Folders come after what is in them, because a new file
// changes its folder's time. The folder of all is left alone: it may be a volume, which belongs to somebody else.
func (t *tree) seal() error {
	var names []string
	err := fs.WalkDir(t.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("failed to read folder: %w", err)
	}
	for _, name := range slices.Backward(names[1:]) {
		mode := fs.FileMode(0o755)
		if _, ok := t.sums[name]; ok && !t.executables[name] {
			mode = 0o644
		}
		// The umask took away from the mode that the file was made with.
		if err := t.root.Chmod(name, mode); err != nil {
			return fmt.Errorf("failed to set mode: %w", err)
		}
		if err := t.root.Chtimes(name, Modified, Modified); err != nil {
			return fmt.Errorf("failed to set time: %w", err)
		}
	}
	return nil
}

// hash returns the SHA-256 of the files below the folder dir, "." for all. It can be had with
// find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum, too.
func (t *tree) hash(dir string) string {
	h := sha256.New()
	for _, file := range slices.Sorted(maps.Keys(t.sums)) {
		name, ok := file, true
		if dir != "." {
			name, ok = strings.CutPrefix(file, dir+"/")
		}
		if ok {
			fmt.Fprintf(h, "%x  %s\n", t.sums[file], name)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func (t *tree) close() error {
	return t.root.Close()
}

// checkPath returns what is wrong with a path that a user gave a file, or "".
func checkPath(p string) string {
	switch {
	case p == "" || len(p) > maxPathLength:
		return fmt.Sprintf("a path has 1 to %d characters", maxPathLength)
	case slices.ContainsFunc(strings.Split(p, "/"), func(name string) bool { return len(name) > maxNameLength }):
		return fmt.Sprintf("a name in a path has at most %d characters", maxNameLength)
	case path.IsAbs(p):
		return "a path is relative to the function's folder: remove the leading /"
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "a path stays inside the function's folder: remove .."
	case strings.HasPrefix(p, "-"):
		return "a path does not begin with -"
	case !pathPattern.MatchString(p) || strings.TrimSpace(p) != p:
		return "a path has letters, digits, . _ - / and inner spaces"
	case path.Clean(p) != p || p == ".":
		return "a path is written without . and double or trailing /"
	}
	return ""
}

// checkTreePath returns what is wrong with the path of a file that came with a tree of files, or "". It lets through
// more than checkPath does: nobody wrote it into a manifest, and nothing reads it but the function.
func checkTreePath(p string) string {
	names := strings.Split(p, "/")
	switch {
	case p == "" || len(p) > maxTreePathLength:
		return fmt.Sprintf("a path has 1 to %d characters", maxTreePathLength)
	case slices.ContainsFunc(names, func(name string) bool { return len(name) > maxNameLength }):
		return fmt.Sprintf("a name in a path has at most %d characters", maxNameLength)
	case path.IsAbs(p):
		return "a path is relative: it begins with /"
	case slices.Contains(names, ".."):
		return "a path stays in its folder: it has .."
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return "a path is UTF-8 text without control characters"
	case strings.Contains(p, `\`):
		return `a path has no \: between folders write /`
	case path.Clean(p) != p || p == ".":
		return "a path is written without . and double or trailing /"
	}
	return ""
}

// folders are those that a file is in, from the inside out.
func folders(file string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			if !yield(dir) {
				return
			}
		}
	}
}
