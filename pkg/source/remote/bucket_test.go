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
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

func zipOf(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal("failed to write zip:", err)
		}
		io.WriteString(f, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal("failed to write zip:", err)
	}
	return b.String()
}

func tgzOf(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal("failed to write tar:", err)
		}
		io.WriteString(w, text)
	}
	w.Close()
	if err := z.Close(); err != nil {
		t.Fatal("failed to write tar:", err)
	}
	return b.String()
}

// objects are what the stores of the tests have.
func objects(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{"main.py": "main\n", "lib/a.py": "a\n", "requirements.txt": "requests\n"}
	return map[string]string{
		"code.py": "code\n", "fn/code (1).py": "code\n", "fn.zip": zipOf(t, files), "builds/fn.tar.gz": tgzOf(t, files),
		"tree/main.py": "main\n", "tree/lib/a.py": "a\n", "tree/requirements.txt": "requests\n", "tree/lib/": "",
		"evil.zip": zipOf(t, map[string]string{"../evil": ""}), "broken.zip": "<html>", "large.py": strings.Repeat("x", 2<<20),
	}
}

// serveS3 serves a bucket of the name code to who has one of the access keys, or to all.
func serveS3(t testing.TB, ids ...string) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("code"); err != nil {
		t.Fatal("failed to make bucket:", err)
	}
	for key, text := range objects(t) {
		if _, err := backend.PutObject("code", key, nil, strings.NewReader(text), int64(len(text)), nil); err != nil {
			t.Fatal("failed to put object:", err)
		}
	}
	handler := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		allowed := len(ids) == 0
		for _, id := range ids {
			allowed = allowed || strings.Contains(req.Header.Get("Authorization"), "Credential="+id+"/")
		}
		if !allowed {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `<Error><Code>InvalidAccessKeyId</Code><Message>unknown key</Message></Error>`)
			return
		}
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

var tree = map[string]string{"main.py": "main\n", "lib/a.py": "a\n", "requirements.txt": "requests\n"}

func TestBucketObjects(t *testing.T) {
	endpoint := serveS3(t)
	for name, test := range map[string]struct {
		key, handler string
		want         map[string]string
	}{
		"object":            {"code.py", "main.handler", map[string]string{"main.py": "code\n"}},
		"object of handler": {"code.py", "code.handler", map[string]string{"code.py": "code\n"}},
		"odd name":          {"fn/code (1).py", "main.handler", map[string]string{"main.py": "code\n"}},
		"zip":               {"fn.zip", "main.handler", tree},
		"tar.gz":            {"builds/fn.tar.gz", "main.handler", tree},
		"folder":            {"tree/", "main.handler", tree},
	} {
		t.Run(name, func(t *testing.T) {
			b := &source.Bucket{Bucket: "code", Key: test.key, Endpoint: endpoint}
			handler := func(p *source.Plan) { p.Handler = test.handler }
			for kind, s := range map[string]source.Source{"s3": {S3: b}, "minio": {MinIO: b}} {
				got := fetch(t, testOptions(t, nil), s, handler)
				got.want(t, got.result.Revision, test.want)
				// An ETag is a hash of MD5, and the one of a folder is ours.
				if len(got.result.Revision) != 32 && !strings.HasPrefix(got.result.Revision, "sha256:") {
					t.Errorf("revision of %s = %q", kind, got.result.Revision)
				}
			}
		})
	}
}

func TestBucketVersion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Version-Id", "version-7")
		w.Header().Set("ETag", `"0123"`)
		io.WriteString(w, "code\n")
	}))
	defer server.Close()
	fetch(t, testOptions(t, nil), source.Source{S3: &source.Bucket{Bucket: "code", Key: "code.py", Endpoint: server.URL}}).
		want(t, "version-7", map[string]string{"main.py": "code\n"})
}

func TestBucketSecrets(t *testing.T) {
	endpoint := serveS3(t, "user1234")
	for name, secret := range map[string]map[string]string{
		"of AWS":      {"AWS_ACCESS_KEY_ID": "user1234", "AWS_SECRET_ACCESS_KEY": "hunter2"},
		"one word":    {"accesskey": "user1234\n", "secretkey": "hunter2\n"},
		"dashes":      {"access-key": "user1234", "secret-key": "hunter2"},
		"with token":  {"AWS_ACCESS_KEY_ID": "user1234", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "hunter2"},
		"capitals in": {"accessKey": "user1234", "secretKey": "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := fetch(t, testOptions(t, secret), source.Source{MinIO: &source.Bucket{Bucket: "code", Key: "tree/", Endpoint: endpoint}})
			got.want(t, got.result.Revision, tree)
		})
	}
}

