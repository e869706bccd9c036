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
	"context"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// testOptions allow what only tests need.
func testOptions(t testing.TB, secret map[string]string) *Options {
	t.Helper()
	return &Options{
		CredentialsDir: mountSecret(t, secret),
		Policy:         netguard.Policy{Loopback: true},
		Timeout:        time.Minute,
		MaxBytes:       16 << 20,
	}
}

// mountSecret lays a Secret out as kubelet does.
func mountSecret(t testing.TB, secret map[string]string) string {
	t.Helper()
	if secret == nil {
		return ""
	}
	dir := t.TempDir()
	err := os.Mkdir(filepath.Join(dir, "..2026"), 0o700)
	for key, value := range secret {
		err = errors.Join(err,
			os.WriteFile(filepath.Join(dir, "..2026", key), []byte(value), 0o600),
			os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)),
		)
	}
	if err := errors.Join(err, os.Symlink("..2026", filepath.Join(dir, "..data"))); err != nil {
		t.Fatal("failed to mount Secret:", err)
	}
	return dir
}

// fetched is the outcome of a fetch.
type fetched struct {
	files  map[string]string
	result source.Result
	err    error
}

// fetch makes the context of a plan, and returns the function's files.
func fetch(t testing.TB, o *Options, s source.Source, change ...func(*source.Plan)) fetched {
	t.Helper()
	return fetchBy(t, s, o.Fetch, change...)
}

// fetchBy is fetch by another way.
func fetchBy(t testing.TB, s source.Source, by source.Fetch, change ...func(*source.Plan)) fetched {
	t.Helper()
	plan := &source.Plan{
		Version: source.PlanVersion, Language: "python", LanguageVersion: "3.13", Handler: "main.handler",
		BaseImage: "docker.io/library/python:3.13-slim", RuntimeImage: "registry.example.com/runtime:1", FetchImage: "registry.example.com/fetch:1",
		Source: s,
	}
	for _, c := range change {
		c(plan)
	}
	dir := t.TempDir()
	limits := source.Limits{Files: 100, Bytes: 1 << 20}
	f := fetched{files: map[string]string{}}
	f.result, f.err = source.FetchContext(t.Context(), plan, dir, limits, by)
	top := filepath.Join(dir, "function")
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		f.files[strings.TrimPrefix(path, top+"/")] = string(content)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error("failed to read context:", err)
	}
	return f
}

func (f fetched) want(t *testing.T, revision string, files map[string]string) {
	t.Helper()
	if f.err != nil {
		t.Fatal("FetchContext() =", f.err)
	}
	if f.result.Revision != revision {
		t.Errorf("revision = %q, want %q", f.result.Revision, revision)
	}
	if diff := cmp.Diff(files, f.files); diff != "" {
		t.Errorf("files (-want, +got) =\n%s", diff)
	}
}

func (f fetched) wantFailure(t *testing.T, reason source.Reason, texts ...string) {
	t.Helper()
	if f.err == nil {
		t.Fatalf("no error, want %s", reason)
	}
	if got := source.ReasonOf(f.err); got != reason {
		t.Errorf("reason of %v = %s, want %s", f.err, got, reason)
	}
	for _, text := range texts {
		if !strings.Contains(f.err.Error(), text) {
			t.Errorf("error = %q, want %q in it", f.err, text)
		}
	}
	for _, secret := range []string{"hunter2", "PRIVATE KEY"} {
		if strings.Contains(f.err.Error(), secret) {
			t.Errorf("error = %q, which tells a secret", f.err)
		}
	}
}

// repo is a repository on disk, served from the folder it is in.
type repo struct {
	root string
	// commits are those of main, the first one first.
	commits []string
}

var lfsPointer = lfsHead + "v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 12345\n"

