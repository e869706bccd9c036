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

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/go-git/go-git/v5/storage/memory"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/ssh"
)

// put gives a server content as tests do.
func put(t *testing.T, c container, name string, files map[string][]byte) string {
	t.Helper()
	body, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	admin(c, nil, &traffic{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodPut, "/content/"+name, bytes.NewReader(body)))
	if recorder.Code != http.StatusOK {
		t.Fatalf("PUT %s = %d %s", name, recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func runGit(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Env = append(os.Environ(), append(env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// wantClone clones, and looks at the commit and the one file.
func wantClone(t *testing.T, env []string, url, commit, content string) {
	t.Helper()
	work := filepath.Join(t.TempDir(), "clone")
	if out, err := runGit(t, env, "clone", "-q", url, work); err != nil {
		t.Fatalf("git clone %s: %v\n%s", url, err, out)
	}
	if got, err := runGit(t, nil, "-C", work, "rev-parse", "HEAD", "origin/main"); err != nil || got != commit+"\n"+commit+"\n" {
		t.Errorf("HEAD and main = %q, %v, want %s", got, err, commit)
	}
	if got, err := os.ReadFile(filepath.Join(work, "fn", "main.py")); err != nil || string(got) != content {
		t.Errorf("fn/main.py = %q, %v, want %q", got, err, content)
	}
}

func TestGitOverHTTPS(t *testing.T) {
	r := newRepositories()
	s := &settings{username: "me", password: "hunter2"}
	server := httptest.NewTLSServer(s.authenticated(r))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"GIT_SSL_CAINFO=" + ca}
	address := strings.Replace(server.URL, "https://", "https://me:hunter2@", 1) + "/org/code.git"

	if out, err := runGit(t, env, "ls-remote", address); err == nil || !strings.Contains(out, "not found") {
		t.Errorf("a missing repository is listed: %s %v", out, err)
	}
	first := put(t, r, "org/code.git", map[string][]byte{"fn/main.py": []byte("one\n"), "old.py": nil})
	wantClone(t, env, address, first, "one\n")
	second := put(t, r, "org/code.git", map[string][]byte{"fn/main.py": []byte("two\n")})
	wantClone(t, env, address, second, "two\n")
	if first == second {
		t.Error("both commits are", first)
	}
	if out, err := runGit(t, env, "clone", "-q", server.URL+"/org/code.git", t.TempDir()+"/x"); err == nil {
		t.Errorf("git clone without a login succeeded: %s", out)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/info/refs?service=git-receive-pack", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status of a push = %d, want %d", response.StatusCode, http.StatusForbidden)
	}
}

// newKey returns a private key as in a file, and the public one as in authorized_keys.
func newKey(t *testing.T) (private, public []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(signer.PublicKey())
}

func TestGitOverSSH(t *testing.T) {
	r := newRepositories()
	host, hostPublic := newKey(t)
	user, userPublic := newKey(t)
	stranger, _ := newKey(t)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &settings{hostKey: host, authorized: userPublic}
	go func() { _ = s.serveSSH(context.Background(), listener, r) }()
	commit := put(t, r, "org/code.git", map[string][]byte{"fn/main.py": []byte("one\n")})

	for name, test := range map[string]struct {
		key []byte
		err string
	}{
		"user":     {key: user},
		"stranger": {key: stranger, err: "unable to authenticate"},
	} {
		t.Run(name, func(t *testing.T) {
			auth, err := gitssh.NewPublicKeys("git", test.key, "")
			if err != nil {
				t.Fatal(err)
			}
			known, _, _, _, err := ssh.ParseAuthorizedKey(hostPublic)
			if err != nil {
				t.Fatal(err)
			}
			auth.HostKeyCallback = ssh.FixedHostKey(known)
			tree := memfs.New()
			clone, err := git.CloneContext(t.Context(), memory.NewStorage(), tree, &git.CloneOptions{
				URL: "ssh://git@" + listener.Addr().String() + "/org/code.git", Auth: auth,
			})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("clone = %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if head, err := clone.Head(); err != nil || head.Hash().String() != commit || head.Name() != plumbing.Main {
				t.Errorf("HEAD = %v, %v, want main at %s", head, err, commit)
			}
			if got, err := util.ReadFile(tree, "fn/main.py"); err != nil || string(got) != "one\n" {
				t.Errorf("fn/main.py = %q, %v", got, err)
			}
		})
	}
}

func TestS3(t *testing.T) {
	b := newBuckets()
	s := &settings{username: "id", password: "hunter2"}
	server := httptest.NewServer(s.signed(b.handler()))
	t.Cleanup(server.Close)
	put(t, b, "code", map[string][]byte{"fn/main.py": []byte("one"), "old.py": nil})
	put(t, b, "code", map[string][]byte{"fn/main.py": []byte("two")})
	for _, test := range []struct {
		name, path, authorization, want string
		status                          int
	}{
		{name: "object", path: "/code/fn/main.py", authorization: "AWS4-HMAC-SHA256 Credential=id/20261124/us-east-1/s3/aws4_request", want: "two", status: http.StatusOK},
		{name: "replaced", path: "/code/old.py", authorization: "AWS4-HMAC-SHA256 Credential=id/20261124/us-east-1/s3/aws4_request", want: "NoSuchKey", status: http.StatusNotFound},
		{name: "other key", path: "/code/fn/main.py", authorization: "AWS4-HMAC-SHA256 Credential=other/20261124/us-east-1/s3/aws4_request", want: "InvalidAccessKeyId", status: http.StatusForbidden},
		{name: "unsigned", path: "/code/fn/main.py", want: "AccessDenied", status: http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.authorization != "" {
				request.Header.Set("Authorization", test.authorization)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status || !strings.Contains(string(body), test.want) {
				t.Errorf("GET = %d %s, %v, want %d with %q", response.StatusCode, body, err, test.status, test.want)
			}
		})
	}
}

func TestRegistry(t *testing.T) {
	handler, err := newRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &settings{username: "me", password: "hunter2"}
	server := httptest.NewTLSServer(s.authenticated(handler))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(address.Host + "/fn/code:1")
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	transport := remote.WithTransport(server.Client().Transport)
	login := remote.WithAuth(&authn.Basic{Username: "me", Password: "hunter2"})
	if err := remote.Write(tag, image, transport, login); err != nil {
		t.Fatal("failed to push:", err)
	}
	if _, err := remote.Get(tag, transport, login); err != nil {
		t.Error("failed to pull:", err)
	}
	if _, err := remote.Get(tag, transport); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a pull without a login = %v, want 401", err)
	}
}

func TestFaults(t *testing.T) {
	handler, err := newRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &faults{}
	server := httptest.NewServer(f.before(handler))
	t.Cleanup(server.Close)
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/fn/code:1")
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	once := remote.WithRetryPredicate(func(error) bool { return false })
	status := remote.WithRetryStatusCodes() // none
	for _, test := range []struct{ body, push, pull string }{
		{body: `{"status":401}`, push: "401 Unauthorized", pull: "UNAUTHORIZED"},
		{body: `{"status":403,"onlyPushes":true}`, push: "DENIED"},
		{body: `{"status":404,"onlyPushes":true}`, push: "NAME_UNKNOWN"},
		{body: `{"status":429}`, push: "TOOMANYREQUESTS", pull: "TOOMANYREQUESTS"},
		{body: `{"status":500}`, push: "500", pull: "500"},
		{body: `{}`},
	} {
		recorder := httptest.NewRecorder()
		admin(nil, f, &traffic{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodPut, "/fault", strings.NewReader(test.body)))
		if recorder.Code != http.StatusOK {
			t.Fatalf("PUT /fault = %d %s", recorder.Code, recorder.Body)
		}
		wantFailure(t, test.body+" push", remote.Write(tag, image, once, status), test.push)
		if test.pull != "" || test.push == "" {
			_, err := remote.Get(tag, once, status)
			wantFailure(t, test.body+" pull", err, test.pull)
		}
	}
}

// wantFailure looks for text in an error, or for none.
func wantFailure(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s = %v, want %q", what, err, want)
	}
}

func TestAdmin(t *testing.T) {
	for _, test := range []struct {
		name, method, path, body string
		container                container
		faults                   *faults
		want                     int
	}{
		{name: "health", method: http.MethodGet, path: "/health", want: http.StatusOK},
		{name: "no container", method: http.MethodPut, path: "/content/a", body: "{}", want: http.StatusNotFound},
		{name: "no JSON", method: http.MethodPut, path: "/content/a", body: "{", container: newBuckets(), want: http.StatusBadRequest},
		{name: "no name", method: http.MethodPut, path: "/content/code", body: `{"":""}`, container: newRepositories(), want: http.StatusInternalServerError},
		{name: "fault", method: http.MethodPut, path: "/fault", body: `{"status":500}`, faults: &faults{}, want: http.StatusOK},
		{name: "fault that is no JSON", method: http.MethodPut, path: "/fault", body: "{", faults: &faults{}, want: http.StatusBadRequest},
		{name: "fault that is none", method: http.MethodPut, path: "/fault", body: `{"status":200}`, faults: &faults{}, want: http.StatusBadRequest},
		{name: "fault of what has none", method: http.MethodPut, path: "/fault", body: `{"status":500}`, want: http.StatusNotFound},
		{name: "get", method: http.MethodGet, path: "/content/a", container: newBuckets(), want: http.StatusMethodNotAllowed},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			admin(test.container, test.faults, &traffic{}).ServeHTTP(recorder, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if recorder.Code != test.want {
				t.Errorf("status = %d %s, want %d", recorder.Code, recorder.Body, test.want)
			}
		})
	}
}

func TestReadSettings(t *testing.T) {
	folder := t.TempDir()
	if got, err := readSettings(folder); err != nil || got.certificate != "" || got.username != "" {
		t.Errorf("readSettings() of nothing = %+v, %v", got, err)
	}
	for key, value := range map[string]string{"tls.crt": "c", "tls.key": "k", "username": "me", "password": "hunter2"} {
		if err := os.WriteFile(filepath.Join(folder, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readSettings(folder)
	if err != nil || got.certificate != filepath.Join(folder, "tls.crt") || got.username != "me" || got.password != "hunter2" {
		t.Errorf("readSettings() = %+v, %v", got, err)
	}
	if err := serve("ftp", got); err == nil || !strings.Contains(err.Error(), "name git, s3, gcs, registry, otlp, model or agent") {
		t.Errorf("serve(ftp) = %v", err)
	}
}

// TestTraffic counts connections and not requests, and sends elsewhere only whom it should.
func TestTraffic(t *testing.T) {
	s := &settings{}
	listener, err := s.traffic.listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := server("", s.traffic.redirecting(http.NotFoundHandler()))
	go func() { _ = serving.Serve(listener) }()
	t.Cleanup(func() { serving.Close() })
	ask := func(method, path, body string) string {
		recorder := httptest.NewRecorder()
		admin(nil, nil, &s.traffic).ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
		if recorder.Code != http.StatusOK {
			t.Errorf("%s %s = %d %s", method, path, recorder.Code, recorder.Body)
		}
		return recorder.Body.String()
	}
	if got := ask(http.MethodGet, "/connections", ""); got != "0" {
		t.Errorf("connections = %s before there was one", got)
	}
	ask(http.MethodPut, "/redirects/org/moved.git", "https://example.com/new.git")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{
		"/org/moved.git/info/refs?service=git-upload-pack": "https://example.com/new.git/info/refs?service=git-upload-pack",
		"/org/moved.git/HEAD":                              "https://example.com/new.git/HEAD",
		"/org/moved.gitx/a":                                "",
		"/org/moved.git":                                   "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
	if got := ask(http.MethodGet, "/connections", ""); got == "0" {
		t.Error("no connection was counted")
	}
}
