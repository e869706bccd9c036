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

package seal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// The instructions of an image with dependencies, in the form that they have in the history.
var installing = []string{
	"COPY --chown=0:0 --from=deps /lambda/deps/ /lambda/deps/",
	"COPY --chown=0:0 --from=registry.example.com/runtime@sha256:abc /ko-app/runtime /lambda/runtime",
	"COPY --chown=0:0 function/ /lambda/function/",
}

// program is a layer of no more than a program.
func program(at time.Time) []entry {
	entries := entriesAt(at)
	entries[2].content = "supervisor"
	entries[2].Size = int64(len(entries[2].content))
	return entries
}

// install writes the context of an image whose dependencies have that hash.
func (o *Options) install(t testing.TB, builder, hash string) {
	t.Helper()
	data, err := json.Marshal(source.Dependencies{Builder: builder, Hash: hash, Dockerfile: "Dockerfile.code"})
	if err != nil {
		t.Fatal("Marshal() =", err)
	}
	for file, content := range map[string]string{
		"dependencies.json":   string(data),
		"Dockerfile.code":     "FROM base\nCOPY a b\n",
		source.DockerfileName: "FROM builder AS deps\nRUN [\"pip\"]\nFROM base\nCOPY a b\n",
	} {
		if err := os.WriteFile(filepath.Join(o.ContextDir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mustBuild builds as Run does, and returns the digest. Kaniko finds the dependencies to be installed at that time, where
// it is told to install them, and says so by true.
func (s *server) mustBuild(t testing.TB, o *Options, base v1.Image, at time.Time, code string) (digest string, installed bool) {
	t.Helper()
	sealer, err := newSealer(o, t.Logf)
	if err != nil {
		t.Fatal("newSealer() =", err)
	}
	args, err := sealer.prepare(t.Context())
	if err != nil {
		t.Fatal("prepare() =", err)
	}
	installed = slices.Contains(args, "--dockerfile="+filepath.Join(o.ContextDir, source.DockerfileName))
	if ignores := slices.Contains(args, "--ignore-path=/usr"); ignores == installed {
		t.Errorf("prepare() = %q: what runs needs the folders of its image, and nothing else does", args)
	}
	function := entriesAt(at)
	function[2].content, function[2].Size = code, int64(len(code))
	layers := [][]entry{large(at), program(at), function}
	made := installing
	if !installed {
		layers, made = layers[1:], made[1:]
	}
	digest, err = sealer.seal(t.Context(), s.buildBy(t, o.Staged, base, at, gzip.BestSpeed, made, layers...))
	if err != nil {
		t.Fatal("seal() =", err)
	}
	return digest, installed
}

// push has an image in the registry, and returns its name.
func (s *server) push(t testing.TB, tag string) string {
	t.Helper()
	if err := remote.Write(reference(t, s.host()+"/"+tag), baseImage(t)); err != nil {
		t.Fatal("Write() =", err)
	}
	return s.host() + "/" + tag
}

// TestDependencies edits the code of a function whose dependencies stay the same, and has the image that it would have
// with them installed anew.
func TestDependencies(t *testing.T) {
	s, base := newServer(t), baseImage(t)
	o := s.options(t, "default/hello", "1")
	o.install(t, s.push(t, "python:3"), "abc")
	if _, installed := s.mustBuild(t, o, base, monday, "1"); !installed {
		t.Error("dependencies that nobody has installed were found")
	}
	edited, installed := s.mustBuild(t, o, base, tuesday, "2")
	if installed {
		t.Error("dependencies were installed again after an edit of the code")
	}

	fresh := newServer(t)
	anew := fresh.options(t, "default/hello", "1")
	anew.install(t, fresh.push(t, "python:3"), "abc")
	if want, installed := fresh.mustBuild(t, anew, base, tuesday, "2"); !installed || want != edited {
		t.Errorf("the image with dependencies of an earlier build is %s, and %s with installed ones (%t)", edited, want, installed)
	}
	image := s.image(t, "default/hello:1")
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	if len(config.History) != len(config.RootFS.DiffIDs) || len(config.History) != 5 {
		t.Errorf("the image has %d entries of history for %d layers, want 5", len(config.History), len(config.RootFS.DiffIDs))
	}
}

// TestDependenciesAreInstalled changes what an earlier build's dependencies cannot stand in for.
func TestDependenciesAreInstalled(t *testing.T) {
	for name, change := range map[string]func(s *server, o *Options){
		"other list": func(s *server, o *Options) { o.install(t, s.host()+"/python:3", "abd") },
		"other builder under the name": func(s *server, _ *Options) {
			s.push(t, "python:3")
		},
		"no builder": func(s *server, _ *Options) {
			s.answer(http.MethodHead, "/v2/python/manifests/3", http.StatusNotFound)
		},
		"other cache": func(_ *server, o *Options) { o.CacheRepository += "2" },
		"no cache":    func(_ *server, o *Options) { o.CacheRepository = "" },
		"foreign image": func(s *server, o *Options) {
			image, err := random.Image(100, 1)
			s.replace(t, o, image, err)
		},
		"other form": func(s *server, o *Options) {
			image, err := mutate.Config(s.remembered(t), v1.Config{Labels: map[string]string{formLabel: "0"}})
			s.replace(t, o, image, err)
		},
		"old": func(s *server, o *Options) {
			image, err := mutate.CreatedAt(s.remembered(t), v1.Time{Time: time.Now().Add(-freshness)})
			s.replace(t, o, image, err)
		},
		"layer that is gone": func(s *server, _ *Options) {
			layers, err := s.remembered(t).Layers()
			if err != nil {
				t.Fatal("Layers() =", err)
			}
			digest, err := layers[0].Digest()
			if err != nil {
				t.Fatal("Digest() =", err)
			}
			s.answer(http.MethodHead, "/v2/default/hello/blobs/"+digest.String(), http.StatusNotFound)
			s.answer(http.MethodGet, "/v2/default/hello/cache/blobs/"+digest.String(), http.StatusNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, base := newServer(t), baseImage(t)
			o := s.options(t, "default/hello", "1")
			o.install(t, s.push(t, "python:3"), "abc")
			s.mustBuild(t, o, base, monday, "1")
			change(s, o)
			if _, installed := s.mustBuild(t, o, base, tuesday, "2"); !installed {
				t.Error("the dependencies of the earlier build were taken")
			}
		})
	}
}

// remembered is the image of the dependencies.
func (s *server) remembered(t testing.TB) v1.Image {
	t.Helper()
	return s.image(t, "default/hello/cache:"+s.rememberedTag(t))
}

func (s *server) rememberedTag(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.requests {
		if tag, ok := strings.CutPrefix(request, "PUT /v2/default/hello/cache/manifests/"); ok && strings.HasPrefix(tag, "dependencies-") {
			return tag
		}
	}
	t.Fatal("no dependencies were remembered")
	return ""
}

// replace has another image where the dependencies were.
func (s *server) replace(t testing.TB, o *Options, image v1.Image, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, o.CacheRepository+":"+s.rememberedTag(t)), image); err != nil {
		t.Fatal("Write() =", err)
	}
}

// TestDigestOf asks for a builder where Kaniko would: a digest of nobody, an image of Docker Hub of the mirror.
func TestDigestOf(t *testing.T) {
	s := newServer(t)
	s.push(t, "library/python:3")
	want, err := s.image(t, "library/python:3").Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	o := &Options{Mirror: s.host()}
	for image, want := range map[string]string{
		"python:3":                             want.String(),
		"docker.io/library/python:3":           want.String(),
		s.host() + "/library/python:3":         want.String(),
		"a.example.com/python@sha256:" + "abc": "sha256:abc",
	} {
		if got, err := o.digestOf(t.Context(), image); err != nil || got != want {
			t.Errorf("digestOf(%s) = %q, %v, want %q", image, got, err, want)
		}
	}
	for _, image := range []string{"A", s.host() + "/library/python:4"} {
		if got, err := o.digestOf(t.Context(), image); err == nil {
			t.Errorf("digestOf(%s) = %q, want an error", image, got)
		}
	}
}

// TestPrepareFails has a context that package source did not write.
func TestPrepareFails(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct{ file, content, want string }{
		"no Dockerfile":      {want: "failed to read how the image is built"},
		"other dependencies": {file: "dependencies.json", content: "[]", want: "failed to read what the dependencies are"},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.options(t, "default/hello", "1")
			o.ContextDir = t.TempDir()
			if test.file != "" {
				if err := os.WriteFile(filepath.Join(o.ContextDir, test.file), []byte(test.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr bytes.Buffer
			if code := Run(t.Context(), o.arguments(t, "exit 0"), &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "error building image: "+test.want) {
				t.Errorf("Run() = %d, and says %q, want %q", code, &stderr, test.want)
			}
		})
	}
}