// The build's own identity is for Amazon: no server that a user names sees it.
func TestBucketIdentity(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "builder1")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	for endpoint, want := range map[string]string{
		"": "builder1", "https://s3.eu-central-1.amazonaws.com": "builder1", "https://s3.cn-north-1.amazonaws.com.cn": "builder1",
		"http://s3.amazonaws.com": "", "https://amazonaws.com.example.com": "", "https://xamazonaws.com": "", "https://minio.example.com": "",
	} {
		f, err := newFetcher(t.Context(), testOptions(t, nil))
		if err != nil {
			t.Fatal("newFetcher() =", err)
		}
		identity, err := f.s3Identity(t.Context(), source.KindS3, &source.Bucket{Endpoint: endpoint})
		if err != nil {
			t.Fatal("s3Identity() =", err)
		}
		c, err := identity.Retrieve(t.Context())
		if c.AccessKeyID != want || (err == nil) != (want != "") {
			t.Errorf("identity for %q = %q, %v, want %q", endpoint, c.AccessKeyID, err, want)
		}
	}
}

func TestBucketFails(t *testing.T) {
	open := serveS3(t)
	closed := serveS3(t, "user1234")
	answer := func(status int, header, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Location", header)
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	keys := map[string]string{"accesskey": "unknown1", "secretkey": "hunter2"}
	for name, test := range map[string]struct {
		b      source.Bucket
		secret map[string]string
		reason source.Reason
		want   []string
	}{
		"no bucket":     {source.Bucket{Bucket: "none", Key: "code.py", Endpoint: open}, nil, source.ReasonSourceNotFound, []string{`source.s3.bucket: there is no bucket "none"`}},
		"no object":     {source.Bucket{Bucket: "code", Key: "none.py", Endpoint: open}, nil, source.ReasonSourceNotFound, []string{`source.s3.key: bucket "code" has no object "none.py"`}},
		"no folder":     {source.Bucket{Bucket: "code", Key: "none/", Endpoint: open}, nil, source.ReasonSourceNotFound, []string{`no objects below "none/"`}},
		"zip slip":      {source.Bucket{Bucket: "code", Key: "evil.zip", Endpoint: open}, nil, source.ReasonInvalidArchive, []string{`"../evil"`}},
		"broken":        {source.Bucket{Bucket: "code", Key: "broken.zip", Endpoint: open}, nil, source.ReasonInvalidArchive, []string{"not a valid zip"}},
		"large":         {source.Bucket{Bucket: "code", Key: "large.py", Endpoint: open}, nil, source.ReasonSourceTooLarge, []string{"1048576"}},
		"nobody":        {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: closed}, nil, source.ReasonSourceForbidden, []string{"source.s3.secretRef"}},
		"unknown key":   {source.Bucket{Bucket: "code", Key: "tree/", Endpoint: closed}, keys, source.ReasonSourceForbidden, []string{"source.s3.secretRef"}},
		"half a Secret": {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: open}, map[string]string{"accesskey": "a"}, source.ReasonSecretInvalid, []string{"AWS_SECRET_ACCESS_KEY", "it has: accesskey"}},
		"other Secret":  {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: open}, map[string]string{"token": "hunter2"}, source.ReasonSecretInvalid, []string{"it has: token"}},
		"other region": {
			source.Bucket{Bucket: "code", Key: "code.py", Endpoint: answer(http.StatusMovedPermanently, "http://169.254.169.254/", "<Error><Code>PermanentRedirect</Code></Error>")},
			nil, source.ReasonSourceNotFound,
			[]string{"source.s3.region"},
		},
		"server fails": {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: answer(http.StatusInternalServerError, "", "")}, nil, source.ReasonSourceUnavailable, []string{"500"}},
		"not allowed":  {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: "http://10.1.2.3:9000"}, nil, source.ReasonSourceRefused, []string{"10.1.2.3", "allowed-networks"}},
		"metadata":     {source.Bucket{Bucket: "code", Key: "code.py", Endpoint: "http://169.254.169.254"}, nil, source.ReasonSourceRefused, []string{"169.254.169.254"}},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, test.secret), source.Source{S3: &test.b}).wantFailure(t, test.reason, test.want...)
		})
	}
}

