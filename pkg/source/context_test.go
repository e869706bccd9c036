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
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteContext(t *testing.T) {
	umask(t, 0o077)
	dir := filepath.Join(t.TempDir(), "workspace", "context")
	plan := helloPlan(func(p *Plan) {
		p.Source.Inline.Files["lib/a b.txt"] = "text"
		p.Source.Inline.Dependencies = "requests==2.32.3\n"
	})
	result, err := WriteContext(t.Context(), plan, dir, DefaultLimits)
	if err != nil {
		t.Fatal("WriteContext() =", err)
	}

	files := readTree(t, dir)
	dockerfile, err := Dockerfile(plan, "requirements.txt")
	if err != nil {
		t.Fatal("Dockerfile() =", err)
	}
	code, err := Dockerfile(plan)
	if err != nil {
		t.Fatal("Dockerfile() =", err)
	}
	for file, want := range map[string]string{
		"Dockerfile":           dockerfile,
		"Dockerfile.code":      code,
		"requirements.txt":     "requests==2.32.3\n",
		"function/main.py":     plan.Source.Inline.Files["main.py"],
		"function/lib/a b.txt": "text",
	} {
		if diff := cmp.Diff(want, files[file]); diff != "" {
			t.Errorf("%s (-want, +got) =\n%s", file, diff)
		}
	}
	if _, ok := files["worker/worker.py"]; !ok {
		t.Errorf("there is no worker among %v", slices.Sorted(maps.Keys(files)))
	}
	if want := hashOf(files, "."); result.ContentHash != want {
		t.Errorf("ContentHash = %s, want %s", result.ContentHash, want)
	}
	if want := hashOf(files, "function"); result.Revision != want {
		t.Errorf("Revision = %s, want %s", result.Revision, want)
	}
	checkModes(t, dir)
}

func TestWriteContextIsReproducible(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	var results []Result
	for _, dir := range dirs {
		result, err := WriteContext(t.Context(), helloPlan(), dir, DefaultLimits)
		if err != nil {
			t.Fatal("WriteContext() =", err)
		}
		results = append(results, result)
	}
	if diff := cmp.Diff(results[0], results[1]); diff != "" {
		t.Errorf("results (-first, +second) =\n%s", diff)
	}
	if diff := cmp.Diff(readTree(t, dirs[0]), readTree(t, dirs[1])); diff != "" {
		t.Errorf("files (-first, +second) =\n%s", diff)
	}
}

func TestWriteContextDependenciesAmongFiles(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"some": {"requests\r\n", "requests\n"},
		"none": {"# none\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := helloPlan(func(p *Plan) { p.Source.Inline.Files["requirements.txt"] = test.text })
			if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			files := readTree(t, dir)
			if got := files["requirements.txt"]; got != test.want {
				t.Errorf("requirements.txt = %q, want %q", got, test.want)
			}
			if got := strings.Contains(files["Dockerfile"], "RUN"); got != (test.want != "") {
				t.Errorf("Dockerfile installs dependencies: %t", got)
			}
		})
	}
}

func TestWriteContextRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Plan)
		limits Limits
		reason Reason
		want   string
	}{
		"plan":  {change: func(p *Plan) { p.Handler = "" }, limits: DefaultLimits, reason: ReasonInvalidPlan, want: "handler: "},
		"path":  {change: func(p *Plan) { p.Source.Inline.Files["../a"] = "" }, limits: DefaultLimits, reason: ReasonInvalidPath, want: "remove .."},
		"bytes": {change: func(*Plan) {}, limits: Limits{Files: 10, Bytes: 5}, reason: ReasonSourceTooLarge, want: "more than 5 bytes"},
		"files": {change: func(p *Plan) { p.Source.Inline.Files["a"] = "" }, limits: Limits{Files: 1, Bytes: 1000}, reason: ReasonSourceTooLarge, want: "more than 1 files"},
		"requirements": {
			change: func(p *Plan) { p.Source.Inline.Files["requirements.txt"] = "\x00" },
			limits: DefaultLimits, reason: ReasonInvalidDependencies, want: "control character",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := WriteContext(t.Context(), helloPlan(test.change), t.TempDir(), test.limits)
			wantFailure(t, err, test.reason, test.want)
		})
	}
}

func TestWriteContextKeepsToItsFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, prepare := range map[string]func(dir string) error{
		"file":           func(dir string) error { return os.WriteFile(filepath.Join(dir, "id_rsa"), nil, 0o600) },
		"link to file":   func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "Dockerfile")) },
		"link to folder": func(dir string) error { return os.Symlink(filepath.Dir(outside), filepath.Join(dir, "function")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := prepare(dir); err != nil {
				t.Fatal("failed to prepare folder:", err)
			}
			_, err := WriteContext(t.Context(), helloPlan(), dir, DefaultLimits)
			wantFailure(t, err, ReasonInternal, "is not empty")
			if _, err := os.Lstat(outside); err == nil {
				t.Error("a file was written outside of the folder")
			}
		})
	}
}

func TestTreeDoesNotFollowLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	tree, err := newTree(dir, DefaultLimits)
	if err != nil {
		t.Fatal("newTree() =", err)
	}
	defer tree.close()
	// What appears after the folder was taken over is a race that somebody tries to win.
	for link, target := range map[string]string{"function": outside, "Dockerfile": filepath.Join(outside, "Dockerfile")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal("failed to link:", err)
		}
	}
	for _, file := range []string{"function/main.py", "Dockerfile", "../a", "/a", "function/../../a"} {
		if err := tree.write(t.Context(), file, []byte("x")); err == nil {
			t.Errorf("write(%q) succeeds", file)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside of the folder there are %v, %v", entries, err)
	}
}

func TestWriteContextCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := WriteContext(ctx, helloPlan(), t.TempDir(), DefaultLimits)
	wantFailure(t, err, ReasonInternal, "context canceled")
}

func FuzzWriteContext(f *testing.F) {
	for _, seed := range []string{
		"a.py", "lib/a.py", "a b", "../a", "a/../../b", "/etc/passwd", "./a", ".", "..", "", "a//b", "a/", `..\a`, "a\x00", "a\n",
		"-r", "main.py", "main.py/a", "function/a", "...", "..a/b", "~/a", "requirements.txt", "C:a", "\xff", strings.Repeat("a", 300),
	} {
		f.Add(seed, "text")
	}
	f.Fuzz(func(t *testing.T, file, text string) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "context")
		plan := helloPlan(func(p *Plan) { p.Source.Inline.Files[file] = text })
		_, err := WriteContext(t.Context(), plan, dir, DefaultLimits)
		entries, readErr := os.ReadDir(parent)
		if readErr != nil || len(entries) > 1 {
			t.Fatalf("outside of the context there are %v, %v", entries, readErr)
		}
		if err != nil {
			if ReasonOf(err) == ReasonInternal {
				t.Errorf("WriteContext() = %v, a failure without a reason", err)
			}
			return
		}
		if got, ok := readTree(t, dir)["function/"+file]; !ok || got != text {
			t.Errorf("function/%s = %q, want %q", file, got, text)
		}
		checkModes(t, dir)
	})
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(content)
		return err
	})
	if err != nil {
		t.Fatal("failed to read context:", err)
	}
	return files
}

func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if entry.IsDir() {
			want = fs.ModeDir | 0o755
		}
		if info.Mode() != want {
			t.Errorf("mode of %s = %v, want %v", path, info.Mode(), want)
		}
		if !info.ModTime().Equal(Modified) {
			t.Errorf("time of %s = %v, want %v", path, info.ModTime(), Modified)
		}
		return nil
	})
	if err != nil {
		t.Fatal("failed to read context:", err)
	}
}

func hashOf(files map[string]string, dir string) string {
	var lines strings.Builder
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if name, ok := strings.CutPrefix(file, dir+"/"); ok || dir == "." {
			fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256([]byte(files[file])), name)
		}
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines.String())))
}

func umask(t *testing.T, mask int) {
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}
