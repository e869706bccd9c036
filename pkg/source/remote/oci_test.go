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
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	registryserver "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry"
)

const (
	gzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip"
	tarLayer  = "application/vnd.oci.image.layer.v1.tar"
	fluxLayer = "application/vnd.cncf.flux.content.v1.tar+gzip"
)

// pushed is a registry of its own, and what is in it.
type pushed struct {
	*httptest.Server
	// host is that of the registry, with port.
	host string
	// all is the registry without what Server has before it.
	all http.Handler
}

// newPushed serves a registry behind before, where that is not nil.
func newPushed(t testing.TB, before func(next http.Handler) http.Handler) *pushed {
	t.Helper()
	p := &pushed{all: registryserver.New(registryserver.Logger(log.New(io.Discard, "", 0)))}
	handler := p.all
	if before != nil {
		handler = before(handler)
	}
	p.Server = httptest.NewServer(handler)
	t.Cleanup(p.Close)
	p.host = strings.TrimPrefix(p.URL, "http://")
	return p
}

// manifest is what a registry has under a tag.
type manifest struct {
	raw       []byte
	mediaType types.MediaType
}

func (m *manifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m *manifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

// layerOf is a blob of that type.
func layerOf(mediaType, content string) v1.Layer {
	return static.NewLayer([]byte(content), types.MediaType(mediaType))
}

// push writes an artifact past what is before the registry, and returns its digest. The change is made to its manifest.
func (p *pushed) push(t testing.TB, tag string, change func(*v1.Manifest), layers ...v1.Layer) string {
	t.Helper()
	server := httptest.NewServer(p.all)
	defer server.Close()
	ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/acme/" + tag)
	if err != nil {
		t.Fatal("failed to name artifact:", err)
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}}}
	for _, layer := range layers {
		d, err := partial.Descriptor(layer)
		if err == nil {
			err = remote.WriteLayer(ref.Context(), layer)
		}
		if err != nil {
			t.Fatal("failed to push layer:", err)
		}
		m.Layers = append(m.Layers, *d)
	}
	if change != nil {
		change(&m)
	}
	raw, err := json.Marshal(m)
	if err == nil {
		err = remote.Put(ref, &manifest{raw: raw, mediaType: m.MediaType})
	}
	if err != nil {
		t.Fatal("failed to push artifact:", err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		t.Fatal("failed to hash artifact:", err)
	}
	return digest.String()
}

func (p *pushed) source(t testing.TB, repository, tag, digest, path string) source.Source {
	t.Helper()
	oci, err := source.NewOCI(p.host+"/acme/"+repository, tag, digest, path)
	if err != nil {
		t.Fatal("NewOCI() =", err)
	}
	return source.Source{OCI: oci}
}

// tarOf is what tgzOf is, unpacked.
func tarOf(t testing.TB, files map[string]string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(tgzOf(t, files)))
	if err != nil {
		t.Fatal("failed to read tar:", err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal("failed to read tar:", err)
	}
	return string(content)
}

// linksOf is an archive of two files and links of both kinds.
func linksOf(t testing.TB, hard, symbolic string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./fn/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./fn/main.py", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./fn/lib/hard", Typeflag: tar.TypeLink, Linkname: hard},
		{Name: "./fn/lib/symbolic", Typeflag: tar.TypeSymlink, Linkname: symbolic},
		{Name: "./other", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal("failed to write tar:", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal("failed to write tar:", err)
	}
	return b.String()
}