// serveGCS serves the bucket code to who has a token, and hands that out to a service account.
func serveGCS(t testing.TB, token string) *httptest.Server {
	t.Helper()
	all := objects(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, req *http.Request) {
		if req.FormValue("assertion") == "" {
			http.Error(w, "no assertion", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, token)
	})
	allowed := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if token != "" && req.Header.Get("Authorization") != "Bearer "+token {
				http.Error(w, "no", http.StatusUnauthorized)
				return
			}
			next(w, req)
		}
	}
	mux.HandleFunc("GET /storage/v1/b/{bucket}/o", allowed(func(w http.ResponseWriter, req *http.Request) {
		var items []map[string]any
		for name, text := range all {
			if strings.HasPrefix(name, req.FormValue("prefix")) && req.PathValue("bucket") == "code" {
				items = append(items, map[string]any{"name": name, "bucket": "code", "size": strconv.Itoa(len(text))})
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"kind": "storage#objects", "items": items})
	}))
	mux.HandleFunc("GET /", allowed(func(w http.ResponseWriter, req *http.Request) {
		path, err := url.PathUnescape(strings.TrimPrefix(req.URL.EscapedPath(), "/"))
		bucket, key, _ := strings.Cut(path, "/")
		text, ok := all[key]
		if err != nil || bucket != "code" || !ok {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			return
		}
		w.Header().Set("X-Goog-Generation", "1234567890")
		w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 00:00:00 GMT")
		io.WriteString(w, text)
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// serviceAccount is a key.json that asks tokenURL for tokens.
func serviceAccount(t testing.TB, tokenURL string) string {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal("failed to make key:", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "builder@example.com", "private_key_id": "1", "private_key": string(key), "token_uri": tokenURL,
	})
	if err != nil {
		t.Fatal("failed to encode key:", err)
	}
	return string(text)
}

func TestGCS(t *testing.T) {
	server := serveGCS(t, "hunter2token")
	secret := map[string]string{keyGCS: serviceAccount(t, server.URL+"/token")}
	for name, test := range map[string]struct {
		key, revision string
		want          map[string]string
	}{
		"object": {"code.py", "1234567890", map[string]string{"main.py": "code\n"}},
		"zip":    {"fn.zip", "1234567890", tree},
		"folder": {"tree/", "", tree},
	} {
		t.Run(name, func(t *testing.T) {
			got := fetch(t, testOptions(t, secret), source.Source{GCS: &source.Bucket{Bucket: "code", Key: test.key, Endpoint: server.URL}})
			if test.revision == "" {
				test.revision = got.result.Revision
			}
			got.want(t, test.revision, test.want)
		})
	}
	t.Run("public", func(t *testing.T) {
		// The name of another identity's file would be read, if that were asked for.
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
		public := serveGCS(t, "")
		fetch(t, testOptions(t, nil), source.Source{GCS: &source.Bucket{Bucket: "code", Key: "code.py", Endpoint: public.URL}}).
			want(t, "1234567890", map[string]string{"main.py": "code\n"})
	})
}

func TestGCSFails(t *testing.T) {
	server := serveGCS(t, "hunter2token")
	good := serviceAccount(t, server.URL+"/token")
	for name, test := range map[string]struct {
		bucket, key string
		secret      map[string]string
		reason      source.Reason
		want        string
	}{
		"no object":     {"code", "none.py", map[string]string{keyGCS: good}, source.ReasonSourceNotFound, `no object "none.py"`},
		"no folder":     {"code", "none/", map[string]string{keyGCS: good}, source.ReasonSourceNotFound, `below "none/"`},
		"nobody":        {"code", "code.py", nil, source.ReasonSourceForbidden, "source.gcs.secretRef"},
		"nobody, list":  {"code", "tree/", nil, source.ReasonSourceForbidden, "source.gcs.secretRef"},
		"no key":        {"code", "code.py", map[string]string{"key": "hunter2"}, source.ReasonSecretInvalid, "it has: key"},
		"no account":    {"code", "code.py", map[string]string{keyGCS: `{"type": "external_account", "token_url": "https://a"}`}, source.ReasonSecretInvalid, "key.json"},
		"token address": {"code", "code.py", map[string]string{keyGCS: serviceAccount(t, "http://169.254.169.254/token")}, source.ReasonSourceRefused, "169.254.169.254"},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, test.secret), source.Source{GCS: &source.Bucket{Bucket: test.bucket, Key: test.key, Endpoint: server.URL}}).
				wantFailure(t, test.reason, test.want)
		})
	}
}
