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
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	registryserver "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// server is a registry that keeps its requests.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []string
	// answers are status codes to be given instead of what the registry says.
	answers map[string]int
}

// answer has the server answer to some requests with no more than a status code.
func (s *server) answer(method, uri string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[method+" "+uri] = status
}

// handle keeps the request, and returns the status code that it is to be answered with, or 0.
func (s *server) handle(r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	s.requests = append(s.requests, request)
	return s.answers[request]
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{answers: map[string]int{}}
	handler := registryserver.New(registryserver.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := s.handle(r); status != 0 {
			w.WriteHeader(status)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string {
	return strings.TrimPrefix(s.URL, "http://")
}

// count is how many requests contain all of the words.
func (s *server) count(words ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.requests {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(request, word) }) {
			n++
		}
	}
	return n
}

func reference(t testing.TB, image string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal("ParseReference() =", err)
	}
	return ref
}

func (s *server) image(t testing.TB, image string) v1.Image {
	t.Helper()
	got, err := remote.Image(reference(t, s.host()+"/"+image))
	if err != nil {
		t.Fatalf("Image(%s) = %v", image, err)
	}
	return got
}

// options are those of a build of the repository that has that tag.
func (s *server) options(t testing.TB, repository, tag string) *Options {
	t.Helper()
	image := s.host() + "/" + repository
	return &Options{
		ContextDir:      contextDir(t),
		Staged:          image + ":" + tag + "-staged",
		Image:           image + ":" + tag,
		CacheRepository: image + "/cache",
		ScratchDir:      t.TempDir(),
	}
}