func TestOCI(t *testing.T) {
	p := newPushed(t, nil)
	below := map[string]string{"fn/main.py": "main\n", "fn/lib/a.py": "a\n", "fn/requirements.txt": "requests\n", "fn.txt": "x", "other/main.py": "x"}
	docker := func(m *v1.Manifest) { m.MediaType = types.DockerManifestSchema2 }
	for name, test := range map[string]struct {
		path   string
		change func(*v1.Manifest)
		layers []v1.Layer
		want   map[string]string
	}{
		"gzip":         {layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, tree))}, want: tree},
		"tar":          {layers: []v1.Layer{layerOf(tarLayer, tarOf(t, tree))}, want: tree},
		"flux":         {layers: []v1.Layer{layerOf(fluxLayer, tgzOf(t, tree))}, want: tree},
		"called a tar": {layers: []v1.Layer{layerOf(tarLayer, tgzOf(t, tree))}, want: tree},
		"docker":       {change: docker, layers: []v1.Layer{layerOf(string(types.DockerLayer), tgzOf(t, tree))}, want: tree},
		"two layers": {
			layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, map[string]string{"main.py": "main\n"})), layerOf(tarLayer, tarOf(t, map[string]string{"lib/a.py": "a\n"}))},
			want:   map[string]string{"main.py": "main\n", "lib/a.py": "a\n"},
		},
		"folder": {path: "fn", layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, below))}, want: tree},
		"folder of one of the layers": {
			path: "fn", layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, below)), layerOf(gzipLayer, tgzOf(t, map[string]string{"fn.txt": ""}))}, want: tree,
		},
		"links": {
			path: "fn", layers: []v1.Layer{layerOf(tarLayer, linksOf(t, "fn/main.py", "../main.py"))},
			want: map[string]string{"main.py": "", "lib/hard": "", "lib/symbolic": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			repository := strings.ReplaceAll(name, " ", "-")
			digest := p.push(t, repository+":v1", test.change, test.layers...)
			fetch(t, testOptions(t, nil), p.source(t, repository, "v1", "", test.path)).want(t, digest, test.want)
			fetch(t, testOptions(t, nil), p.source(t, repository, "", digest, test.path)).want(t, digest, test.want)
		})
	}
}