// gitCommand runs git, and keeps it from the configuration of whoever runs the tests.
func gitCommand(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// newRepo makes a repository of two commits, with branches, tags, and all kinds of entries.
func newRepo(t testing.TB) *repo {
	t.Helper()
	work := t.TempDir()
	r := &repo{root: t.TempDir()}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal("failed to write file:", err)
		}
	}
	commit := func() {
		t.Helper()
		gitCommand(t, work, "add", "-A")
		gitCommand(t, work, "commit", "-qm", "change")
		r.commits = append(r.commits, gitCommand(t, work, "rev-parse", "HEAD"))
	}
	gitCommand(t, work, "init", "-q", "-b", "main")
	write("main.py", "one\n", 0o644)
	commit()
	gitCommand(t, work, "tag", "light")
	gitCommand(t, work, "branch", "feature/x")
	write("main.py", "two\n", 0o644)
	write("requirements.txt", "requests\n", 0o644)
	write("bin/run", "#!\n", 0o755)
	write("fn/app.py", "app\n", 0o644)
	write("fn/lib.py", "lib\n", 0o644)
	write("other/main.py", "main\n", 0o644)
	write("other/app.py", "app\n", 0o644)
	write("model.bin", lfsPointer, 0o644)
	if err := os.Symlink("fn/lib.py", filepath.Join(work, "lib.py")); err != nil {
		t.Fatal("failed to link:", err)
	}
	gitCommand(t, work, "update-index", "--add", "--cacheinfo", "160000,"+r.commits[0]+",vendored")
	gitCommand(t, work, "add", "-A", "--", "main.py", "requirements.txt", "bin", "fn", "other", "model.bin", "lib.py")
	gitCommand(t, work, "commit", "-qm", "change")
	r.commits = append(r.commits, gitCommand(t, work, "rev-parse", "HEAD"))
	gitCommand(t, work, "tag", "-a", "-m", "release", "v1")
	gitCommand(t, work, "checkout", "-q", "-b", "escape")
	if err := os.Symlink("/var/run/secrets/kubernetes.io/serviceaccount/token", filepath.Join(work, "token")); err != nil {
		t.Fatal("failed to link:", err)
	}
	gitCommand(t, work, "add", "token")
	gitCommand(t, work, "commit", "-qm", "change")
	gitCommand(t, work, "clone", "-q", "--bare", work, filepath.Join(r.root, "org", "repo.git"))
	gitCommand(t, r.root, "init", "-q", "--bare", filepath.Join(r.root, "empty.git"))
	return r
}

// all are the files of the second commit.
func all() map[string]string {
	return map[string]string{
		"main.py": "two\n", "requirements.txt": "requests\n", "bin/run": "#!\n", "fn/app.py": "app\n", "fn/lib.py": "lib\n",
		"other/main.py": "main\n", "other/app.py": "app\n", "model.bin": lfsPointer, "lib.py": "lib\n",
	}
}

