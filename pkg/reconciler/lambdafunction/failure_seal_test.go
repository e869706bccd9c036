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

package lambdafunction

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/seal"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// TestCauseOfSealing seals what a registry has that fails, and looks that the log tells the cause.
func TestCauseOfSealing(t *testing.T) {
	for name, tc := range map[string]struct {
		// method and path, a part of it, are of the requests that the fault is for.
		method, path string
		fault        fault
		tls          bool
		reason, says string
	}{
		"login":        {http.MethodGet, "/v2/", status(401, `{"errors":[{"code":"UNAUTHORIZED"}]}`), false, v1alpha1.ReasonRegistryDenied, "UNAUTHORIZED"},
		"bare 401":     {http.MethodGet, "/manifests/", status(401, ""), false, v1alpha1.ReasonRegistryDenied, "401"},
		"push denied":  {http.MethodPost, "/blobs/uploads/", status(403, `{"errors":[{"code":"DENIED","message":"no"}]}`), false, v1alpha1.ReasonRegistryDenied, "DENIED"},
		"tag denied":   {http.MethodPut, "/manifests/", status(403, ""), false, v1alpha1.ReasonRegistryDenied, "403"},
		"read fails":   {http.MethodGet, "/manifests/", status(503, "<html>\nerror\n</html>"), false, v1alpha1.ReasonRegistryUnavailable, "503"},
		"push fails":   {http.MethodPut, "/manifests/", status(500, ""), false, v1alpha1.ReasonRegistryUnavailable, "500"},
		"too many":     {http.MethodPost, "/blobs/uploads/", status(429, ""), false, v1alpha1.ReasonRegistryUnavailable, "429"},
		"breaks off":   {http.MethodGet, "/blobs/", breakOff, false, v1alpha1.ReasonRegistryUnavailable, "EOF"},
		"not verified": {tls: true, reason: v1alpha1.ReasonRegistryCertificateInvalid, says: "x509"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFaultyRegistry(t, tc.tls)
			digest := r.stage(t)
			r.Config.Handler = failing(r.Config.Handler, math.MaxInt32, tc.method, tc.path, tc.fault)
			reason, message := causeOf(r.seal(t, digest))
			if reason != tc.reason || !strings.Contains(message, tc.says) {
				t.Errorf("causeOf() = %q, %q, want %q with %q", reason, message, tc.reason, tc.says)
			}
		})
	}
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		r := newFaultyRegistry(t, false)
		digest := r.stage(t)
		r.Close()
		if reason, message := causeOf(r.seal(t, digest)); reason != v1alpha1.ReasonRegistryUnavailable {
			t.Errorf("causeOf() = %q, %q, want %q", reason, message, v1alpha1.ReasonRegistryUnavailable)
		}
	})
}

// TestSealingOutlastsFaults has faults that pass.
func TestSealingOutlastsFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path string
		fault        fault
	}{
		"read":       {http.MethodGet, "/manifests/", status(502, "")},
		"push":       {http.MethodPut, "/manifests/", status(503, "")},
		"breaks off": {http.MethodGet, "/blobs/", breakOff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFaultyRegistry(t, false)
			digest := r.stage(t)
			r.Config.Handler = failing(r.Config.Handler, 1, tc.method, tc.path, tc.fault)
			if log := r.seal(t, digest); strings.Contains(log, "error pushing image") {
				t.Error("sealing failed:", log)
			}
		})
	}
}

// fault answers a request in place of the registry.
type fault func(registry http.Handler, w http.ResponseWriter, r *http.Request)

func status(code int, body string) fault {
	return func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// breakOff gives half of what the registry says.
func breakOff(registry http.Handler, w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	registry.ServeHTTP(whole, r)
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
}

// failing has the registry fail for the first requests of that method, with that part of a path.
func failing(registry http.Handler, times int32, method, path string, fault fault) http.Handler {
	var seen atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault != nil && r.Method == method && strings.Contains(r.URL.Path, path) && seen.Add(1) <= times {
			fault(registry, w, r)
			return
		}
		registry.ServeHTTP(w, r)
	})
}

type faultyRegistry struct {
	*httptest.Server
}

func newFaultyRegistry(t *testing.T, useTLS bool) *faultyRegistry {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(registry.New(registry.Logger(quiet)))
	server.Config.ErrorLog = quiet
	if useTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return &faultyRegistry{server}
}

func (r *faultyRegistry) repository() string {
	return r.Listener.Addr().String() + "/default/hello"
}

// stage pushes what Kaniko would, and returns the digest.
func (r *faultyRegistry) stage(t *testing.T) string {
	t.Helper()
	layer, err := random.Layer(1000, types.DockerLayer)
	if err != nil {
		t.Fatal("Layer() =", err)
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{Author: "kaniko"}})
	if err != nil {
		t.Fatal("Append() =", err)
	}
	staged, err := name.NewTag(r.repository() + ":1-staged")
	if err != nil {
		t.Fatal("NewTag() =", err)
	}
	trusting := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if err := remote.Write(staged, image, remote.WithTransport(trusting)); err != nil {
		t.Fatal("Write() =", err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	return digest.String()
}

// seal returns the log of the step build.
func (r *faultyRegistry) seal(t *testing.T, digest string) string {
	t.Helper()
	dir := t.TempDir()
	staged := filepath.Join(dir, "staged")
	if err := os.WriteFile(filepath.Join(dir, source.DockerfileName), []byte("FROM base\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	seal.Run(t.Context(), []string{
		"--context-dir=" + dir, "--staged=" + r.repository() + ":1-staged", "--staged-digest-file=" + staged, "--image=" + r.repository() + ":1",
		"--digest-file=" + filepath.Join(dir, "digest"), "--cache-repo=" + r.repository() + "/cache", "--scratch=" + dir,
		"/bin/sh", "-c", `echo "$2" > "$1"`, "kaniko", staged, digest,
	}, io.Discard, &output)
	return output.String()
}