func TestOCIFails(t *testing.T) {
	p := newPushed(t, nil)
	good := layerOf(gzipLayer, tgzOf(t, tree))
	with := func(change func(*v1.Manifest)) func(*v1.Manifest) { return change }
	for name, test := range map[string]struct {
		path   string
		change func(*v1.Manifest)
		layers []v1.Layer
		reason source.Reason
		want   string
	}{
		"index":         {change: with(func(m *v1.Manifest) { m.MediaType = types.OCIImageIndex }), reason: source.ReasonInvalidArchive, want: "list of several"},
		"no manifest":   {change: with(func(m *v1.Manifest) { m.MediaType = "text/html" }), reason: source.ReasonInvalidArchive, want: `media type "text/html"`},
		"no layers":     {reason: source.ReasonInvalidArchive, want: "has no layers"},
		"many layers":   {change: with(func(m *v1.Manifest) { m.Layers = slices.Repeat([]v1.Descriptor{m.Config}, maxLayers+1) }), reason: source.ReasonSourceTooLarge, want: "128 layers"},
		"no archive":    {layers: []v1.Layer{good, layerOf("application/json", "{}")}, reason: source.ReasonInvalidArchive, want: `a layer 2 of media type "application/json"`},
		"zstd":          {layers: []v1.Layer{layerOf(tarLayer+"+zstd", "x")}, reason: source.ReasonInvalidArchive, want: "+zstd"},
		"elsewhere":     {layers: []v1.Layer{good}, change: with(func(m *v1.Manifest) { m.Layers[0].URLs = []string{"http://169.254.169.254/"} }), reason: source.ReasonInvalidArchive, want: "layer 1 that is elsewhere"},
		"missing blob":  {layers: []v1.Layer{good}, change: with(func(m *v1.Manifest) { m.Layers[0].Digest.Hex = strings.Repeat("0", 64) }), reason: source.ReasonSourceNotFound, want: "a part of it is missing"},
		"other hash":    {layers: []v1.Layer{good}, change: with(func(m *v1.Manifest) { m.Layers[0].Digest.Algorithm = "md5" }), reason: source.ReasonInvalidArchive, want: "cannot be read"},
		"broken":        {layers: []v1.Layer{layerOf(gzipLayer, "<html>")}, reason: source.ReasonInvalidArchive, want: `archive "layer 1"`},
		"cut off":       {layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, tree)[:40])}, reason: source.ReasonInvalidArchive, want: `archive "layer 1"`},
		"zip slip":      {layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, map[string]string{"../evil": ""}))}, reason: source.ReasonInvalidArchive, want: `"../evil"`},
		"deletes":       {layers: []v1.Layer{good, layerOf(gzipLayer, tgzOf(t, map[string]string{"lib/.wh.a.py": ""}))}, reason: source.ReasonInvalidArchive, want: "deletes a file of another layer"},
		"twice":         {layers: []v1.Layer{good, good}, reason: source.ReasonInvalidArchive, want: `archive "layer 2"`},
		"large":         {layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, map[string]string{"a": strings.Repeat("x", 2<<20)}))}, reason: source.ReasonSourceTooLarge, want: "1048576"},
		"empty":         {layers: []v1.Layer{layerOf(gzipLayer, tgzOf(t, nil))}, reason: source.ReasonSourceNotFound, want: "no files"},
		"no folder":     {path: "none", layers: []v1.Layer{good}, reason: source.ReasonSourceNotFound, want: `no folder "none"`},
		"file":          {path: "main.py", layers: []v1.Layer{good}, reason: source.ReasonSourceNotFound, want: `no folder "main.py"`},
		"hard link out": {path: "fn", layers: []v1.Layer{layerOf(tarLayer, linksOf(t, "other", "../main.py"))}, reason: source.ReasonInvalidArchive, want: "leads out"},
		"link out":      {path: "fn", layers: []v1.Layer{layerOf(tarLayer, linksOf(t, "fn/main.py", "../../other"))}, reason: source.ReasonInvalidArchive, want: "leads out"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := strings.ReplaceAll(name, " ", "-")
			p.push(t, repository+":v1", test.change, test.layers...)
			fetch(t, testOptions(t, nil), p.source(t, repository, "v1", "", test.path)).wantFailure(t, test.reason, test.want)
		})
	}
	p.push(t, "code:v1", nil, good)
	for name, test := range map[string]struct {
		source source.Source
		reason source.Reason
		want   string
	}{
		"no repository": {p.source(t, "none", "v1", "", ""), source.ReasonSourceNotFound, "source.oci.repository: there is no "},
		"no tag":        {p.source(t, "code", "v2", "", ""), source.ReasonRefNotFound, "has no v2"},
		"no digest":     {p.source(t, "code", "", "sha256:"+strings.Repeat("0", 64), ""), source.ReasonRefNotFound, "has no sha256:0"},
		"private":       {source.Source{OCI: &source.OCI{Repository: "10.1.2.3:5000/a/b", Tag: "v1"}}, source.ReasonSourceRefused, "allowed-networks"},
		"metadata":      {source.Source{OCI: &source.OCI{Repository: "169.254.169.254/a/b", Tag: "v1"}}, source.ReasonSourceRefused, "169.254.169.254"},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, nil), test.source).wantFailure(t, test.reason, test.want)
		})
	}
	t.Run("download", func(t *testing.T) {
		// Two layers of which each is small enough, and not both.
		p.push(t, "large:v1", nil, layerOf(tarLayer, tarOf(t, tree)), layerOf(tarLayer, tarOf(t, map[string]string{"b.py": ""})))
		o := testOptions(t, nil)
		o.MaxBytes = int64(len(tarOf(t, tree))) + 512
		fetch(t, o, p.source(t, "large", "v1", "", "")).wantFailure(t, source.ReasonSourceTooLarge, strconv.FormatInt(o.MaxBytes, 10))
	})
}