// serveHTTPS serves repositories by git's own program, to those who know the login, if there is one.
func (r *repo) serveHTTPS(t testing.TB, logins ...string) (server *httptest.Server, ca string) {
	t.Helper()
	backend := &cgi.Handler{
		Path:   filepath.Join(gitCommand(t, r.root, "--exec-path"), "git-http-backend"),
		Stderr: io.Discard,
		Env:    []string{"GIT_PROJECT_ROOT=" + r.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"},
	}
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		if len(logins) > 0 && !slices.Contains(logins, user+":"+password) {
			if user == "forbidden" {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, certificateOf(server)
}

// certificateOf is what vouches for a server, in PEM.
func certificateOf(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func gitSource(url, ref, path string) source.Source {
	return source.Source{Git: &source.Git{URL: url, Ref: ref, Path: path}}
}

func TestGitRefs(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t)
	first := map[string]string{"main.py": "one\n"}
	for name, test := range map[string]struct {
		ref   string
		want  string
		files map[string]string
	}{
		"branch":        {"main", r.commits[1], all()},
		"other branch":  {"feature/x", r.commits[0], first},
		"in full":       {"refs/heads/feature/x", r.commits[0], first},
		"tag":           {"v1", r.commits[1], all()},
		"light tag":     {"light", r.commits[0], first},
		"HEAD":          {"HEAD", gitCommand(t, filepath.Join(r.root, "org", "repo.git"), "rev-parse", "HEAD"), nil},
		"tip":           {r.commits[1], r.commits[1], all()},
		"commit":        {r.commits[0], r.commits[0], first},
		"short commit":  {r.commits[0][:8], r.commits[0], first},
		"short and tip": {r.commits[1][:7], r.commits[1], all()},
	} {
		t.Run(name, func(t *testing.T) {
			got := fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", test.ref, ""))
			if name == "HEAD" {
				// The clone's HEAD is the branch with the link that is refused.
				got.wantFailure(t, source.ReasonInvalidPath, "token")
				return
			}
			got.want(t, test.want, test.files)
		})
	}
}

// A commit that no branch is at is asked for by itself, where the server answers that.
func TestGitCommitOfServerThatTells(t *testing.T) {
	r := newRepo(t)
	bare := filepath.Join(r.root, "org", "repo.git")
	gitCommand(t, bare, "config", "uploadpack.allowReachableSHA1InWant", "true")
	gitCommand(t, bare, "branch", "-D", "feature/x")
	gitCommand(t, bare, "tag", "-d", "light")
	server, ca := r.serveHTTPS(t)
	o := testOptions(t, map[string]string{keyCA: ca})
	fetch(t, o, gitSource(server.URL+"/org/repo.git", r.commits[0], "")).want(t, r.commits[0], map[string]string{"main.py": "one\n"})
	missing := strings.Repeat("12345678", 5)
	fetch(t, o, gitSource(server.URL+"/org/repo.git", missing, "")).wantFailure(t, source.ReasonRefNotFound, missing, "it has: escape, main, v1")
}

func TestGitPaths(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t)
	for name, test := range map[string]struct {
		path, handler string
		files         map[string]string
	}{
		"folder":            {"fn", "main.handler", map[string]string{"app.py": "app\n", "lib.py": "lib\n"}},
		"file":              {"fn/app.py", "main.handler", map[string]string{"main.py": "app\n", "lib.py": "lib\n"}},
		"file of handler":   {"fn/app.py", "app.handler", map[string]string{"app.py": "app\n", "lib.py": "lib\n"}},
		"file beside main":  {"other/app.py", "main.handler", map[string]string{"app.py": "app\n", "main.py": "main\n"}},
		"file at the top":   {"main.py", "main.handler", all()},
		"executable folder": {"bin", "main.handler", map[string]string{"run": "#!\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", "main", test.path),
				func(p *source.Plan) { p.Handler = test.handler }).want(t, r.commits[1], test.files)
		})
	}
}

func TestGitNotes(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t)
	got := fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", "main", ""))
	got.want(t, r.commits[1], all())
	notes := strings.Join(got.result.Notes, "\n")
	for _, want := range []string{`"model.bin" is in git-lfs`, `"vendored" is a submodule`} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes = %q, want %q", notes, want)
		}
	}
}

func TestGitLogins(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t, "me:hunter2", "x-access-token:hunter2", "oauth2:hunter2", "git:hunter2")
	for name, secret := range map[string]map[string]string{
		"password":       {"username": "me", "password": "hunter2\n"},
		"password alone": {"password": "hunter2"},
		"token":          {"token": "hunter2"},
		"token and name": {"token": "hunter2", "username": "me"},
		"GitHub":         {"github-token": "hunter2"},
		"GitLab":         {"gitlab-token": "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			secret[keyCA] = ca
			fetch(t, testOptions(t, secret), gitSource(server.URL+"/org/repo.git", "v1", "fn")).
				want(t, r.commits[1], map[string]string{"app.py": "app\n", "lib.py": "lib\n"})
		})
	}
	t.Run("in the URL", func(t *testing.T) {
		url := strings.Replace(server.URL, "https://", "https://me:hunter2@", 1)
		fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(url+"/org/repo.git", "light", "")).
			want(t, r.commits[0], map[string]string{"main.py": "one\n"})
	})
}

