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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewGit(t *testing.T) {
	for name, test := range map[string]struct {
		url, ref, path string
		want           Git
		remote         GitRemote
		text, address  string
	}{
		"https": {
			url: "https://git.example.com/org/repo.git", want: Git{URL: "https://git.example.com/org/repo.git", Ref: "main"},
			remote: GitRemote{Scheme: "https", Host: "git.example.com", Path: "/org/repo.git"},
			text:   "https://git.example.com/org/repo.git", address: "git.example.com:443",
		},
		"login, port": {
			url: "https://me:pa%40ss@git.example.com:8443/repo", ref: "v1.2", path: "functions/a b/",
			want:   Git{URL: "https://me:pa%40ss@git.example.com:8443/repo", Ref: "v1.2", Path: "functions/a b"},
			remote: GitRemote{Scheme: "https", User: "me", Password: "pa@ss", Host: "git.example.com", Port: 8443, Path: "/repo"},
			text:   "https://git.example.com:8443/repo", address: "git.example.com:8443",
		},
		"scp": {
			url: "git@git.example.com:org/repo.git", ref: "feature/x", path: ".",
			want:   Git{URL: "git@git.example.com:org/repo.git", Ref: "feature/x"},
			remote: GitRemote{Scheme: "ssh", User: "git", Host: "git.example.com", Path: "org/repo.git"},
			text:   "ssh://git.example.com/org/repo.git", address: "git.example.com:22",
		},
		"ssh": {
			url: "SSH://git@git.example.com:2222/org/repo", want: Git{URL: "SSH://git@git.example.com:2222/org/repo", Ref: "main"},
			remote: GitRemote{Scheme: "ssh", User: "git", Host: "git.example.com", Port: 2222, Path: "/org/repo"},
			text:   "ssh://git.example.com:2222/org/repo", address: "git.example.com:2222",
		},
		"git": {
			url: "git://git.example.com/repo", want: Git{URL: "git://git.example.com/repo", Ref: "main"},
			remote: GitRemote{Scheme: "git", Host: "git.example.com", Path: "/repo"},
			text:   "git://git.example.com/repo", address: "git.example.com:9418",
		},
		"of the cluster": {
			url: "http://gitea.git.svc.cluster.local:3000/a/b", want: Git{URL: "http://gitea.git.svc.cluster.local:3000/a/b", Ref: "main"},
			remote: GitRemote{Scheme: "http", Host: "gitea.git.svc.cluster.local", Port: 3000, Path: "/a/b"},
			text:   "http://gitea.git.svc.cluster.local:3000/a/b", address: "gitea.git.svc.cluster.local:3000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			git, err := NewGit(test.url, test.ref, test.path)
			if err != nil {
				t.Fatal("NewGit() =", err)
			}
			if diff := cmp.Diff(test.want, *git); diff != "" {
				t.Errorf("NewGit() (-want, +got) =\n%s", diff)
			}
			remote, err := git.Remote()
			if err != nil {
				t.Fatal("Remote() =", err)
			}
			if diff := cmp.Diff(test.remote, remote); diff != "" {
				t.Errorf("Remote() (-want, +got) =\n%s", diff)
			}
			if remote.String() != test.text || remote.Address() != test.address {
				t.Errorf("remote is %q at %q, want %q at %q", remote, remote.Address(), test.text, test.address)
			}
			wantRoundTrip(t, Source{Git: git})
		})
	}
}

func wantRoundTrip(t *testing.T, s Source) {
	t.Helper()
	plan := helloPlan(func(p *Plan) { p.Source = s })
	data, err := plan.Encode()
	if err != nil {
		t.Fatal("Encode() =", err)
	}
	again, err := Decode(data)
	if err != nil {
		t.Fatal("Decode() =", err)
	}
	if diff := cmp.Diff(plan, again); diff != "" {
		t.Errorf("Decode() (-want, +got) =\n%s", diff)
	}
	if plan.Key() == helloPlan().Key() || !plan.InstallsDependencies() {
		t.Error("the source is not part of the key, or can have no dependencies")
	}
}