// TestOCIAnswers has registries that answer for everything in the same way, or for blobs.
func TestOCIAnswers(t *testing.T) {
	status := func(code int, header ...string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(code)
			})
		}
	}
	blobs := func(answer http.HandlerFunc) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.Contains(req.URL.Path, "/blobs/") {
					next = answer
				}
				next.ServeHTTP(w, req)
			})
		}
	}
	for name, test := range map[string]struct {
		before func(http.Handler) http.Handler
		reason source.Reason
		want   string
	}{
		"unauthorized": {status(http.StatusUnauthorized), source.ReasonSourceForbidden, "source.oci.secretRef"},
		"forbidden":    {status(http.StatusForbidden), source.ReasonSourceForbidden, "source.oci.secretRef"},
		"busy":         {status(http.StatusTooManyRequests), source.ReasonSourceUnavailable, "429"},
		"failing":      {status(http.StatusBadGateway), source.ReasonSourceUnavailable, "502"},
		"tokens of the metadata": {
			status(http.StatusUnauthorized, "WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="a"`),
			source.ReasonSourceRefused, "169.254.169.254",
		},
		"tokens in another way": {
			status(http.StatusUnauthorized, "WWW-Authenticate", `Bearer realm="gopher://token.example.com",service="a"`),
			source.ReasonSourceRefused, "realm scheme",
		},
		"blobs of the metadata": {
			blobs(func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, "http://169.254.169.254/", http.StatusFound)
			}),
			source.ReasonSourceRefused, "not in a safe way",
		},
		"blobs of the API server": {
			blobs(func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, "https://kubernetes.default.svc/", http.StatusFound)
			}),
			source.ReasonSourceRefused, "API server",
		},
		"other blob": {
			blobs(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, tgzOf(t, map[string]string{"main.py": "evil"}))
			}),
			source.ReasonSourceUnavailable, "sha256",
		},
		"no blob": {
			blobs(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }),
			source.ReasonSourceUnavailable, "sha256",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPushed(t, test.before)
			p.push(t, "code:v1", nil, layerOf(gzipLayer, tgzOf(t, tree)))
			fetch(t, testOptions(t, nil), p.source(t, "code", "v1", "", "")).wantFailure(t, test.reason, test.want)
		})
	}
	t.Run("plain", func(t *testing.T) {
		oci := &source.OCI{Repository: "registry.example.com/code", Tag: "v1"}
		ref, err := oci.Reference()
		if err != nil {
			t.Fatal("Reference() =", err)
		}
		err = (&artifact{OCI: oci, ref: ref}).explain(errors.New("http: server gave HTTP response to HTTPS client"))
		fetched{err: err}.wantFailure(t, source.ReasonCertificateInvalid, "insecure-registries")
	})
}

// dockerConfigOf is a login as kubectl create secret docker-registry writes it.
func dockerConfigOf(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, user, password)
}

func TestOCISecrets(t *testing.T) {
	p := newPushed(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user != "me" || password != "hunter2" {
				w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
				w.WriteHeader(http.StatusUnauthorized)
				// What some servers say.
				fmt.Fprintf(w, "no %s/%s", user, password)
				return
			}
			next.ServeHTTP(w, req)
		})
	})
	digest := p.push(t, "code:v1", nil, layerOf(gzipLayer, tgzOf(t, tree)))
	oci := p.source(t, "code", "v1", "", "")
	config := func(user string) map[string]string {
		return map[string]string{registry.KeyDockerConfig: dockerConfigOf(p.host, user, "hunter2")}
	}
	// dirOf is what Prepare makes of the Secret that images are pushed with.
	dirOf := func(config string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, registry.ConfigFile), []byte(config), 0o600); err != nil {
			t.Fatal("failed to write login:", err)
		}
		return dir
	}
	for name, test := range map[string]struct {
		secret map[string]string
		dir    string
		reason source.Reason
		want   string
	}{
		"of the source":            {secret: config("me")},
		"of images":                {dir: dirOf(dockerConfigOf(p.host, "me", "hunter2"))},
		"the source's wins":        {secret: config("me"), dir: dirOf(dockerConfigOf(p.host, "other", "hunter2"))},
		"nobody":                   {reason: source.ReasonSourceForbidden, want: "source.oci.secretRef"},
		"of images, elsewhere":     {dir: dirOf(dockerConfigOf("ghcr.io", "me", "hunter2")), reason: source.ReasonSourceForbidden, want: "source.oci.secretRef"},
		"of images, none":          {dir: t.TempDir(), reason: source.ReasonSourceForbidden, want: "source.oci.secretRef"},
		"somebody else":            {secret: config("other"), reason: source.ReasonSourceForbidden, want: "source.oci.secretRef"},
		"of the source, elsewhere": {secret: map[string]string{registry.KeyDockerConfig: dockerConfigOf("ghcr.io", "me", "hunter2")}, reason: source.ReasonSecretInvalid, want: "has logins for: ghcr.io"},
		"without logins":           {secret: map[string]string{"token": "hunter2"}, reason: source.ReasonSecretInvalid, want: "keys: token"},
		"no JSON":                  {secret: map[string]string{registry.KeyDockerConfig: "hunter2"}, reason: source.ReasonSecretInvalid, want: "key .dockerconfigjson is not JSON"},
		"authority":                {secret: map[string]string{keyCA: "hunter2"}, reason: source.ReasonSecretInvalid, want: "ca.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, test.secret)
			o.Registries.Dir = test.dir
			got := fetch(t, o, oci)
			if test.reason == "" {
				got.want(t, digest, tree)
			} else {
				got.wantFailure(t, test.reason, test.want)
			}
		})
	}
}