func TestGitFails(t *testing.T) {
	r := newRepo(t)
	open, openCA := r.serveHTTPS(t)
	closed, closedCA := r.serveHTTPS(t, "me:hunter2")
	gone, goneCA := r.serveHTTPS(t)
	gone.Close()
	failing := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer failing.Close()
	noGit := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer noGit.Close()
	for name, test := range map[string]struct {
		url, ref, path string
		secret         map[string]string
		reason         source.Reason
		want           []string
	}{
		"no repository":    {open.URL + "/org/none.git", "main", "", map[string]string{keyCA: openCA}, source.ReasonSourceNotFound, []string{"/org/none.git", "source.git.secretRef"}},
		"empty repository": {open.URL + "/empty.git", "main", "", map[string]string{keyCA: openCA}, source.ReasonRefNotFound, []string{"has no commits yet"}},
		"no branch": {
			open.URL + "/org/repo.git", "mian", "",
			map[string]string{keyCA: openCA},
			source.ReasonRefNotFound,
			[]string{`no branch, tag or commit "mian"`, "escape, feature/x, main, light, v1"},
		},
		"no commit":       {open.URL + "/org/repo.git", "abcdef0123", "", map[string]string{keyCA: openCA}, source.ReasonRefNotFound, []string{`"abcdef0123"`}},
		"no path":         {open.URL + "/org/repo.git", "main", "fn/none", map[string]string{keyCA: openCA}, source.ReasonSourceNotFound, []string{`no "fn/none"`, "app.py, lib.py"}},
		"no folder":       {open.URL + "/org/repo.git", "main", "none/app.py", map[string]string{keyCA: openCA}, source.ReasonSourceNotFound, []string{`no folder "none"`, "main.py"}},
		"path is a link":  {open.URL + "/org/repo.git", "main", "lib.py", map[string]string{keyCA: openCA}, source.ReasonSourceNotFound, []string{"a link or a submodule"}},
		"link to secrets": {open.URL + "/org/repo.git", "escape", "", map[string]string{keyCA: openCA}, source.ReasonInvalidPath, []string{`"token" to "/var/run/secrets`}},
		"nobody":          {closed.URL + "/org/repo.git", "main", "", map[string]string{keyCA: closedCA}, source.ReasonSourceForbidden, []string{"source.git.secretRef"}},
		"wrong password":  {closed.URL + "/org/repo.git", "main", "", map[string]string{keyCA: closedCA, "username": "you", "password": "hunter2"}, source.ReasonSourceForbidden, nil},
		"forbidden":       {closed.URL + "/org/repo.git", "main", "", map[string]string{keyCA: closedCA, "username": "forbidden", "password": "hunter2"}, source.ReasonSourceForbidden, nil},
		"password in URL": {"https://you:hunter2@" + strings.TrimPrefix(closed.URL, "https://") + "/org/repo.git", "main", "", map[string]string{keyCA: closedCA}, source.ReasonSourceForbidden, nil},
		"other keys":      {closed.URL + "/org/repo.git", "main", "", map[string]string{"pass": "hunter2"}, source.ReasonSecretInvalid, []string{"it has: pass", "gitlab-token"}},
		"authority":       {open.URL + "/org/repo.git", "main", "", nil, source.ReasonCertificateInvalid, []string{"ca.crt"}},
		"bad authority":   {open.URL + "/org/repo.git", "main", "", map[string]string{keyCA: "hunter2"}, source.ReasonSecretInvalid, []string{"ca.crt"}},
		"server is gone":  {gone.URL + "/org/repo.git", "main", "", map[string]string{keyCA: goneCA}, source.ReasonSourceUnavailable, []string{"refused"}},
		"server fails":    {failing.URL + "/org/repo.git", "main", "", map[string]string{keyCA: certificateOf(failing)}, source.ReasonSourceUnavailable, []string{"502"}},
		"no git":          {noGit.URL + "/org/repo.git", "main", "", map[string]string{keyCA: certificateOf(noGit)}, source.ReasonSourceUnavailable, nil},
		"no such host":    {"https://git.invalid/org/repo.git", "main", "", nil, source.ReasonSourceUnavailable, []string{`no server "git.invalid"`}},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, test.secret), gitSource(test.url, test.ref, test.path)).wantFailure(t, test.reason, test.want...)
		})
	}
}

