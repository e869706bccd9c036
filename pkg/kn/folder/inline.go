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

package folder

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/bundle"
)

// ManifestFile is the file of a function's folder with its LambdaFunction.
const ManifestFile = "function.yaml"

// prose are patterns of the names of files that people read.
var prose = []string{"README*", "LICENSE*", "*.md", "*.rst"}

// Inline returns the code of a folder as an inline source: one file, with or without the lists of what it imports. The
// manifest and what bundle.Pack skips are none of it; nor are files that are hidden, for people or of tests, unless the code
// names them. Where the folder has more than an inline source takes, there is none, and why says so in a few words. It fails
// where the file of the handler is not there.
//
// The runtime is one with its defaults, and the manifest is a file in the folder beside ManifestFile, or "".
func Inline(dir string, runtime *v1alpha1.RuntimeSpec, manifest string) (in *v1alpha1.InlineSource, why string, err error) {
	l, ok := shapes[runtime.Language]
	if !ok {
		return nil, "", fmt.Errorf("language %q is none of python, nodejs, go", runtime.Language)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", fmt.Errorf("failed to find folder: %w", err)
	}
	defer root.Close()
	f := &reader{shape: l, files: root.FS(), manifest: filepath.Base(manifest), taken: map[string]string{}}
	if f.handler, err = f.locate(runtime.Handler); err != nil {
		return nil, "", fmt.Errorf("handler %q in %q: %w", runtime.Handler, dir, err)
	}
	if why, err = f.read(); err != nil || why != "" {
		return nil, why, err
	}
	in = &v1alpha1.InlineSource{Code: f.taken[l.main]}
	delete(f.taken, l.main)
	if len(f.taken) > 0 {
		in.Files = f.taken
	}
	return in, "", nil
}

// reader reads one folder.
type reader struct {
	shape
	files    fs.FS
	manifest string
	// handler is the file with the handler.
	handler string
	// taken are the texts of the files that make an inline source.
	taken map[string]string
}

// locate returns the file with the handler, found as the language's worker finds it.
func (r *reader) locate(handler string) (string, error) {
	module := r.module
	if i := strings.LastIndexByte(handler, '.'); i >= 0 {
		module = handler[:i]
	}
	var candidates []string
	base := strings.ReplaceAll(module, ".", "/")
	switch r.main {
	case "main.go":
		// A package has whatever files, and the one in the root may have the name, too.
		for _, pattern := range []string{base + "/*.go", "*.go"} {
			found, err := fs.Glob(r.files, pattern)
			if err != nil {
				return "", err
			}
			candidates = append(candidates, slices.DeleteFunc(found, r.ofTests)...)
		}
	case "main.py":
		candidates = []string{base + ".py", base + "/__init__.py"}
	default:
		for _, folder := range []string{base, base + "/index"} {
			for _, ending := range r.endings {
				candidates = append(candidates, folder+ending)
			}
		}
		if named := r.packageMain(); module == r.module && named != "" {
			candidates = append(candidates, named, named+".js")
		}
	}
	for _, file := range candidates {
		if info, err := fs.Stat(r.files, file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no file %s%s: name what is called with --handler", base, strings.Join(r.endings, ", "+base))
}

// packageMain is the main file that a package.json names.
func (r *reader) packageMain() string {
	var named struct {
		Main string `json:"main"`
	}
	text, err := fs.ReadFile(r.files, "package.json")
	if err != nil || json.Unmarshal(text, &named) != nil || named.Main == "" {
		return "" // Node.js says what is wrong with it when it needs it.
	}
	return path.Clean(named.Main)
}

// read takes the files that make an inline source, and says why where they are not all there are.
func (r *reader) read() (why string, err error) {
	if path.Dir(r.handler) != "." {
		return r.handler + " is in a folder of its own", nil
	}
	entries, err := fs.ReadDir(r.files, ".")
	if err != nil {
		return "", fmt.Errorf("failed to read folder: %w", err)
	}
	var left []string
	size := 0
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case name == r.handler || slices.Contains(r.lists, name):
			if !entry.Type().IsRegular() {
				return name + " is not a file of its own", nil
			}
			text, err := fs.ReadFile(r.files, name)
			if err != nil {
				return "", fmt.Errorf("failed to read the code: %w", err)
			}
			if !utf8.Valid(text) {
				return name + " is not UTF-8 text", nil
			}
			size += len(name) + len(text)
			r.taken[name] = string(text)
		case name == ManifestFile || name == r.manifest || bundle.Skips(r.files, name):
		case r.aside(name):
			left = append(left, name)
		default:
			return name + " is beside " + r.handler, nil
		}
	}
	if size > v1alpha1.MaxInlineBytes {
		return fmt.Sprintf("it has more than the %d bytes that go along with a function", v1alpha1.MaxInlineBytes), nil
	}
	return r.named(left), nil
}

// aside is true for what is no part of the code by its name.
func (r *reader) aside(name string) bool {
	// What npm goes by counts.
	return strings.HasPrefix(name, ".") && name != ".npmrc" || r.ofTests(name) || matches(prose, name)
}

func (r *reader) ofTests(file string) bool {
	return matches(r.tests, path.Base(file))
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(pattern, name)
		return err == nil && matched
	})
}

// named says that the code names one of the files that were left: it may import or read it.
func (r *reader) named(left []string) (why string) {
	code := r.taken[r.handler]
	if len(left) > 0 && strings.Contains(code, "//go:embed") {
		return r.handler + " embeds files"
	}
	for _, name := range left {
		// Modules are imported without the ending.
		word := name
		if ending := path.Ext(name); slices.Contains(r.endings, ending) {
			word = strings.TrimSuffix(name, ending)
		}
		if regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(word) + `([^\w-]|$)`).MatchString(code) {
			return r.handler + " names " + name
		}
	}
	return ""
}