// TestOCIOwn holds that only the operator's own registry may be at a private address, and not where it sends others.
func TestOCIOwn(t *testing.T) {
	o := testOptions(t, nil)
	o.Registries.Own = "registry.example.com:5000"
	f, err := newFetcher(t.Context(), o)
	if err != nil {
		t.Fatal("newFetcher() =", err)
	}
	for address, want := range map[string]bool{"10.1.2.3": true, "fd12::1": true, "8.8.8.8": true, "169.254.169.254": false, "0.0.0.0": false} {
		if err := f.own.Check(netip.MustParseAddr(address)); (err == nil) != want {
			t.Errorf("Check(%s) = %v, want it allowed: %t", address, err, want)
		}
	}
	answer := func(text string) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New(text) })
	}
	trip := &ownTransport{host: "registry.example.com:5000", own: answer("own"), others: answer("others")}
	for url, want := range map[string]string{
		"https://registry.example.com:5000/v2/": "own", "http://registry.example.com:5000/v2/": "own",
		"https://registry.example.com/v2/": "others", "https://registry.example.com:5001/": "others", "https://10.1.2.3:5000/": "others",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal("NewRequest() =", err)
		}
		if _, err := trip.RoundTrip(req); err == nil || err.Error() != want { //nolint:bodyclose // There is none.
			t.Errorf("RoundTrip() to %s = %v, want %s", url, err, want)
		}
	}
	fetch(t, o, source.Source{OCI: &source.OCI{Repository: "10.1.2.3:5000/a/b", Tag: "v1"}}).
		wantFailure(t, source.ReasonSourceRefused, "allowed-networks")
	o.Registries.Own = "169.254.169.254:80"
	fetch(t, o, source.Source{OCI: &source.OCI{Repository: "169.254.169.254:80/a/b", Tag: "v1"}}).
		wantFailure(t, source.ReasonSourceRefused, "link-local")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestOCITrust(t *testing.T) {
	server := httptest.NewTLSServer(registryserver.New(registryserver.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	certificate := certificateOf(server)
	missing := source.Source{OCI: &source.OCI{Repository: host + "/acme/none", Tag: "v1"}}
	for name, test := range map[string]struct {
		secret map[string]string
		files  map[string]string
		pushed string
		reason source.Reason
	}{
		"nobody":                     {reason: source.ReasonCertificateInvalid},
		"by the source's Secret":     {secret: map[string]string{keyCA: certificate}, reason: source.ReasonSourceNotFound},
		"by the operator":            {files: map[string]string{registry.AuthoritiesFile: certificate}, reason: source.ReasonSourceNotFound},
		"by the Secret of images":    {files: map[string]string{registry.PushAuthoritiesFile: certificate}, pushed: host, reason: source.ReasonSourceNotFound},
		"by the Secret of elsewhere": {files: map[string]string{registry.PushAuthoritiesFile: certificate}, pushed: "ghcr.io", reason: source.ReasonCertificateInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, test.secret)
			o.Registries = Registries{Dir: t.TempDir(), Pushed: test.pushed}
			for file, content := range test.files {
				if err := os.WriteFile(filepath.Join(o.Registries.Dir, file), []byte(content), 0o600); err != nil {
					t.Fatal("failed to write file:", err)
				}
			}
			fetch(t, o, missing).wantFailure(t, test.reason)
		})
	}
	t.Run("no folder", func(t *testing.T) {
		o := testOptions(t, nil)
		o.Registries.Dir = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(o.Registries.Dir, nil, 0o600); err != nil {
			t.Fatal("failed to write file:", err)
		}
		fetch(t, o, missing).wantFailure(t, source.ReasonSourceUnavailable, "failed to read what registries")
	})
}