func TestGitRefusesAddresses(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t)
	elsewhere := httptest.NewTLSServer(http.RedirectHandler("https://10.0.0.2:1/org/repo.git/info/refs?service=git-upload-pack", http.StatusFound))
	defer elsewhere.Close()
	elsewhereCA := certificateOf(elsewhere)

	t.Run("loopback", func(t *testing.T) {
		o := testOptions(t, map[string]string{keyCA: ca})
		o.Policy.Loopback = false
		fetch(t, o, gitSource(server.URL+"/org/repo.git", "main", "")).wantFailure(t, source.ReasonSourceRefused, "127.0.0.1")
	})
	t.Run("API server", func(t *testing.T) {
		t.Setenv(apiServerEnv, "127.0.0.1")
		fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", "main", "")).
			wantFailure(t, source.ReasonSourceRefused, "API server")
	})
	t.Run("API server by its name", func(t *testing.T) {
		t.Setenv(apiServerEnv, "localhost")
		fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", "main", "")).
			wantFailure(t, source.ReasonSourceRefused, "API server")
	})
	t.Run("API server that cannot be told from others", func(t *testing.T) {
		t.Setenv(apiServerEnv, "api.invalid")
		fetch(t, testOptions(t, map[string]string{keyCA: ca}), gitSource(server.URL+"/org/repo.git", "main", "")).
			wantFailure(t, source.ReasonSourceUnavailable, `"api.invalid"`)
	})
	t.Run("redirect", func(t *testing.T) {
		fetch(t, testOptions(t, map[string]string{keyCA: elsewhereCA}), gitSource(elsewhere.URL+"/org/repo.git", "main", "")).
			wantFailure(t, source.ReasonSourceRefused, "10.0.0.2")
	})
	for _, url := range []string{"ssh://git@169.254.169.254/repo", "git@127.1:org/repo", "git://0x7f.1/repo", "http://metadata.svc.cluster.local./x"} {
		t.Run(url, func(t *testing.T) {
			secret := map[string]string{keySSHKey: newKey(t).private, keyKnownHosts: "* " + newKey(t).public}
			if !strings.Contains(url, "@") {
				secret = nil
			}
			got := fetch(t, testOptions(t, secret), gitSource(url, "main", ""))
			if strings.HasPrefix(url, "http:") {
				got.wantFailure(t, source.ReasonSourceUnavailable)
				return
			}
			got.wantFailure(t, source.ReasonSourceRefused)
		})
	}
}

func TestGitLimits(t *testing.T) {
	r := newRepo(t)
	server, ca := r.serveHTTPS(t)
	work := t.TempDir()
	gitCommand(t, work, "clone", "-q", filepath.Join(r.root, "org", "repo.git"), ".")
	if err := os.WriteFile(filepath.Join(work, "zeros"), make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal("failed to write file:", err)
	}
	gitCommand(t, work, "add", "zeros")
	gitCommand(t, work, "commit", "-qm", "bomb")
	gitCommand(t, work, "push", "-q", "origin", "HEAD:refs/heads/bomb")

	for name, test := range map[string]struct {
		change func(*Options)
		ref    string
		reason source.Reason
		want   string
	}{
		"download":   {func(o *Options) { o.MaxBytes = 300 }, "main", source.ReasonSourceTooLarge, "would be downloaded"},
		"unpacked":   {func(o *Options) { o.MaxBytes = 1 << 20 }, "bomb", source.ReasonSourceTooLarge, "unpacks to more than"},
		"files":      {func(*Options) {}, "bomb", source.ReasonSourceTooLarge, "more than 1048576 bytes"},
		"time":       {func(o *Options) { o.Timeout = time.Nanosecond }, "main", source.ReasonSourceTimeout, "longer than 1ns"},
		"no Secret":  {func(o *Options) { o.CredentialsDir = "/nowhere" }, "main", source.ReasonInternal, "failed to read credentials"},
		"everything": {func(o *Options) { o.MaxBytes = 0 }, "main", source.ReasonSourceTooLarge, "would be downloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, map[string]string{keyCA: ca})
			test.change(o)
			fetch(t, o, gitSource(server.URL+"/org/repo.git", test.ref, "")).wantFailure(t, test.reason, test.want)
		})
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := testOptions(t, nil)
	s := gitSource("https://127.0.0.1:1/repo", "main", "")
	if _, err := o.Fetch(ctx, &source.Plan{Source: s}, nil); err == nil || source.ReasonOf(err) == source.ReasonSourceTimeout {
		t.Errorf("Fetch() = %v", err)
	}
	if _, err := o.Fetch(t.Context(), &source.Plan{}, nil); source.ReasonOf(err) != source.ReasonInvalidPlan {
		t.Errorf("Fetch() = %v", err)
	}
}
