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
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// member is an entry of an archive. Its type is that of a tar's.
type member struct {
	name, text string
	kind       byte
	mode       int64
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.kind, Mode: 0o644 | m.mode}
		switch m.kind {
		case tar.TypeSymlink, tar.TypeLink:
			h.Linkname = m.text
		case tar.TypeXGlobalHeader:
			h.PAXRecords, h.Name, h.Mode = map[string]string{"comment": m.text}, "", 0
		case 0:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(m.text))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal("failed to write header:", err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, m.text)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal("failed to close tar:", err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal("failed to close gzip:", err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		switch m.kind {
		case tar.TypeSymlink:
			h.SetMode(fs.ModeSymlink | 0o777)
		case tar.TypeBlock:
			h.SetMode(fs.ModeDevice)
		default:
			h.SetMode(fs.FileMode(0o644 | m.mode))
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal("failed to write header:", err)
		}
		io.WriteString(f, m.text)
	}
	if err := w.Close(); err != nil {
		t.Fatal("failed to close zip:", err)
	}
	return b.Bytes()
}

// gitPlan is a plan whose source has to be fetched.
func gitPlan(change ...func(*Plan)) *Plan {
	p := helloPlan(func(p *Plan) {
		p.Source = Source{Git: &Git{URL: "https://git.example.com/org/repo", Ref: "main"}}
	})
	for _, c := range change {
		c(p)
	}
	return p
}

// fetchInto writes the context of a plan whose files add adds, and returns those of the function.
func fetchInto(t testing.TB, limits Limits, add func(ctx context.Context, f *Files) error) (map[string]string, Result, error) {
	t.Helper()
	parent := t.TempDir()
	dir := filepath.Join(parent, "context")
	result, err := FetchContext(t.Context(), gitPlan(), dir, limits, func(ctx context.Context, _ *Plan, f *Files) (string, error) {
		return "revision", add(ctx, f)
	})
	if entries, readErr := os.ReadDir(parent); readErr != nil || len(entries) > 1 {
		t.Errorf("outside of the context there are %v, %v", entries, readErr)
	}
	files := map[string]string{}
	walkErr := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			t.Errorf("%s is no file, but %v", path, entry.Type())
			return nil
		}
		content, err := os.ReadFile(path)
		if name, ok := strings.CutPrefix(path, filepath.Join(dir, functionDir)+"/"); ok {
			files[name] = string(content)
		}
		return err
	})
	if walkErr != nil && !errors.Is(walkErr, fs.ErrNotExist) {
		t.Error("failed to read context:", walkErr)
	}
	return files, result, err
}

func unpackInto(t testing.TB, name string, data []byte, limits Limits) (map[string]string, Result, error) {
	t.Helper()
	return fetchInto(t, limits, func(ctx context.Context, f *Files) error {
		return f.AddArchive(ctx, name, bytes.NewReader(data))
	})
}

func TestAddArchive(t *testing.T) {
	members := []member{
		{name: "main.py", text: "import lib\n"},
		{name: "lib/"},
		{name: "lib/__init__.py", text: ""},
		{name: "./lib/run", text: "#!", mode: 0o111},
		{name: "data/[id] ü@+.json", text: "{}"},
		{name: ".git/config", text: "secret"},
		{name: "sub/.GIT/hooks/x", text: "secret"},
		{name: "also.py", text: "lib/__init__.py", kind: tar.TypeSymlink},
		{name: "data/all", text: "../lib", kind: tar.TypeSymlink},
		{name: strings.Repeat("long/", 40) + strings.Repeat("n", 200), text: "x"},
	}
	want := map[string]string{
		"main.py": "import lib\n", "lib/__init__.py": "", "lib/run": "#!", "data/[id] ü@+.json": "{}",
		"also.py": "", "data/all/__init__.py": "", "data/all/run": "#!",
		strings.Repeat("long/", 40) + strings.Repeat("n", 200): "x",
	}
	withMore := append([]member{{kind: tar.TypeXGlobalHeader, text: "commit"}, {name: "./", kind: tar.TypeDir}}, members...)
	withMore[3] = member{name: "lib/", kind: tar.TypeDir}
	withMore = append(withMore, member{name: "data/hard.py", text: "main.py", kind: tar.TypeLink})
	wantMore := maps.Clone(want)
	wantMore["data/hard.py"] = want["main.py"]

	for name, test := range map[string]struct {
		data []byte
		want map[string]string
	}{
		"fn.zip":    {zipOf(t, members...), want},
		"FN.ZIP":    {zipOf(t, members...), want},
		"fn.tar":    {tarOf(t, withMore...), wantMore},
		"fn.tar.gz": {gzipOf(t, tarOf(t, withMore...)), wantMore},
		"fn.tgz":    {gzipOf(t, tarOf(t, withMore...)), wantMore},
	} {
		t.Run(name, func(t *testing.T) {
			if !IsArchive("folder/" + name) {
				t.Error("IsArchive() = false")
			}
			files, result, err := unpackInto(t, "folder/"+name, test.data, DefaultLimits)
			if err != nil {
				t.Fatal("AddArchive() =", err)
			}
			if diff := cmp.Diff(test.want, files); diff != "" {
				t.Errorf("files (-want, +got) =\n%s", diff)
			}
			if result.Revision != "revision" || len(result.Notes) > 0 {
				t.Errorf("result = %+v", result)
			}
		})
	}
	if IsArchive("main.py") || IsArchive("zip") {
		t.Error("IsArchive() takes code for an archive")
	}
}

