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
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFetchContext(t *testing.T) {
	dir := t.TempDir()
	result, err := FetchContext(t.Context(), gitPlan(), dir, DefaultLimits, func(ctx context.Context, p *Plan, f *Files) (string, error) {
		if p.Source.Git.Ref != "main" || f.Limits() != DefaultLimits {
			t.Errorf("fetch is given %+v, %+v", p.Source.Git, f.Limits())
		}
		f.Note("%d file is left out", 1)
		return "0123", errors.Join(
			f.Add(ctx, "main.py", strings.NewReader("import requests\n"), false),
			f.Add(ctx, "requirements.txt", strings.NewReader("requests\r\n"), false),
			f.Add(ctx, "bin/tool", strings.NewReader("#!"), true),
		)
	})
	if err != nil {
		t.Fatal("FetchContext() =", err)
	}
	files := readTree(t, dir)
	if result.Revision != "0123" || result.ContentHash != hashOf(files, ".") || len(result.Notes) != 1 {
		t.Errorf("result = %+v", result)
	}
	if files["requirements.txt"] != "requests\n" || !strings.Contains(files["Dockerfile"], "RUN") {
		t.Errorf("the list of dependencies is not installed: %q", files["requirements.txt"])
	}
	for file, want := range map[string]os.FileMode{"main.py": 0o644, "bin/tool": 0o755} {
		info, err := os.Stat(filepath.Join(dir, "function", file))
		if err != nil || info.Mode() != want || !info.ModTime().Equal(Modified) {
			t.Errorf("%s is of mode %v, %v", file, info.Mode(), err)
		}
	}
}

func TestFetchContextRefuses(t *testing.T) {
	add := func(name, text string) Fetch {
		return func(ctx context.Context, _ *Plan, f *Files) (string, error) {
			return "", f.Add(ctx, name, strings.NewReader(text), false)
		}
	}
	for name, test := range map[string]struct {
		fetch  Fetch
		reason Reason
		want   string
	}{
		"nobody fetches": {nil, ReasonInternal, "nothing is there that fetches"},
		"no files":       {func(context.Context, *Plan, *Files) (string, error) { return "", nil }, ReasonSourceNotFound, "has no files"},
		"failure": {
			func(context.Context, *Plan, *Files) (string, error) {
				return "", Failf(ReasonRefNotFound, "no %s", "ref")
			},
			ReasonRefNotFound, "no ref",
		},
		"dependencies": {add("requirements.txt", "\x00"), ReasonInvalidDependencies, "requirements.txt: line 1 has a control character"},
		"path":         {add("../a", ""), ReasonInvalidPath, `"../a"`},
		"size":         {add("a", strings.Repeat("a", 101)), ReasonSourceTooLarge, "more than 100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FetchContext(t.Context(), gitPlan(), t.TempDir(), Limits{Files: 10, Bytes: 100}, test.fetch)
			wantFailure(t, err, test.reason, test.want)
		})
	}
}

func TestAddMain(t *testing.T) {
	for name, test := range map[string]struct{ handler, file, want string }{
		"default":       {"main.handler", "code.py", "main.py"},
		"function":      {"handler", "code.py", "main.py"},
		"other case":    {"Main.handler", "code.py", "main.py"},
		"own module":    {"code.handler", "code.py", "code.py"},
		"other package": {"code.sub.handler", "code.py", "code.py"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := gitPlan(func(p *Plan) { p.Handler = test.handler })
			_, err := FetchContext(t.Context(), plan, dir, DefaultLimits, func(ctx context.Context, _ *Plan, f *Files) (string, error) {
				return f.Hash(), f.AddMain(ctx, test.file, strings.NewReader("pass"))
			})
			if err != nil {
				t.Fatal("FetchContext() =", err)
			}
			if got := readTree(t, dir)["function/"+test.want]; got != "pass" {
				t.Errorf("function/%s = %q", test.want, got)
			}
		})
	}
}

