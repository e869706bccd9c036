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
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxLinks is how many links one path may lead through, as for a kernel.
const maxLinks = 40

// Files takes the files of a source into the function's folder of a build context, and nothing else: no links, no
// devices, no folder of a version control, and nothing outside of it.
type Files struct {
	t       *tree
	main    string
	handler string

	// folders are those that hold a file.
	folders map[string]bool
	// links are to be made when all files are there, from their path to what they say.
	links map[string]string
	notes []string
}

func newFiles(p *Plan, t *tree) *Files {
	return &Files{
		t:       t,
		main:    languages[p.Language].mainFile,
		handler: p.Handler,
		folders: map[string]bool{},
		links:   map[string]string{},
	}
}

// Note tells the author of the function what may not be as they mean, though nothing failed.
func (f *Files) Note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// Limits are the most that all files together may have.
func (f *Files) Limits() Limits {
	return f.t.limits
}

// Hash returns "sha256:" and the hash of the files so far: a revision for what has none of its own.
func (f *Files) Hash() string {
	return f.t.hash(functionDir)
}

// Add writes the file of that path.
func (f *Files) Add(ctx context.Context, name string, r io.Reader, executable bool) error {
	if ofVersionControl(name) {
		return nil
	}
	if err := f.claim(name); err != nil {
		return err
	}
	return f.t.copy(ctx, functionDir+"/"+name, r, executable)
}

// AddMain writes a file that is the whole source. It becomes the language's main file, whatever its own name is, where
// the handler is in that one.
func (f *Files) AddMain(ctx context.Context, name string, r io.Reader) error {
	return f.Add(ctx, f.MainName(name), r, false)
}

// MainName returns the name that the one file of code gets: its own, or that of the language's main file, where the
// handler says so.
func (f *Files) MainName(name string) string {
	module, _, ok := strings.Cut(f.handler, ".")
	if !ok || strings.EqualFold(module, strings.TrimSuffix(f.main, path.Ext(f.main))) {
		return f.main
	}
	return name
}

// AddLink takes note of a symbolic link. It becomes a copy of what it leads to, once all files are there: an image
// without links has none that somebody could lead astray.
func (f *Files) AddLink(name, target string) error {
	if ofVersionControl(name) {
		return nil
	}
	if err := f.claim(name); err != nil {
		return err
	}
	if len(f.links)+len(f.t.sums) >= f.t.limits.Files {
		return failf(ReasonSourceTooLarge, "the source has more than %d files", f.t.limits.Files)
	}
	f.links[name] = target
	return nil
}

// claim refuses a path that is no good, or taken.
func (f *Files) claim(name string) error {
	if msg := checkTreePath(name); msg != "" {
		return failf(ReasonInvalidPath, "%q: %s", name, msg)
	}
	if f.has(name) || f.folders[name] {
		return failf(ReasonInvalidPath, "%q: is there twice", name)
	}
	for folder := range folders(name) {
		if f.has(folder) {
			return failf(ReasonInvalidPath, "%q: is below %q, which is no folder", name, folder)
		}
		f.folders[folder] = true
	}
	return nil
}

// has is true for a file or a link.
func (f *Files) has(name string) bool {
	_, file := f.t.sums[functionDir+"/"+name]
	_, link := f.links[name]
	return file || link
}

// close makes copies of what links lead to. There have to be files.
func (f *Files) close(ctx context.Context) error {
	c := linkCopier{Files: f, files: slices.Sorted(maps.Keys(f.t.sums)), left: 4 * f.t.limits.Files}
	for _, name := range slices.Sorted(maps.Keys(f.links)) {
		if err := c.copy(ctx, name, name); err != nil {
			return err
		}
	}
	if len(f.t.sums) == 0 {
		return failf(ReasonSourceNotFound, "the source has no files")
	}
	return nil
}

// linkCopier knows the tree as it came: copies of links are no targets of links.
type linkCopier struct {
	*Files
	files []string
	// left is how many steps may still be taken. Links to folders that hold links multiply, without a single byte.
	left int
}

// copy writes at to what the link name leads to: a file, or all that is in a folder.
func (c *linkCopier) copy(ctx context.Context, name, to string) error {
	if c.left--; c.left < 0 || len(to) > maxTreePathLength {
		return failf(ReasonSourceTooLarge, "the link %q leads to too many files, or in a circle: remove it", name)
	}
	target, err := c.resolve(name)
	if err != nil {
		return err
	}
	if _, ok := c.t.sums[functionDir+"/"+target]; ok {
		return c.copyFile(ctx, target, to)
	}
	if target == "." || name == target || strings.HasPrefix(name, target+"/") {
		return failf(ReasonInvalidPath, "the link %q leads to a folder that it is in itself: remove it", name)
	}
	if !c.folders[target] {
		c.Note("the link %q leads to %q, which is not there: it is left out", name, c.links[name])
		return nil
	}
	return c.copyFolder(ctx, target, to)
}

func (c *linkCopier) copyFolder(ctx context.Context, folder, to string) error {
	for _, file := range c.files {
		rest, ok := strings.CutPrefix(file, functionDir+"/"+folder+"/")
		if !ok {
			continue
		}
		if err := c.copyFile(ctx, folder+"/"+rest, to+"/"+rest); err != nil {
			return err
		}
	}
	for _, link := range slices.Sorted(maps.Keys(c.links)) {
		rest, ok := strings.CutPrefix(link, folder+"/")
		if !ok {
			continue
		}
		if err := c.copy(ctx, link, to+"/"+rest); err != nil {
			return err
		}
	}
	return nil
}

func (c *linkCopier) copyFile(ctx context.Context, from, to string) error {
	content, err := c.t.read(functionDir + "/" + from)
	if err != nil {
		return err
	}
	return c.t.copy(ctx, functionDir+"/"+to, strings.NewReader(content), c.t.executables[functionDir+"/"+from])
}

// resolve returns where the link leads to in the end, one name after the other as a kernel goes: a .. leads out of what
// the link before it leads to.
func (c *linkCopier) resolve(name string) (string, error) {
	refuse := func(msg string) error {
		return failf(ReasonInvalidPath, "the link %q to %q %s", name, c.links[name], msg)
	}
	at, rest, seen := ".", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		next := rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "", refuse("leads out of the source: put what it leads to into the source")
			}
			at = path.Dir(at)
			continue
		}
		at = path.Join(at, next)
		target, ok := c.links[at]
		if !ok {
			continue
		}
		if seen++; seen > maxLinks {
			return "", refuse("leads through too many links, or in a circle")
		}
		if path.IsAbs(target) {
			return "", refuse("leads out of the source: put what it leads to into the source")
		}
		at, rest = path.Dir(at), append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// ofVersionControl is true for what belongs to git itself. Some systems take other letters for the same name.
func ofVersionControl(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(n string) bool {
		return strings.EqualFold(n, ".git") || strings.EqualFold(n, "git~1")
	})
}