func TestAddArchiveRefuses(t *testing.T) {
	file := member{name: "main.py", text: "pass"}
	link := func(name, to string) []member { return []member{file, {name: name, text: to, kind: tar.TypeSymlink}} }
	for name, test := range map[string]struct {
		members []member
		want    string
	}{
		"parent":             {[]member{{name: "../evil"}}, `"../evil"`},
		"inner parent":       {[]member{{name: "a/../../evil"}}, `"a/../../evil"`},
		"absolute":           {[]member{{name: "/etc/cron.d/evil"}}, `"/etc/cron.d/evil"`},
		"backslash":          {[]member{{name: `..\evil`}}, "between folders write /"},
		"control":            {[]member{{name: "a\nb"}}, "control characters"},
		"long name":          {[]member{{name: strings.Repeat("n", 256)}}, "at most 255"},
		"long path":          {[]member{{name: strings.Repeat("n/", 600) + "n"}}, "1 to 1024"},
		"twice":              {[]member{file, file}, `"main.py": is there twice`},
		"file and folder":    {[]member{{name: "a/b"}, {name: "a"}}, "is there twice"},
		"folder and file":    {[]member{{name: "a"}, {name: "a/b"}}, `is below "a"`},
		"below a link":       {append(link("a", "main.py"), member{name: "a/b"}), `is below "a"`},
		"link over a file":   {link("main.py", "a"), "is there twice"},
		"absolute link":      {link("token", "/var/run/secrets/kubernetes.io/serviceaccount/token"), `"token" to "/var/run/secrets`},
		"link out":           {link("a/up", "../../etc"), `"a/up" to "../../etc" leads out`},
		"link to out of all": {link("up", ".."), "leads out"},
		"link without text":  {link("a", ""), "does not say where to"},
		"long link":          {link("a", strings.Repeat("a/", 2049)), "does not say where to"},
		"device":             {[]member{{name: "sda", kind: tar.TypeBlock}}, `"sda"`},
	} {
		for form, data := range map[string][]byte{"fn.zip": zipOf(t, test.members...), "fn.tar": tarOf(t, test.members...)} {
			t.Run(name+" in "+form, func(t *testing.T) {
				_, _, err := unpackInto(t, form, data, DefaultLimits)
				wantFailure(t, err, ReasonInvalidArchive, test.want)
			})
		}
	}
	for name, m := range map[string]member{
		"pipe":              {name: "pipe", kind: tar.TypeFifo},
		"character device":  {name: "null", kind: tar.TypeChar},
		"absolute hardlink": {name: "shadow", kind: tar.TypeLink, text: "/etc/shadow"},
		"hardlink out":      {name: "a/shadow", kind: tar.TypeLink, text: "../shadow"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unpackInto(t, "fn.tar", tarOf(t, file, m), DefaultLimits)
			wantFailure(t, err, ReasonInvalidArchive, m.name)
		})
	}
}