// contextDir is the build context of an image without dependencies.
func contextDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, source.DockerfileName), []byte("FROM base\nCOPY a b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build is what Kaniko does at that time: it pushes layers of these entries on the base image, and returns the digest.
func (s *server) build(t testing.TB, staged string, base v1.Image, at time.Time, compression int, layers ...[]entry) string {
	t.Helper()
	made := make([]string, len(layers))
	for i := range layers {
		made[i] = fmt.Sprintf("COPY --from=%s/runtime@sha256:abc /%d /", staged, i)
	}
	return s.buildBy(t, staged, base, at, compression, made, layers...)
}

// buildBy is build with instructions that made the layers.
func (s *server) buildBy(t testing.TB, staged string, base v1.Image, at time.Time, compression int, made []string, layers ...[]entry) string {
	t.Helper()
	image := base
	for i, entries := range layers {
		content := archive(t, entries)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
			tarball.WithCompressionLevel(compression))
		if err != nil {
			t.Fatal("LayerFromOpener() =", err)
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{
			Author: kaniko, Created: v1.Time{Time: at}, CreatedBy: made[i],
		}}); err != nil {
			t.Fatal("Append() =", err)
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	config = config.DeepCopy()
	config.Created, config.Container = v1.Time{Time: at}, at.String()
	config.DockerVersion = at.String() //nolint:staticcheck // Older images have it.
	config.Config.Hostname = at.String()
	config.Config.Labels, config.Config.Env = map[string]string{"a": "b"}, []string{"A=b"}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	if err := remote.Write(reference(t, staged), image); err != nil {
		t.Fatal("Write() =", err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	return digest.String()
}

func baseImage(t testing.TB) v1.Image {
	t.Helper()
	base, err := random.Image(2000, 2)
	if err != nil {
		t.Fatal("Image() =", err)
	}
	return base
}

// large are the entries of a layer that is worth to be remembered.
func large(at time.Time) []entry {
	entries := entriesAt(at)
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, memorable)
	for i := range content {
		content[i] = byte(random.IntN(64))
	}
	entries[2].content, entries[2].Size = string(content), int64(len(content))
	return entries
}

func seal(t testing.TB, o *Options, digest string, note func(format string, args ...any)) (string, error) {
	t.Helper()
	s, err := newSealer(o, note)
	if err != nil {
		return "", err
	}
	return s.seal(t.Context(), digest)
}

func mustSeal(t testing.TB, o *Options, digest string) string {
	t.Helper()
	sealed, err := seal(t, o, digest, t.Errorf)
	if err != nil {
		t.Fatal("seal() =", err)
	}
	return sealed
}

var (
	monday  = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
)

// TestImage builds the same on two days, with two registries, and has the same image.
func TestImage(t *testing.T) {
	base, sealed := baseImage(t), map[string]bool{}
	var last *server
	for day, compression := range map[time.Time]int{monday: gzip.BestSpeed, tuesday: gzip.BestCompression} {
		last = newServer(t)
		o := last.options(t, "default/hello", "1")
		digest := last.build(t, o.Staged, base, day, compression, entriesAt(day), large(day))
		sealed[mustSeal(t, o, digest)] = true
	}
	if len(sealed) != 1 {
		t.Errorf("digests = %v, want one", sealed)
	}

	image := last.image(t, "default/hello:1")
	if digest, err := image.Digest(); err != nil || !sealed[digest.String()] {
		t.Errorf("digest of the tag = %v, %v, want %v", digest, err, sealed)
	}
	checkBase(t, base, image)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	if !config.Created.Equal(source.Modified) || config.Container+config.DockerVersion+config.Config.Hostname != "" { //nolint:staticcheck // Older images have it.
		t.Errorf("config = %+v, want nothing of when and where", config)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, config.Config.Labels); diff != "" {
		t.Errorf("labels (-want, +got) =\n%s", diff)
	}
	want := v1.History{Author: kaniko, Created: v1.Time{Time: source.Modified}, CreatedBy: "COPY --from=runtime@sha256:abc /1 /"}
	if diff := cmp.Diff(want, config.History[len(config.History)-1]); diff != "" {
		t.Errorf("history (-want, +got) =\n%s", diff)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal("Layers() =", err)
	}
	content, err := layers[3].Uncompressed()
	if err != nil {
		t.Fatal("Uncompressed() =", err)
	}
	raw, err := io.ReadAll(content)
	if err != nil {
		t.Fatal("the layer does not have its digest, or its diff ID:", err)
	}
	if diff := cmp.Diff(large(monday), read(t, raw), butTimes); diff != "" {
		t.Errorf("files (-want, +got) =\n%s", diff)
	}
	if _, err := remote.Get(reference(t, last.options(t, "default/hello", "1").Staged)); err == nil {
		t.Error("the staged image is still there")
	}
}

// checkBase looks that the layers and the history of the base image are as they were.
func checkBase(t *testing.T, base, image v1.Image) {
	t.Helper()
	want, err := base.Manifest()
	if err != nil {
		t.Fatal("Manifest() =", err)
	}
	got, err := image.Manifest()
	if err != nil {
		t.Fatal("Manifest() =", err)
	}
	if diff := cmp.Diff(want.Layers, got.Layers[:len(want.Layers)]); diff != "" {
		t.Errorf("base layers (-want, +got) =\n%s", diff)
	}
	wantConfig, err := base.ConfigFile()
	if err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	gotConfig, err := image.ConfigFile()
	if err != nil {
		t.Fatal("ConfigFile() =", err)
	}
	if diff := cmp.Diff(wantConfig.History, gotConfig.History[:len(wantConfig.History)]); diff != "" {
		t.Errorf("history of the base image (-want, +got) =\n%s", diff)
	}
}

// TestImageTwice seals what is sealed.
func TestImageTwice(t *testing.T) {
	s := newServer(t)
	o := s.options(t, "default/hello", "1")
	first := mustSeal(t, o, s.build(t, o.Staged, baseImage(t), monday, gzip.BestSpeed, entriesAt(monday), large(monday)))
	o.Staged = o.Image
	if second := mustSeal(t, o, first); second != first {
		t.Errorf("sealed twice = %s, want %s", second, first)
	}
	if image := s.image(t, "default/hello:1"); image == nil {
		t.Error("the image was deleted as the staged one")
	}
}

// TestImageRemembers builds another function's code on the same dependencies.
func TestImageRemembers(t *testing.T) {
	s, base := newServer(t), baseImage(t)
	o := s.options(t, "default/hello", "1")
	mustSeal(t, o, s.build(t, o.Staged, base, monday, gzip.BestSpeed, large(monday), entriesAt(monday)))
	want, err := s.image(t, "default/hello:1").Manifest()
	if err != nil {
		t.Fatal("Manifest() =", err)
	}

	// The same layer, for a function that has nothing of it but the cache. The server, which has all blobs for all
	// repositories, is made to say so.
	known := want.Layers[2].Digest.String()
	s.answer(http.MethodHead, "/v2/other/hello/blobs/"+known, http.StatusNotFound)
	s.answer(http.MethodPost, "/v2/other/hello/blobs/uploads/?from=default%2Fhello%2Fcache&mount="+url.QueryEscape(known), http.StatusCreated)
	other := s.options(t, "other/hello", "2")
	other.CacheRepository = o.CacheRepository
	code := entriesAt(tuesday)
	code[2].content = "print(2)\n"
	mustSeal(t, other, s.build(t, other.Staged, base, tuesday, gzip.BestSpeed, large(tuesday), code))
	got, err := s.image(t, "other/hello:2").Manifest()
	if err != nil {
		t.Fatal("Manifest() =", err)
	}
	if diff := cmp.Diff(want.Layers[2], got.Layers[2]); diff != "" {
		t.Errorf("dependencies (-want, +got) =\n%s", diff)
	}
	if want.Layers[3].Digest == got.Layers[3].Digest {
		t.Error("other code is the same layer")
	}
	if n := s.count("POST", "/v2/other/hello/blobs/uploads/", url.QueryEscape(known)); n != 1 {
		t.Errorf("the remembered layer was mounted %d times, want once: %q", n, s.requests)
	}
	if n := s.count("PUT", "/v2/default/hello/cache/manifests/sealed-"); n != 1 {
		t.Errorf("%d layers were remembered, want 1: the dependencies, once", n)
	}
}

// TestImageTrustsNoForeignMemory has other things where a sealed layer is looked up.
func TestImageTrustsNoForeignMemory(t *testing.T) {
	base := baseImage(t)
	first := newServer(t)
	o := first.options(t, "default/hello", "1")
	want := mustSeal(t, o, first.build(t, o.Staged, base, monday, gzip.BestSpeed, large(monday)))
	remembered := ""
	for _, request := range first.requests {
		if path, ok := strings.CutPrefix(request, "PUT /v2/default/hello/cache/manifests/"); ok {
			remembered = path
		}
	}
	if remembered == "" {
		t.Fatal("nothing was remembered")
	}
	good := first.image(t, "default/hello/cache:"+remembered)
	for name, foreign := range map[string]func() (v1.Image, error){
		"other layers": func() (v1.Image, error) { return random.Image(100, 2) },
		"other layer":  func() (v1.Image, error) { return random.Image(100, 1) },
		"other form": func() (v1.Image, error) {
			return mutate.Config(good, v1.Config{Labels: map[string]string{formLabel: "0"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			o := s.options(t, "default/hello", "1")
			image, err := foreign()
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(reference(t, o.CacheRepository+":"+remembered), image); err != nil {
				t.Fatal("Write() =", err)
			}
			if got := mustSeal(t, o, s.build(t, o.Staged, base, tuesday, gzip.BestSpeed, large(tuesday))); got != want {
				t.Errorf("seal() = %s, want %s", got, want)
			}
		})
	}
}

// TestImageWithoutCache keeps nothing.
func TestImageWithoutCache(t *testing.T) {
	s := newServer(t)
	o := s.options(t, "default/hello", "1")
	o.CacheRepository = ""
	mustSeal(t, o, s.build(t, o.Staged, baseImage(t), monday, gzip.BestSpeed, large(monday)))
	if n := s.count("sealed-"); n != 0 {
		t.Errorf("%d requests for sealed layers, want none", n)
	}
}

// TestImageRemembersElsewhere has the cache of all functions in another registry.
func TestImageRemembersElsewhere(t *testing.T) {
	s, elsewhere, base := newServer(t), newServer(t), baseImage(t)
	o := s.options(t, "default/hello", "1")
	o.CacheRepository = elsewhere.host() + "/layers"
	first := mustSeal(t, o, s.build(t, o.Staged, base, monday, gzip.BestSpeed, large(monday)))

	other := newServer(t)
	o = other.options(t, "default/hello", "1")
	o.CacheRepository = elsewhere.host() + "/layers"
	if second := mustSeal(t, o, other.build(t, o.Staged, base, tuesday, gzip.BestSpeed, large(tuesday))); second != first {
		t.Errorf("seal() = %s, want %s", second, first)
	}
	if n := elsewhere.count("PUT /v2/layers/manifests/sealed-"); n != 1 {
		t.Errorf("%d layers were remembered, want 1", n)
	}
}

// TestImageWithoutMemory has a registry that has no such repository as the cache's.
func TestImageWithoutMemory(t *testing.T) {
	s := newServer(t)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/default/hello/cache/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	})
	o := s.options(t, "default/hello", "1")
	digest := s.build(t, o.Staged, baseImage(t), monday, gzip.BestSpeed, large(monday))
	var notes []string
	if _, err := seal(t, o, digest, func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }); err != nil {
		t.Fatal("seal() =", err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "failed to remember a sealed layer") {
		t.Errorf("notes = %q, want that the layer could not be remembered", notes)
	}
}

func TestImageFails(t *testing.T) {
	s := newServer(t)
	staged := s.build(t, s.options(t, "default/hello", "1").Staged, baseImage(t), monday, gzip.BestSpeed, entriesAt(monday))
	for name, test := range map[string]struct {
		change func(o *Options)
		digest string
		want   string
	}{
		"no image":      {digest: "sha256:" + strings.Repeat("0", 64), want: "failed to read the staged image"},
		"no reference":  {change: func(o *Options) { o.Image = "A" }, digest: staged, want: `failed to read "A"`},
		"no staged":     {change: func(o *Options) { o.Staged = "A" }, digest: staged, want: `failed to read "A"`},
		"no cache":      {change: func(o *Options) { o.CacheRepository = "A" }, digest: staged, want: `failed to read "A"`},
		"repositories":  {change: func(o *Options) { o.Image = "a.example.com/hello:1" }, digest: staged, want: "not of one repository"},
		"no folder":     {change: func(o *Options) { o.ScratchDir += "/none" }, digest: staged, want: "failed to make a file"},
		"no CA file":    {change: func(o *Options) { o.Certificates = map[string]string{s.host(): "/none"} }, digest: staged, want: "failed to read the certificates"},
		"not a CA file": {change: func(o *Options) { o.Certificates = map[string]string{s.host(): "seal_test.go"} }, digest: staged, want: "has none"},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.options(t, "default/hello", "1")
			if test.change != nil {
				test.change(o)
			}
			if got, err := seal(t, o, test.digest, t.Errorf); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("seal() = %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestBuiltLayers(t *testing.T) {
	base, built := v1.History{CreatedBy: "base"}, v1.History{Author: kaniko}
	for name, test := range map[string]struct {
		history []v1.History
		layers  int
		want    int
	}{
		"none":                 {[]v1.History{base}, 1, 0},
		"two":                  {[]v1.History{base, built, built}, 3, 2},
		"no layer":             {[]v1.History{base, built, {Author: kaniko, EmptyLayer: true}}, 2, 1},
		"base without history": {[]v1.History{built}, 5, 1},
		"base of Kaniko":       {[]v1.History{built, base, built}, 3, 1},
		"more than there are":  {[]v1.History{built, built}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			config := &v1.ConfigFile{History: test.history, RootFS: v1.RootFS{DiffIDs: make([]v1.Hash, test.layers)}}
			if got := builtLayers(config); got != test.want {
				t.Errorf("builtLayers() = %d, want %d", got, test.want)
			}
		})
	}
}

func TestKeychain(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"),
		[]byte(`{"auths":{"registry.example.com:5000":{"username":"me","password":"p4ss"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	host, err := name.NewRegistry("registry.example.com:5000")
	if err != nil {
		t.Fatal(err)
	}
	login, err := keychain(host.RegistryStr()).Resolve(host)
	if err != nil {
		t.Fatal("Resolve() =", err)
	}
	if config, err := login.Authorization(); err != nil || config.Username != "me" || config.Password != "p4ss" {
		t.Errorf("Authorization() = %+v, %v", config, err)
	}
}

// TestImageTrusts has a registry that only the given certificates vouch for.
func TestImageTrusts(t *testing.T) {
	plain := newServer(t)
	secure := &server{Server: httptest.NewTLSServer(plain.Config.Handler)}
	t.Cleanup(secure.Close)
	o := plain.options(t, "default/hello", "1")
	digest := plain.build(t, o.Staged, baseImage(t), monday, gzip.BestSpeed, entriesAt(monday))

	host := secure.Listener.Addr().String()
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o = &Options{
		Staged: host + "/default/hello:1-staged", Image: host + "/default/hello:1", CacheRepository: host + "/default/hello/cache",
		ScratchDir: t.TempDir(),
	}
	if got, err := seal(t, o, digest, t.Errorf); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("Image() = %q, %v, though nobody vouches for the registry", got, err)
	}
	o.Certificates = map[string]string{host: file}
	mustSeal(t, o, digest)
}