func TestAddLink(t *testing.T) {
	files, result, err := fetchInto(t, DefaultLimits, func(ctx context.Context, f *Files) error {
		err := f.Add(ctx, "a/b/file", strings.NewReader("text"), false)
		for name, target := range map[string]string{
			"one": "a/b/file", "two": "one", "a/three": "../two", "folder": "a/b", "a/back": "../folder/../b/./file",
			"deep/x/y": "../../folder", "missing": "a/nothing", "through": "folder/file", ".git/x": "/etc",
		} {
			err = errors.Join(err, f.AddLink(name, target))
		}
		return err
	})
	if err != nil {
		t.Fatal("FetchContext() =", err)
	}
	want := map[string]string{}
	for _, name := range []string{"a/b/file", "one", "two", "a/three", "folder/file", "a/back", "deep/x/y/file", "through"} {
		want[name] = "text"
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files (-want, +got) =\n%s", diff)
	}
	if len(result.Notes) != 1 || !strings.Contains(result.Notes[0], `"missing" leads to "a/nothing"`) {
		t.Errorf("notes = %v", result.Notes)
	}
}

func TestAddLinkRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		links  map[string]string
		reason Reason
		want   string
	}{
		"out":          {map[string]string{"l": "../worker/worker.py"}, ReasonInvalidPath, `"l" to "../worker/worker.py" leads out`},
		"absolute":     {map[string]string{"l": "/etc/passwd"}, ReasonInvalidPath, "leads out"},
		"by way of":    {map[string]string{"deep/1/2/x": "../../../a", "l": "deep/1/2/x/../../etc"}, ReasonInvalidPath, "leads out"},
		"missing out":  {map[string]string{"l": "missing/../../x"}, ReasonInvalidPath, "leads out"},
		"itself":       {map[string]string{"l": "l"}, ReasonInvalidPath, "in a circle"},
		"each other":   {map[string]string{"l": "m", "m": "l"}, ReasonInvalidPath, "in a circle"},
		"own folder":   {map[string]string{"a/l": "../a"}, ReasonInvalidPath, "is in itself"},
		"whole":        {map[string]string{"l": "."}, ReasonInvalidPath, "is in itself"},
		"two folders":  {map[string]string{"a/l": "../c", "c/l": "../a"}, ReasonSourceTooLarge, "files"},
		"path":         {map[string]string{"../l": "a"}, ReasonInvalidPath, `"../l"`},
		"many":         manyLinks(), // 2^20 files
		"many, levels": manyFolders(),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := fetchInto(t, Limits{Files: 100, Bytes: 1000}, func(ctx context.Context, f *Files) error {
				err := f.Add(ctx, "a/file", strings.NewReader("text"), false)
				err = errors.Join(err, f.Add(ctx, "c/file", strings.NewReader("text"), false))
				for name, target := range test.links {
					err = errors.Join(err, f.AddLink(name, target))
				}
				return err
			})
			wantFailure(t, err, test.reason, test.want)
		})
	}
}

type refusedLinks = struct {
	links  map[string]string
	reason Reason
	want   string
}

// manyLinks are more than there may be files.
func manyLinks() refusedLinks {
	links := map[string]string{}
	for i := range 101 {
		links["l"+strconv.Itoa(i)] = "a/file"
	}
	return refusedLinks{links, ReasonSourceTooLarge, "more than 100 files"}
}

// manyFolders are twice as many files on each level as on the one below it.
func manyFolders() refusedLinks {
	links := map[string]string{"d0/x": "../a"}
	for i := range 20 {
		for _, l := range []string{"x", "y"} {
			links["d"+strconv.Itoa(i+1)+"/"+l] = "../d" + strconv.Itoa(i)
		}
	}
	return refusedLinks{links, ReasonSourceTooLarge, "more than"}
}

func FuzzAddLink(f *testing.F) {
	f.Add("l", "a/file", "m", "l")
	f.Add("a/l", "../../etc", "m", "a/l/..")
	f.Add("a/b/c", "../..", "m", "a/b/c/../x")
	f.Fuzz(func(t *testing.T, name, target, other, to string) {
		_, _, err := fetchInto(t, Limits{Files: 30, Bytes: 1000}, func(ctx context.Context, f *Files) error {
			return errors.Join(
				f.Add(ctx, "a/b/file", strings.NewReader("text"), false), f.AddLink(name, target), f.AddLink(other, to),
			)
		})
		if err != nil && ReasonOf(err) == ReasonInternal {
			t.Errorf("FetchContext() = %v, a failure without a reason", err)
		}
	})
}