func TestAddArchiveRefusesBrokenOnes(t *testing.T) {
	good := zipOf(t, member{name: "main.py", text: strings.Repeat("text ", 100)})
	encrypted := bytes.Clone(good)
	i := bytes.Index(encrypted, []byte("PK\x01\x02"))
	encrypted[i+8] |= 1
	damaged := bytes.Clone(good)
	damaged[45] ^= 0xff
	zipped := gzipOf(t, tarOf(t, member{name: "main.py", text: strings.Repeat("text ", 1000)}))
	for name, test := range map[string]struct {
		name, want string
		data       []byte
	}{
		"no zip":       {"a.zip", "not a valid zip file", []byte("<html>")},
		"empty":        {"a.zip", "not a valid zip file", nil},
		"cut zip":      {"a.zip", "not a valid zip file", good[:len(good)-30]},
		"encrypted":    {"a.zip", "without a password", encrypted},
		"damaged zip":  {"a.zip", `"main.py" is broken`, damaged},
		"no gzip":      {"a.tgz", "invalid header", []byte("<html><body></body></html>")},
		"cut gzip":     {"a.tgz", "unexpected EOF", zipped[:len(zipped)-20]},
		"no tar":       {"a.tar", "invalid tar header", bytes.Repeat([]byte("x"), 2048)},
		"other name":   {"a.rar", "is not a .zip", nil},
		"zip as a tar": {"a.tar", "unexpected EOF", good},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unpackInto(t, test.name, test.data, DefaultLimits)
			wantFailure(t, err, ReasonInvalidArchive, test.want)
		})
	}
}

func TestAddArchiveBombs(t *testing.T) {
	limits := Limits{Files: 20, Bytes: 100_000}
	zeros := strings.Repeat("\x00", 1<<20)
	var many, folders, hidden []member
	for i := range 90 {
		many = append(many, member{name: strings.Repeat("a", i+1)})
		folders = append(folders, member{name: strings.Repeat("d", i+1) + "/", kind: tar.TypeDir})
		hidden = append(hidden, member{name: ".git/" + strings.Repeat("h", i+1)})
	}
	for name, members := range map[string][]member{
		"large file": {{name: "zeros", text: zeros}},
		"many files": many, "many folders": folders, "many of git": hidden,
		"hidden": {{name: "a", text: "a"}, {name: ".git/zeros", text: zeros}},
	} {
		for form, data := range map[string][]byte{
			"fn.zip": zipOf(t, members...), "fn.tar": tarOf(t, members...), "fn.tgz": gzipOf(t, tarOf(t, members...)),
		} {
			t.Run(name+" in "+form, func(t *testing.T) {
				files, _, err := unpackInto(t, form, data, limits)
				if name == "hidden" && form == "fn.zip" {
					// What is left out of a zip is not unpacked.
					if err != nil || len(files) != 1 {
						t.Errorf("AddArchive() = %v, %v", files, err)
					}
					return
				}
				wantFailure(t, err, ReasonSourceTooLarge, "more than")
			})
		}
	}
	t.Run("large archive", func(t *testing.T) {
		_, _, err := unpackInto(t, "fn.zip", bytes.Repeat([]byte("x"), 100_001), limits)
		wantFailure(t, err, ReasonSourceTooLarge, "more than 100000 bytes")
	})
}

func TestAddArchiveTellsWhySourceFails(t *testing.T) {
	lost := errors.New("connection reset")
	data := gzipOf(t, tarOf(t, member{name: "main.py", text: strings.Repeat("x", 4096)}))
	for _, name := range []string{"fn.zip", "fn.tgz", "fn.tar"} {
		_, _, err := fetchInto(t, DefaultLimits, func(ctx context.Context, f *Files) error {
			return f.AddArchive(ctx, name, io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(lost)))
		})
		if !errors.Is(err, lost) || ReasonOf(err) != ReasonInternal {
			t.Errorf("AddArchive(%s) = %v, want the failure of the source", name, err)
		}
	}
}

func FuzzAddArchive(f *testing.F) {
	members := []member{{name: "main.py", text: "pass"}, {name: "a/b", text: "../main.py", kind: tar.TypeSymlink}}
	bad := []member{{name: "../x", text: "x"}, {name: "l", text: "/etc/passwd", kind: tar.TypeSymlink}}
	for _, m := range [][]member{members, bad, bad[1:]} {
		f.Add("a.zip", zipOf(f, m...))
		f.Add("a.tar", tarOf(f, m...))
		f.Add("a.tgz", gzipOf(f, tarOf(f, m...)))
	}
	f.Add("a.zip", []byte("PK\x05\x06"))
	f.Add("a.tgz", []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		limits := Limits{Files: 50, Bytes: 1 << 16}
		files, _, err := unpackInto(t, name, data, limits)
		if err != nil {
			if ReasonOf(err) == ReasonInternal {
				t.Errorf("AddArchive() = %v, a failure without a reason", err)
			}
			return
		}
		if len(files) == 0 || len(files) > limits.Files {
			t.Errorf("there are %d files", len(files))
		}
	})
}