func TestOCIInsecure(t *testing.T) {
	f := &fetcher{registries: Registries{Insecure: []string{"plain.example.com:5000"}}}
	for host, want := range map[string]string{"plain.example.com:5000": "http", "plain.example.com": "https", "ghcr.io": "https"} {
		ref, err := f.reference(&source.OCI{Repository: host + "/code", Tag: "v1"})
		if err != nil || ref.Context().Scheme() != want {
			t.Errorf("reference() of %s = %v, %v, want %s", host, ref, err, want)
		}
	}
}

// FuzzOCI fetches artifacts whose manifest and layer are anything.
func FuzzOCI(f *testing.F) {
	digest := "sha256:" + strings.Repeat("0", 64)
	seed := func(mediaType, layers string) string {
		return `{"schemaVersion":2,"mediaType":"` + mediaType + `","config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":"` + digest + `"},"layers":` + layers + `}`
	}
	const oci = string(types.OCIManifestSchema1)
	one := `[{"mediaType":"` + gzipLayer + `","size":1,"digest":"LAYER"}]`
	f.Add(oci, seed(oci, one), []byte(tgzOf(f, tree)), "")
	f.Add(oci, seed(oci, one), []byte(tarOf(f, tree)), "lib")
	f.Add(oci, seed(oci, one), []byte(tgzOf(f, map[string]string{"../evil": "", ".wh.a": ""})), "")
	f.Add(oci, seed(oci, one), []byte(linksOf(f, "fn/main.py", "../main.py")), "fn")
	f.Add(oci, seed(oci, one), []byte(linksOf(f, "../../etc/passwd", "/etc/passwd")), "fn")
	f.Add(oci, seed(oci, `[{"mediaType":"`+tarLayer+`","size":-1,"digest":"LAYER","urls":["http://169.254.169.254/"]}]`), []byte("x"), "")
	f.Add(oci, seed(oci, `[]`), []byte{}, "..")
	f.Add(oci, "{", []byte{}, "")
	f.Add(string(types.OCIImageIndex), `{"schemaVersion":2,"manifests":[]}`, []byte{}, "")
	f.Add("", "<html>", []byte("\x1f\x8b"), "")
	f.Fuzz(func(t *testing.T, mediaType, manifest string, layer []byte, path string) {
		hash, _, err := v1.SHA256(bytes.NewReader(layer))
		if err != nil {
			t.Fatal("failed to hash layer:", err)
		}
		manifest = strings.ReplaceAll(manifest, "LAYER", hash.String())
		answers := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch {
			case strings.Contains(req.URL.Path, "/manifests/"):
				w.Header()["Content-Type"] = []string{mediaType}
				io.WriteString(w, manifest)
			case strings.Contains(req.URL.Path, "/blobs/"):
				w.Write(layer)
			}
		})
		puller, err := remote.NewPuller(remote.WithTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			answers.ServeHTTP(w, req)
			return w.Result(), nil
		})))
		if err != nil {
			t.Fatal("NewPuller() =", err)
		}
		o := &source.OCI{Repository: "registry.example.com/code", Tag: "v1", Path: path}
		ref, err := o.Reference()
		if err != nil {
			t.Fatal("Reference() =", err)
		}
		got := fetchBy(t, source.Source{OCI: o}, func(ctx context.Context, _ *source.Plan, files *source.Files) (string, error) {
			a := &artifact{OCI: o, ref: ref, puller: puller, left: 1 << 20, max: 1 << 20}
			revision, err := a.fetch(ctx, files)
			if err != nil {
				return "", (&fetcher{credentials: &credentials{}}).failure(a.explain(err))
			}
			return revision, nil
		})
		if got.err != nil && source.ReasonOf(got.err) == source.ReasonInternal {
			t.Errorf("FetchContext() = %v, a failure without a reason", got.err)
		}
		for name := range got.files {
			if strings.HasPrefix(filepath.Base(name), ".wh.") {
				t.Errorf("there is %q", name)
			}
		}
	})
}
