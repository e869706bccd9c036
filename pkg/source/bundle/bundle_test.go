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

package bundle

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/remote"
)

// folder writes files, by their paths. A path that ends in * may be run; text that begins with -> is a link.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		path, executable := strings.CutSuffix(path, "*")
		file := filepath.Join(dir, path)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			err = errors.Join(err, os.Symlink(target, file))
		} else {
			err = errors.Join(err, os.WriteFile(file, []byte(text), 0o600))
		}
		if executable {
			err = errors.Join(err, os.Chmod(file, 0o700))
		}
		if err != nil {
			t.Fatal("failed to write folder:", err)
		}
	}
	return dir
}

var code = map[string]string{
	"main.py": "import lib.a\n", "lib/a.py": "A = 1\n", "run.sh*": "#!/bin/sh\n", "data.txt": "->lib/a.py", "copy": "->lib",
	".git/config": "x", "node_modules/a/index.js": "x", "lib/__pycache__/a.pyc": "x", ".venv/bin/python": "->/usr/bin/python3",
	"env/pyvenv.cfg": "x", "env/bin/python": "->/usr/bin/python3",
}

// digestOf packs a folder.
func digestOf(t *testing.T, dir string) v1.Hash {
	t.Helper()
	image, err := Pack(dir)
	if err != nil {
		t.Fatal("Pack() =", err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	return digest
}

func TestPack(t *testing.T) {
	image, err := Pack(folder(t, code))
	if err != nil {
		t.Fatal("Pack() =", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal("Manifest() =", err)
	}
	// The digest of {} is in the specification of OCI.
	config := v1.Descriptor{
		MediaType: "application/vnd.oci.empty.v1+json", Size: 2,
		Digest: v1.Hash{Algorithm: "sha256", Hex: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	}
	if manifest.ArtifactType != ArtifactType || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != "application/vnd.oci.image.layer.v1.tar+gzip" {
		t.Errorf("manifest = %+v", manifest)
	}
	if diff := cmp.Diff(config, manifest.Config); diff != "" {
		t.Error("config (-want, +got) =", diff)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal("Layers() =", err)
	}
	blob, err := layers[0].Compressed()
	if err != nil {
		t.Fatal("Compressed() =", err)
	}
	z, err := gzip.NewReader(blob)
	if err != nil {
		t.Fatal("failed to read layer:", err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal("failed to read layer:", err)
		}
		if !header.ModTime.Equal(time.Unix(0, 0)) || header.Uid != 0 || header.Gid != 0 || header.Uname != "" {
			t.Errorf("%s has a time or an owner: %+v", header.Name, header)
		}
		got = append(got, header.FileInfo().Mode().String()+" "+header.Name+" "+header.Linkname)
	}
	want := []string{
		"Lrwxrwxrwx copy lib", "Lrwxrwxrwx data.txt lib/a.py", "-rw-r--r-- lib/a.py ", "-rw-r--r-- main.py ", "-rwxr-xr-x run.sh ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("files (-want, +got) =", diff)
	}
}

func TestPackIsReproducible(t *testing.T) {
	first, second := folder(t, code), folder(t, code)
	if err := errors.Join(
		os.Chtimes(filepath.Join(second, "main.py"), time.Unix(1, 0), time.Unix(1, 0)),
		os.Chmod(filepath.Join(second, "main.py"), 0o640),
		os.WriteFile(filepath.Join(second, ".git", "HEAD"), []byte("x"), 0o600),
	); err != nil {
		t.Fatal("failed to change folder:", err)
	}
	if a, b := digestOf(t, first), digestOf(t, second); a != b {
		t.Errorf("digests of the same files are %s and %s", a, b)
	}
	if err := os.WriteFile(filepath.Join(second, "main.py"), nil, 0o600); err != nil {
		t.Fatal("failed to change folder:", err)
	}
	if a, b := digestOf(t, first), digestOf(t, second); a == b {
		t.Errorf("digest of other files is %s, too", a)
	}
}

func TestPackRefuses(t *testing.T) {
	pipe := folder(t, map[string]string{"main.py": ""})
	if err := syscall.Mkfifo(filepath.Join(pipe, "pipe"), 0o600); err != nil {
		t.Fatal("failed to make pipe:", err)
	}
	file := filepath.Join(folder(t, map[string]string{"main.py": ""}), "main.py")
	for name, test := range map[string]struct {
		dir, want string
	}{
		"nothing":       {folder(t, map[string]string{"node_modules/a.js": ""}), "has no files"},
		"no folder":     {filepath.Join(pipe, "none"), "no such file"},
		"file":          {file, "not a directory"},
		"pipe":          {pipe, `"pipe" is neither`},
		"link out":      {folder(t, map[string]string{"a": "->../b"}), `"a" to "../b"`},
		"absolute link": {folder(t, map[string]string{"a": "->/etc/passwd"}), `"a" to "/etc/passwd"`},
		"link in two":   {folder(t, map[string]string{"a": "->b/../../c", "b": "->d", "d/e": ""}), `"a" to "b/../../c"`},
		"dead link":     {folder(t, map[string]string{"a": "->b"}), `"a" to "b"`},
		"files":         {folder(t, map[string]string{"a": "", "b": "", "c": ""}), "more than 2 files"},
		"bytes":         {folder(t, map[string]string{"a": "12345"}), "more than 4 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pack(test.dir, source.Limits{Files: 2, Bytes: 4}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("pack() = %v, want %q", err, test.want)
			}
		})
	}
}

// TestPush holds that a build has what was pushed.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/acme/code"
	ref, err := name.NewTag(repository + ":v1")
	if err != nil {
		t.Fatal("NewTag() =", err)
	}
	dir := folder(t, code)
	digest, err := Push(t.Context(), ref, dir)
	if err != nil {
		t.Fatal("Push() =", err)
	}
	if want := digestOf(t, dir).String(); digest != want {
		t.Errorf("Push() = %s, want %s", digest, want)
	}
	for name, test := range map[string]struct {
		tag, digest, path string
		want              map[string]string
	}{
		"tag": {"v1", "", "", map[string]string{
			"main.py": "import lib.a\n", "lib/a.py": "A = 1\n", "run.sh": "#!/bin/sh\n", "data.txt": "A = 1\n", "copy/a.py": "A = 1\n",
		}},
		"digest": {"", digest, "lib", map[string]string{"a.py": "A = 1\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			oci, err := source.NewOCI(repository, test.tag, test.digest, test.path)
			if err != nil {
				t.Fatal("NewOCI() =", err)
			}
			revision := fetch(t, oci, got)
			if revision != digest {
				t.Errorf("revision = %s, want %s", revision, digest)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("files (-want, +got) =", diff)
			}
		})
	}
	server.Close()
	if _, err := Push(t.Context(), ref, dir); err == nil || !strings.Contains(err.Error(), "failed to push "+ref.String()) {
		t.Errorf("Push() to nobody = %v", err)
	}
	if _, err := Push(t.Context(), ref, t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no files") {
		t.Errorf("Push() of nothing = %v", err)
	}
}

// fetch reads an artifact as a build does.
func fetch(t *testing.T, oci *source.OCI, into map[string]string) (revision string) {
	t.Helper()
	options := &remote.Options{Policy: netguard.Policy{Loopback: true}, Timeout: time.Minute, MaxBytes: 1 << 20}
	dir := t.TempDir()
	result, err := source.FetchContext(t.Context(), &source.Plan{
		Version: source.PlanVersion, Language: "python", LanguageVersion: "3.13", Handler: "main.handler",
		BaseImage: "docker.io/library/python:3.13", RuntimeImage: "registry.example.com/runtime:1", FetchImage: "registry.example.com/fetch:1",
		Source: source.Source{OCI: oci},
	}, dir, source.DefaultLimits, options.Fetch)
	if err != nil {
		t.Fatal("FetchContext() =", err)
	}
	top := filepath.Join(dir, "function")
	err = filepath.WalkDir(top, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		into[strings.TrimPrefix(path, top+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal("failed to read context:", err)
	}
	return result.Revision
}