func TestNewGitRefuses(t *testing.T) {
	const good = "https://git.example.com/org/repo"
	for name, test := range map[string]struct {
		url, ref, path string
		reason         Reason
		want           string
	}{
		"nothing":           {reason: ReasonInvalidPlan, want: "source.git.url: "},
		"long":              {url: good + strings.Repeat("a", 2048), reason: ReasonInvalidPlan, want: "2048"},
		"space":             {url: good + " x", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"shell":             {url: good + ";id", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"line feed":         {url: good + "\n", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"IPv6":              {url: "https://[2001:4860::1]/repo", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"shell, escaped":    {url: "ssh://git.example.com/a%27%3bid", reason: ReasonInvalidPlan, want: "mean something to a shell"},
		"zero":              {url: "git@git.example.com:a\x00", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"file":              {url: "file:///etc", reason: ReasonInvalidPlan, want: `scheme "file"`},
		"ext":               {url: "ext::sh", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"path":              {url: "/srv/repo", reason: ReasonInvalidPlan, want: `scheme ""`},
		"http":              {url: "http://git.example.com/repo", reason: ReasonInvalidPlan, want: "use https"},
		"http, alike":       {url: "http://git.svc.example.com/repo", reason: ReasonInvalidPlan, want: "use https"},
		"no host":           {url: "https:///repo", reason: ReasonInvalidPlan, want: "name of a server"},
		"host, option":      {url: "ssh://-oProxyCommand=x/repo", reason: ReasonInvalidPlan, want: "source.git.url: "},
		"user, option":      {url: "ssh://-l@git.example.com/repo", reason: ReasonInvalidPlan, want: "begin with -"},
		"repo, option":      {url: "git@git.example.com:-x/repo", reason: ReasonInvalidPlan, want: "begin with -"},
		"no repository":     {url: "https://git.example.com/", reason: ReasonInvalidPlan, want: "has no path"},
		"port":              {url: "https://git.example.com:70000/repo", reason: ReasonInvalidPlan, want: "is not a port"},
		"ref, dots":         {url: good, ref: "a..b", reason: ReasonInvalidPlan, want: "source.git.ref: "},
		"user of git":       {url: "git://me@git.example.com/repo", reason: ReasonInvalidPlan, want: "knows no users"},
		"percent":           {url: "https://git.example.com/%zz", reason: ReasonInvalidPlan, want: "is not a URL"},
		"ref, option":       {url: good, ref: "--upload-pack=x", reason: ReasonInvalidPlan, want: "source.git.ref: "},
		"ref, shell":        {url: good, ref: "main;id", reason: ReasonInvalidPlan, want: "source.git.ref: "},
		"ref, long":         {url: good, ref: strings.Repeat("a", 257), reason: ReasonInvalidPlan, want: "256"},
		"path, parent":      {url: good, path: "a/../b", reason: ReasonInvalidPath, want: "source.git.path: "},
		"path, absolute":    {url: good, path: "/etc", reason: ReasonInvalidPath, want: "source.git.path: "},
		"path, option":      {url: good, path: "-x", reason: ReasonInvalidPath, want: "source.git.path: "},
		"path, double":      {url: good, path: "a//b", reason: ReasonInvalidPath, want: "source.git.path: "},
		"secret not spoken": {url: "https://me:hunter2@git.example.com/a b", reason: ReasonInvalidPlan, want: "source.git.url: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewGit(test.url, test.ref, test.path)
			wantFailure(t, err, test.reason, test.want)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestNewBucket(t *testing.T) {
	for name, test := range map[string]struct {
		kind BucketKind
		give Bucket
		want Bucket
	}{
		"s3": {
			KindS3,
			Bucket{Bucket: "code", Key: "fn/main.py", Region: "us-gov-west-1"},
			Bucket{Bucket: "code", Key: "fn/main.py", Region: "us-gov-west-1"},
		},
		"minio of the cluster": {
			KindMinIO,
			Bucket{Bucket: "code", Key: "/fn/", Endpoint: "minio.minio.svc:9000"},
			Bucket{Bucket: "code", Key: "fn/", Endpoint: "http://minio.minio.svc:9000"},
		},
		"minio elsewhere": {
			KindMinIO,
			Bucket{Bucket: "code", Key: "fn.tar.gz", Endpoint: "minio.example.com"},
			Bucket{Bucket: "code", Key: "fn.tar.gz", Endpoint: "https://minio.example.com"},
		},
		"plain": {
			KindMinIO,
			Bucket{Bucket: "my.code-1", Key: "a b (1)+@=:,'!*.zip", Endpoint: "http://192.0.2.1:9000/"},
			Bucket{Bucket: "my.code-1", Key: "a b (1)+@=:,'!*.zip", Endpoint: "http://192.0.2.1:9000"},
		},
		"gcs": {KindGCS, Bucket{Bucket: "code", Key: "fn.zip"}, Bucket{Bucket: "code", Key: "fn.zip"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewBucket(test.kind, test.give.Bucket, test.give.Key, test.give.Region, test.give.Endpoint)
			if err != nil {
				t.Fatal("NewBucket() =", err)
			}
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Errorf("NewBucket() (-want, +got) =\n%s", diff)
			}
			if got.IsFolder() != strings.HasSuffix(test.want.Key, "/") {
				t.Error("IsFolder() is wrong")
			}
			wantRoundTrip(t, map[BucketKind]Source{KindS3: {S3: got}, KindMinIO: {MinIO: got}, KindGCS: {GCS: got}}[test.kind])
		})
	}
}

func TestNewBucketRefuses(t *testing.T) {
	good := Bucket{Bucket: "code", Key: "main.py", Endpoint: "https://minio.example.com"}
	for name, test := range map[string]struct {
		change func(*Bucket)
		want   string
	}{
		"no bucket":        {func(b *Bucket) { b.Bucket = "" }, "source.minio.bucket: "},
		"upper case":       {func(b *Bucket) { b.Bucket = "Code" }, "source.minio.bucket: "},
		"underscore":       {func(b *Bucket) { b.Bucket = "my_code" }, "source.minio.bucket: "},
		"short bucket":     {func(b *Bucket) { b.Bucket = "ab" }, "source.minio.bucket: "},
		"dots":             {func(b *Bucket) { b.Bucket = "a..b" }, "source.minio.bucket: "},
		"no key":           {func(b *Bucket) { b.Key = "/" }, "source.minio.key: "},
		"shell":            {func(b *Bucket) { b.Key = "a;b" }, "source.minio.key: "},
		"quotes":           {func(b *Bucket) { b.Key = `a"b` }, "source.minio.key: "},
		"long key":         {func(b *Bucket) { b.Key = strings.Repeat("a", 1025) }, "1024"},
		"parent":           {func(b *Bucket) { b.Key = "a/../b" }, "no .."},
		"region":           {func(b *Bucket) { b.Region = "moon" }, "source.minio.region: "},
		"no endpoint":      {func(b *Bucket) { b.Endpoint = "" }, "source.minio.endpoint: is required"},
		"endpoint, user":   {func(b *Bucket) { b.Endpoint = "https://me:hunter2@minio" }, "source.minio.endpoint: "},
		"endpoint, path":   {func(b *Bucket) { b.Endpoint = "minio:9000/code" }, "source.minio.endpoint: "},
		"endpoint, query":  {func(b *Bucket) { b.Endpoint = "minio:9000?" }, "source.minio.endpoint: "},
		"endpoint, scheme": {func(b *Bucket) { b.Endpoint = "ftp://minio" }, "source.minio.endpoint: "},
		"endpoint, port":   {func(b *Bucket) { b.Endpoint = "minio:0" }, "source.minio.endpoint: "},
		"endpoint, colon":  {func(b *Bucket) { b.Endpoint = "minio:" }, "source.minio.endpoint: "},
		"endpoint, shell":  {func(b *Bucket) { b.Endpoint = "minio;id" }, "source.minio.endpoint: "},
	} {
		t.Run(name, func(t *testing.T) {
			b := good
			test.change(&b)
			_, err := NewBucket(KindMinIO, b.Bucket, b.Key, b.Region, b.Endpoint)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("NewBucket() = %v, want %q", err, test.want)
			}
			if reason := ReasonOf(err); reason != ReasonInvalidPlan && reason != ReasonInvalidPath {
				t.Errorf("reason = %s", reason)
			}
		})
	}
}

func TestValidateTakesOneSource(t *testing.T) {
	git := &Git{URL: "https://git.example.com/repo", Ref: "main"}
	bucket := &Bucket{Bucket: "code", Key: "main.py"}
	for name, change := range map[string]func(*Plan){
		"two":     func(p *Plan) { p.Source.Git = git },
		"buckets": func(p *Plan) { p.Source = Source{S3: bucket, GCS: bucket} },
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, helloPlan(change).Validate(), ReasonInvalidPlan, "exactly one of inline, git, s3, minio, gcs, oci is required, not 2")
		})
	}
}

func TestMask(t *testing.T) {
	got := Mask("failed to get https://me:hunter2@git.example.com/a@b: see ssh://git@h and https://x/y")
	if want := "failed to get https://git.example.com/a@b: see ssh://h and https://x/y"; got != want {
		t.Errorf("Mask() = %q, want %q", got, want)
	}
}

func FuzzNewGit(f *testing.F) {
	for _, seed := range []string{"https://a/b", "git@a:b", "ssh://a@[::1]:22/b", "a@b:c:d", "http://a.svc/b", "git@a:ssh://b", "https://a:b@c@d/e", "//a/b", "a:b"} {
		f.Add(seed, "main", "a/b")
	}
	f.Fuzz(func(t *testing.T, url, ref, path string) {
		git, err := NewGit(url, ref, path)
		if err != nil {
			return
		}
		remote, err := git.Remote()
		if err != nil || remote.Host == "" || strings.ContainsAny(remote.Host+remote.Path+remote.User, " '\"`$;|&\n\x00") && remote.Scheme == "ssh" {
			t.Errorf("%q becomes %+v, %v", url, remote, err)
		}
		if strings.Contains(remote.String(), "@") && !strings.Contains(remote.Path, "@") {
			t.Errorf("%q is shown with its user: %s", url, remote)
		}
	})
}
