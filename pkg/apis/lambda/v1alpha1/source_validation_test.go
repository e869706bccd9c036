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

package v1alpha1

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// The shortest sources that are accepted, with changes.

func withGit(change func(*GitSource)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		git := &GitSource{URL: "https://git.example.com/org/repo"}
		change(git)
		fn.Spec.Source = SourceSpec{Type: SourceTypeGit, Git: git}
	}
}

func withGitURL(address string) func(*LambdaFunction) {
	return withGit(func(s *GitSource) { s.URL = address })
}

func withS3(change func(*S3Source)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		s3 := &S3Source{Bucket: "functions", Key: "hello.zip"}
		change(s3)
		fn.Spec.Source = SourceSpec{Type: SourceTypeS3, S3: s3}
	}
}

func withMinIO(change func(*MinIOSource)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		minio := &MinIOSource{Bucket: "functions", Key: "hello.zip"}
		change(minio)
		fn.Spec.Source = SourceSpec{Type: SourceTypeMinIO, MinIO: minio}
	}
}

func withGCS(change func(*GCSSource)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		gcs := &GCSSource{Bucket: "functions", Key: "hello.zip"}
		change(gcs)
		fn.Spec.Source = SourceSpec{Type: SourceTypeGCS, GCS: gcs}
	}
}

func withOCI(change func(*OCISource)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		oci := &OCISource{Repository: "ghcr.io/acme/hello-code"}
		change(oci)
		fn.Spec.Source = SourceSpec{Type: SourceTypeOCI, OCI: oci}
	}
}

func withImage(change func(*ImageSource)) func(*LambdaFunction) {
	return func(fn *LambdaFunction) {
		image := &ImageSource{Repository: "ghcr.io/acme/hello"}
		change(image)
		fn.Spec.Source, fn.Spec.Runtime = SourceSpec{Type: SourceTypeImage, Image: image}, RuntimeSpec{}
	}
}

func TestValidateAcceptsSources(t *testing.T) {
	for name, change := range map[string]func(*LambdaFunction){
		"git over https":                    withGitURL("https://git.example.com/org/repo.git"),
		"git over https with a port":        withGitURL("https://git.example.com:8443/org/repo.git"),
		"git over ssh":                      withGitURL("ssh://git@git.example.com:2222/org/repo.git"),
		"git by its own protocol":           withGitURL("git://git.example.com/repo"),
		"git scp-like":                      withGitURL("git@git.example.com:org/repo.git"),
		"git over http within the cluster":  withGitURL("http://gitea.git.svc.cluster.local:3000/org/repo"),
		"git over http, short name":         withGitURL("http://gitea.git.svc/org/repo"),
		"git on an address":                 withGitURL("https://8.8.8.8/org/repo"),
		"git on a host of a local domain":   withGitURL("https://git.home.local/org/repo"),
		"git host that only begins blocked": withGitURL("https://localhost.example.com/org/repo"),
		"git host that only ends blocked":   withGitURL("https://my-kubernetes.default.example/org/repo"),
		"git URL as long as allowed":        withGitURL("https://git.example.com/" + strings.Repeat("a", 2048-24)),
		"git branch":                        withGit(func(s *GitSource) { s.Ref = "feature/x_1.0-y" }),
		"git commit":                        withGit(func(s *GitSource) { s.Ref = strings.Repeat("0a", 20) }),
		"git ref as long as allowed":        withGit(func(s *GitSource) { s.Ref = strings.Repeat("a", 256) }),
		"git folder":                        withGit(func(s *GitSource) { s.Path = "./functions/hello world/" }),
		"git file":                          withGit(func(s *GitSource) { s.Path = "functions/hello.py" }),
		"git all of it":                     withGit(func(s *GitSource) { s.Path = "." }),
		"git secret":                        withGit(func(s *GitSource) { s.SecretRef = &corev1.LocalObjectReference{Name: "git.key-1"} }),
		"oci by tag":                        withOCI(func(s *OCISource) { s.Tag = "v1" }),
		"oci by digest":                     withOCI(func(s *OCISource) { s.Digest = "sha256:" + strings.Repeat("0a", 32) }),
		"oci folder":                        withOCI(func(s *OCISource) { s.Path = "./functions/hello/" }),
		"oci secret":                        withOCI(func(s *OCISource) { s.SecretRef = &corev1.LocalObjectReference{Name: "registry"} }),
		"oci port":                          withOCI(func(s *OCISource) { s.Repository = "registry.example.com:5000/code" }),
		"s3 object":                         withS3(func(*S3Source) {}),
		"s3 prefix with slashes around":     withS3(func(s *S3Source) { s.Key = "/functions/hello/" }),
		"s3 key of all that is allowed":     withS3(func(s *S3Source) { s.Key = "Az09!_.*'()/+=@:, -" }),
		"s3 key as long as allowed":         withS3(func(s *S3Source) { s.Key = strings.Repeat("a", 1024) }),
		"s3 key with dots":                  withS3(func(s *S3Source) { s.Key = "a..b/...c" }),
		"s3 bucket of three":                withS3(func(s *S3Source) { s.Bucket = "a-1" }),
		"s3 bucket of sixty-three":          withS3(func(s *S3Source) { s.Bucket = strings.Repeat("a", 63) }),
		"s3 region of a government":         withS3(func(s *S3Source) { s.Region = "us-gov-west-1" }),
		"s3 elsewhere":                      withS3(func(s *S3Source) { s.Endpoint = "https://s3.example.com" }),
		"s3 elsewhere, plain":               withS3(func(s *S3Source) { s.Endpoint, s.Insecure = "store.example.com:9000", true }),
		"minio by default":                  withMinIO(func(*MinIOSource) {}),
		"minio of a short name":             withMinIO(func(s *MinIOSource) { s.Endpoint = "minio:9000" }),
		"minio over plain http":             withMinIO(func(s *MinIOSource) { s.Endpoint = "http://minio.minio.svc:9000" }),
		"gcs archive":                       withGCS(func(s *GCSSource) { s.Key = "a/b.tar.gz" }),
		"gcs elsewhere":                     withGCS(func(s *GCSSource) { s.Endpoint = "http://gcs.test.svc:4443" }),
		"image by default":                  withImage(func(*ImageSource) {}),
		"image of a registry with a port":   withImage(func(s *ImageSource) { s.Repository = "localhost:5001/hello" }),
		"image by digest":                   withImage(func(s *ImageSource) { s.Digest = "sha256:" + strings.Repeat("0a", 32) }),
		"image by tag and digest":           withImage(func(s *ImageSource) { s.Tag, s.Digest = "v1", "sha256:"+strings.Repeat("0a", 32) }),
		"image on a port":                   withImage(func(s *ImageSource) { s.Port = ptr.Int32(65535) }),
		"image with all the rest": withImage(func(s *ImageSource) {
			s.PullPolicy, s.Command, s.Args = corev1.PullAlways, []string{"sh", "-c"}, []string{"exec app; true"}
			s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "ghcr"}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if err := validFunction(change).Validate(apis.WithinCreate(t.Context())); err != nil {
				t.Error("Validate() =", err)
			}
		})
	}
}

const (
	urlExample      = "write https://host/org/repo, ssh://git@host/org/repo or git@host:org/repo"
	endpointExample = "write host, host:port, or either with http:// or https:// before it"
	refExample      = "name a branch, a tag or a commit: letters, digits, . _ / -, at most 256, no .., and first a letter or digit"
	bucketExample   = "write 3 to 63 lower-case letters, digits, . and -, first and last a letter or digit"
	keyExample      = "write letters, digits, spaces and !_.*'()/+=@:,- in at most 1024 characters"
	imageExample    = "write registry and path without scheme, tag and digest, such as docker.io/library/nginx"
	subdomain       = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, " +
		"'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', " +
		"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

// TestValidateRefusesSources has a row for all that a field of a source must not be.
func TestValidateRefusesSources(t *testing.T) {
	for _, tc := range []struct {
		field string
		// with puts the value into the field.
		with func(value string) func(*LambdaFunction)
		// refused is what is said of each value.
		refused map[string]string
	}{{
		field: "spec.source.git.url",
		with:  withGitURL,
		refused: map[string]string{
			"file:///etc/passwd":             urlExample,
			"/etc/passwd":                    urlExample,
			"ext::sh -c id":                  `remove " "`,
			"ext::id":                        urlExample,
			"fd::17/foo":                     urlExample,
			"ftp://git.example.com/repo":     urlExample,
			"git.example.com/org/repo":       urlExample,
			"https:git.example.com/repo":     urlExample,
			"https://":                       "name the repository: " + urlExample,
			"https:///org/repo":              "name a host",
			"https://git.example.com":        "name the repository: " + urlExample,
			"https://git.example.com/":       "name the repository: " + urlExample,
			"http://git.example.com/repo":    "use https: http is for Services of the cluster only (<service>.<namespace>.svc)",
			"http://git.svc.evil.com/repo":   "use https: http is for Services of the cluster only (<service>.<namespace>.svc)",
			"https://git.example.com/a;id":   `remove ";"`,
			"https://git.example.com/$(id)":  `remove "$"`,
			"https://git.example.com/a|b":    `remove "|"`,
			"https://git.example.com/a&b":    `remove "&"`,
			"https://git.example.com/`id`":   "remove \"`\"",
			"https://git.example.com/~a/b":   `remove "~"`,
			"https://git.example.com/a?b=c":  `remove "?"`,
			"https://git.example.com/a#b":    `remove "#"`,
			"https://git.example.com/a\nb":   `remove "\n"`,
			"https://git.example.com/a\\b":   `remove "\\"`,
			"https://git.example.com/'a'":    `remove "'"`,
			"https://git.example.com:0/a":    "give a port from 1 to 65535",
			"https://git.example.com:/a":     "give a port from 1 to 65535",
			"https://git.example.com:65536/": "give a port from 1 to 65535",
			"ssh://-oProxyCommand=id@h/a":    "neither user nor repository begin with -",
			"ssh://git@git.example.com/-a":   "neither user nor repository begin with -",
			"git@-evil:repo":                 "write the host in letters, digits, . and -, at most 253",
			"https://gít.example.com/a":      "write the host in letters, digits, . and -, at most 253",
			"https://a..b/c":                 "write the host in letters, digits, . and -, at most 253",
			"https://[::1]/repo":             `remove "["`,
			"git@[::1]:repo":                 `remove "["`,
		},
	}, {
		field: "spec.source.git.ref",
		with:  func(v string) func(*LambdaFunction) { return withGit(func(s *GitSource) { s.Ref = v }) },
		refused: map[string]string{
			"--upload-pack=id": refExample, "a..b": refExample, "../a": refExample, "a b": refExample, "a;id": refExample,
			"$(id)": refExample, "a\n": refExample, "/a": refExample, "a~1": refExample, "a^": refExample, "a:b": refExample,
		},
	}, {
		field: "spec.source.git.path",
		with:  func(v string) func(*LambdaFunction) { return withGit(func(s *GitSource) { s.Path = v }) },
		refused: map[string]string{
			"/etc":     "a path is relative to the function's folder: remove the leading /",
			"../a":     "a path stays inside the function's folder: remove ..",
			"a/../b":   "a path stays inside the function's folder: remove ..",
			"-a":       "a path does not begin with -",
			"a\x00b":   "a path has letters, digits, . _ - / and inner spaces",
			"a;b":      "a path has letters, digits, . _ - / and inner spaces",
			"a\nb":     "a path has letters, digits, . _ - / and inner spaces",
			"$HOME/a":  "a path has letters, digits, . _ - / and inner spaces",
			"a\\b":     "a path has letters, digits, . _ - / and inner spaces",
			"folder/*": "a path has letters, digits, . _ - / and inner spaces",
		},
	}, {
		field: "spec.source.s3.endpoint",
		with:  func(v string) func(*LambdaFunction) { return withS3(func(s *S3Source) { s.Endpoint = v }) },
		refused: map[string]string{
			"https://s3.example.com/path":       endpointExample,
			"https://s3.example.com/":           endpointExample,
			"s3.example.com/path":               endpointExample,
			"ftp://s3.example.com":              endpointExample,
			"https://u:p@s3.example.com":        endpointExample,
			"s3.example.com:port":               endpointExample,
			"s3.example.com:99999":              "give a port from 1 to 65535",
			"s3.example.com;id":                 `remove ";"`,
			"s3.example.com?x":                  `remove "?"`,
			"$(id).example.com":                 `remove "$"`,
			"s3 example.com":                    `remove " "`,
			"s3.example.com\n":                  `remove "\n"`,
			"http://":                           "name a host",
			"http://127.0.0.1:9000":             "host 127.0.0.1 is refused, it is the build's own: name another",
			"localhost:9000":                    "host localhost is refused, it is the build's own: name another",
			"10.0.0.1:9000":                     "host 10.0.0.1 is refused, it is private: an operator may add its network to allowed-networks of ConfigMap config-build",
			"kubernetes.default.svc:443":        "host kubernetes.default.svc is refused, it is the API server: name another",
			"http://169.254.169.254":            "host 169.254.169.254 is refused, it is link-local, where clouds have their credentials: name another",
			"https://METADATA.google.internal.": "host metadata.google.internal is refused, it has the cloud's credentials: name another",
		},
	}, {
		field: "spec.source.minio.endpoint",
		with:  func(v string) func(*LambdaFunction) { return withMinIO(func(s *MinIOSource) { s.Endpoint = v }) },
		refused: map[string]string{
			"minio/path": endpointExample,
			"127.1:9000": "write an address as four decimal numbers, or use a name",
		},
	}, {
		field: "spec.source.gcs.endpoint",
		with:  func(v string) func(*LambdaFunction) { return withGCS(func(s *GCSSource) { s.Endpoint = v }) },
		refused: map[string]string{
			"gcs/path": endpointExample,
			"0x7f.1":   "write an address as four decimal numbers, or use a name",
		},
	}, {
		field: "spec.source.s3.bucket",
		with:  func(v string) func(*LambdaFunction) { return withS3(func(s *S3Source) { s.Bucket = v }) },
		refused: map[string]string{
			"ab": bucketExample, "Bucket": bucketExample, "my_bucket": bucketExample, "a..b": bucketExample, "-ab": bucketExample,
			"ab-": bucketExample, "a b": bucketExample, "a/b": bucketExample, "a;id": bucketExample, "a\n": bucketExample,
		},
	}, {
		field: "spec.source.gcs.key",
		with:  func(v string) func(*LambdaFunction) { return withGCS(func(s *GCSSource) { s.Key = v }) },
		refused: map[string]string{
			"../a": "a key has no .. between its slashes", "a/../b": "a key has no .. between its slashes",
			"a/..": "a key has no .. between its slashes", "a\x07b": keyExample, "a`id`": keyExample, "$a": keyExample,
			"a;b": keyExample, "a&b": keyExample, "a|b": keyExample, "a<b": keyExample, "a>b": keyExample, "a\"b": keyExample,
			"a\nb": keyExample, "a\\b": keyExample, "a{b}": keyExample, "a?b": keyExample, "a#b": keyExample, "ä": keyExample,
		},
	}, {
		field: "spec.source.minio.region",
		with:  func(v string) func(*LambdaFunction) { return withMinIO(func(s *MinIOSource) { s.Region = v }) },
		refused: map[string]string{
			"auto": "write a region such as eu-central-1", "eu-central": "write a region such as eu-central-1",
			"EU-central-1": "write a region such as eu-central-1", "eu-central-1;id": "write a region such as eu-central-1",
		},
	}, {
		field: "spec.source.image.repository",
		with:  func(v string) func(*LambdaFunction) { return withImage(func(s *ImageSource) { s.Repository = v }) },
		refused: map[string]string{
			"https://ghcr.io/a/b": imageExample, "ghcr.io/a b": imageExample, "ghcr.io/A/b": imageExample, "ghcr.io//b": imageExample,
			"ghcr.io/a/b:v1": imageExample, "nginx": imageExample, "library/nginx": imageExample, "ghcr.io/a/b@sha256:00": imageExample,
			"$REGISTRY/a/b": imageExample, " ghcr.io/a/b": imageExample,
		},
	}, {
		field: "spec.source.image.tag",
		with:  func(v string) func(*LambdaFunction) { return withImage(func(s *ImageSource) { s.Tag = v }) },
		refused: map[string]string{
			"a b": "write letters, digits, . _ and -, at most 127", "v1;id": "write letters, digits, . _ and -, at most 127",
			"a/b": "write letters, digits, . _ and -, at most 127",
		},
	}, {
		field: "spec.source.image.digest",
		with:  func(v string) func(*LambdaFunction) { return withImage(func(s *ImageSource) { s.Digest = v }) },
		refused: map[string]string{
			"sha256:00": "write sha256: and 64 lower-case hexadecimal digits",
			"md5:00":    "write sha256: and 64 lower-case hexadecimal digits",
			"latest":    "write sha256: and 64 lower-case hexadecimal digits",
		},
	}, {
		field: "spec.source.oci.repository",
		with:  func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Repository = v }) },
		refused: map[string]string{
			"oci://ghcr.io/a/b": imageExample, "ghcr.io/a b": imageExample, "ghcr.io/a/b:v1": imageExample, "hello": imageExample,
			"ghcr.io:0/a/b": "give a port from 1 to 65535", "ghcr.io:70000/a/b": "give a port from 1 to 65535",
		},
	}, {
		field:   "spec.source.oci.tag",
		with:    func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Tag = v }) },
		refused: map[string]string{"v1;id": "write letters, digits, . _ and -, at most 127"},
	}, {
		field:   "spec.source.oci.digest",
		with:    func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Digest = v }) },
		refused: map[string]string{"sha256:00": "write sha256: and 64 lower-case hexadecimal digits"},
	}, {
		field: "spec.source.oci.path",
		with:  func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Path = v }) },
		refused: map[string]string{
			"../fn": "a path stays inside the function's folder: remove ..",
			"/fn":   "a path is relative to the function's folder: remove the leading /",
		},
	}, {
		field: "spec.source.oci.secretRef.name",
		with: func(v string) func(*LambdaFunction) {
			return withOCI(func(s *OCISource) { s.SecretRef = &corev1.LocalObjectReference{Name: v} })
		},
		refused: map[string]string{"My Secret": subdomain},
	}, {
		field: "spec.source.image.pullPolicy",
		with: func(v string) func(*LambdaFunction) {
			return withImage(func(s *ImageSource) { s.PullPolicy = corev1.PullPolicy(v) })
		},
		refused: map[string]string{"Sometimes": "choose one of: Always, IfNotPresent, Never"},
	}, {
		field: "spec.source.git.secretRef.name",
		with: func(v string) func(*LambdaFunction) {
			return withGit(func(s *GitSource) { s.SecretRef = &corev1.LocalObjectReference{Name: v} })
		},
		refused: map[string]string{"My Secret": subdomain, "../other": subdomain},
	}, {
		field: "spec.source.image.imagePullSecrets[1].name",
		with: func(v string) func(*LambdaFunction) {
			return withImage(func(s *ImageSource) {
				s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "fine"}, {Name: v}}
			})
		},
		refused: map[string]string{"My Secret": subdomain},
	}} {
		for value, remedy := range tc.refused {
			t.Run(tc.field+"/"+value, func(t *testing.T) {
				err := validFunction(tc.with(value)).Validate(apis.WithinCreate(t.Context()))
				shown := strings.Replace(value, "u:p@", "", 1)
				shown = strings.Replace(shown, "-oProxyCommand=id@", "", 1)
				shown = strings.Replace(shown, "git@", "", 1)
				if want := apis.ErrInvalidValue(shown, tc.field, remedy).Error(); err.Error() != want {
					t.Errorf("Validate() =\n%v\nwant\n%s", err, want)
				}
			})
		}
	}
}

// TestValidateRefusesShellCharacters holds that no field that names a source or a handler takes what means something to a
// shell, at its beginning, within, and at its end, and says where and what to do.
func TestValidateRefusesShellCharacters(t *testing.T) {
	for field, tc := range map[string]struct {
		with   func(value string) func(*LambdaFunction)
		format string
		// takes are those that the field may have.
		takes string
	}{
		"spec.source.git.url":        {withGitURL, "https://git.example.com/org@repo", ""},
		"spec.source.git.ref":        {func(v string) func(*LambdaFunction) { return withGit(func(s *GitSource) { s.Ref = v }) }, "feature@branch", ""},
		"spec.source.git.path":       {func(v string) func(*LambdaFunction) { return withGit(func(s *GitSource) { s.Path = v }) }, "functions@hello", ""},
		"spec.source.s3.endpoint":    {func(v string) func(*LambdaFunction) { return withS3(func(s *S3Source) { s.Endpoint = v }) }, "s3@example.com", ""},
		"spec.source.minio.endpoint": {func(v string) func(*LambdaFunction) { return withMinIO(func(s *MinIOSource) { s.Endpoint = v }) }, "http://s3@example.com:9000", ""},
		"spec.source.gcs.endpoint":   {func(v string) func(*LambdaFunction) { return withGCS(func(s *GCSSource) { s.Endpoint = v }) }, "gcs@example.com", ""},
		"spec.source.s3.bucket":      {func(v string) func(*LambdaFunction) { return withS3(func(s *S3Source) { s.Bucket = v }) }, "func@tions", ""},
		"spec.source.minio.bucket":   {func(v string) func(*LambdaFunction) { return withMinIO(func(s *MinIOSource) { s.Bucket = v }) }, "func@tions", ""},
		"spec.source.gcs.bucket":     {func(v string) func(*LambdaFunction) { return withGCS(func(s *GCSSource) { s.Bucket = v }) }, "func@tions", ""},
		"spec.source.s3.key":         {func(v string) func(*LambdaFunction) { return withS3(func(s *S3Source) { s.Key = v }) }, "hello@zip", "()!*"},
		"spec.source.minio.key":      {func(v string) func(*LambdaFunction) { return withMinIO(func(s *MinIOSource) { s.Key = v }) }, "hello@zip", "()!*"},
		"spec.source.gcs.key":        {func(v string) func(*LambdaFunction) { return withGCS(func(s *GCSSource) { s.Key = v }) }, "hello@zip", "()!*"},
		"spec.runtime.handler":       {func(v string) func(*LambdaFunction) { return func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = v } }, "main@handler", ""},
		"spec.runtime.version":       {func(v string) func(*LambdaFunction) { return func(fn *LambdaFunction) { fn.Spec.Runtime.Version = v } }, "3@13", ""},
		"spec.build.registry":        {func(v string) func(*LambdaFunction) { return func(fn *LambdaFunction) { fn.Spec.Build.Registry = v } }, "ghcr.io/acme@b", ""},
		"spec.build.repository":      {func(v string) func(*LambdaFunction) { return func(fn *LambdaFunction) { fn.Spec.Build.Repository = v } }, "acme@b", ""},
		"spec.build.tag":             {func(v string) func(*LambdaFunction) { return func(fn *LambdaFunction) { fn.Spec.Build.Tag = v } }, "v@1", ""},
		"spec.source.oci.repository": {
			func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Repository = v }) }, "ghcr.io/acme@b", "",
		},
		"spec.source.oci.path": {func(v string) func(*LambdaFunction) { return withOCI(func(s *OCISource) { s.Path = v }) }, "functions@hello", ""},
		"spec.source.image.repository": {
			func(v string) func(*LambdaFunction) { return withImage(func(s *ImageSource) { s.Repository = v }) }, "ghcr.io/acme@b", "",
		},
	} {
		for _, c := range ";&|$`(){}[]<>!#*?~\n\r\\" {
			before, after, _ := strings.Cut(tc.format, "@")
			for _, value := range []string{string(c) + before + after, before + string(c) + after, before + after + string(c)} {
				err := validFunction(tc.with(value)).Validate(apis.WithinCreate(t.Context())).Filter(apis.ErrorLevel)
				switch {
				case strings.ContainsRune(tc.takes, c):
					if err != nil {
						t.Errorf("%s: Validate() of %q = %v", field, value, err)
					}
				case err == nil || strings.Count(err.Error(), "spec.") != 1 || !strings.Contains(err.Error(), ": "+field+"\n"):
					t.Errorf("%s: Validate() of %q = %v, want a refusal of the field with what to do", field, value, err)
				}
			}
		}
	}
}

// blockedHosts are written in all the ways that something may take for a place that no source is in.
var blockedHosts = []string{
	"127.0.0.1", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
	"127.0.0.1.", "0", "0.0.0.0", "0x0", "00", "0.0.0.1", "localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6-localhost",
	"169.254.169.254", "169.254.169.254.", "169.254.170.2", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
	"169.254.43518", "metadata.google.internal", "Metadata.Google.Internal.", "metadata.goog", "metadata", "kubernetes", "KUBERNETES.",
	"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.", "kubernetes.default.svc.cluster.local",
	"Kubernetes.Default.Svc.Cluster.Local.", "10.0.0.1", "172.16.0.1", "192.168.1.1", "167772161", "100.64.0.1", "224.0.0.1",
	"255.255.255.255", "100.100.100.200", "10.96.0.1", "256.256.256.256", "1.2.3", "1.2.3.4.5", "08.8.8.8", "0x", "a.0x",
}

func TestValidateRefusesBlockedHosts(t *testing.T) {
	for _, host := range blockedHosts {
		for where, change := range map[string]func(*LambdaFunction){
			"https":     withGitURL("https://" + host + "/org/repo"),
			"http":      withGitURL("http://" + host + "/org/repo"),
			"ssh":       withGitURL("ssh://git@" + host + ":22/org/repo"),
			"scp":       withGitURL("git@" + host + ":org/repo"),
			"s3":        withS3(func(s *S3Source) { s.Endpoint = host }),
			"s3 scheme": withS3(func(s *S3Source) { s.Endpoint = "http://" + host + ":80" }),
			"minio":     withMinIO(func(s *MinIOSource) { s.Endpoint = host + ":9000" }),
			"gcs":       withGCS(func(s *GCSSource) { s.Endpoint = "https://" + host }),
			"oci":       withOCI(func(s *OCISource) { s.Repository = host + "/org/code" }),
			"oci port":  withOCI(func(s *OCISource) { s.Repository = host + ":5000/org/code" }),
		} {
			if err := validFunction(change).Validate(t.Context()); err == nil {
				t.Errorf("Validate() accepts %s by %s", host, where)
			}
		}
	}
}

func TestHostChecker(t *testing.T) {
	ctx := WithAPIServer(context.Background(), "10.96.0.1")
	c := newHostChecker(ctx, "the build's own", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "no network")
	for host, want := range map[string]bool{
		"10.1.2.3": true, "fd12::1": true, "8.8.8.8": true, "2606:4700::1111": true, "git.example.com": true, "::ffff:8.8.8.8": true,
		"git_1.example.com": true, "git.example.com.": true,
		"10.96.0.1": false, "::ffff:10.96.0.1": false, "127.0.0.1": false, "169.254.169.254": false, "192.168.0.1": false,
		"::1": false, "::": false, "::ffff:127.0.0.1": false, "::ffff:7f00:1": false, "::127.0.0.1": false, "fe80::1": false,
		"fe80::1%eth0": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "fd00:ec2::254": false, "ff02::1": false,
		"": false, ".": false, "..": false, "-a": false, "a-": false, "a/b": false, "ａ": false, "①.0.0.1": false,
	} {
		if msg := c.check(host); (msg == "") != want {
			t.Errorf("check(%q) = %q, want it accepted: %t", host, msg, want)
		}
	}
	byName := newHostChecker(WithAPIServer(context.Background(), "api.example.com"), "the build's own")
	if byName.check("API.example.com.") == "" {
		t.Error("check() accepts the API server by its name")
	}
}

// TestAllowedNetworks holds that what an operator allows is accepted.
func TestAllowedNetworks(t *testing.T) {
	build, err := config.NewBuildFromMap(map[string]string{"allowed-networks": "10.0.0.0/8"})
	if err != nil {
		t.Fatal("NewBuildFromMap() =", err)
	}
	ctx := config.ToContext(t.Context(), &config.Config{Build: build})
	fn := validFunction(withS3(func(s *S3Source) { s.Endpoint = "10.1.2.3:9000" }))
	if err := fn.Validate(ctx); err != nil {
		t.Error("Validate() =", err)
	}
}

// TestRegistryOfConfiguration holds that code may be where images are pushed, at that very port.
func TestRegistryOfConfiguration(t *testing.T) {
	build, err := config.NewBuildFromMap(map[string]string{"registry": "10.1.2.3:5000/functions"})
	if err != nil {
		t.Fatal("NewBuildFromMap() =", err)
	}
	ctx := config.ToContext(t.Context(), &config.Config{Build: build})
	for repository, want := range map[string]bool{
		"10.1.2.3:5000/functions/code": true, "10.1.2.3:5000/code": true, "10.1.2.3/code": false, "10.1.2.3:5001/code": false, "10.1.2.4:5000/code": false,
	} {
		if err := validFunction(withOCI(func(s *OCISource) { s.Repository = repository })).Validate(ctx); (err == nil) != want {
			t.Errorf("Validate() of %s = %v, want it accepted: %t", repository, err, want)
		}
	}
}

var moreSourceRefusals = []refusal{{
	name: "sources of two types",
	change: func(fn *LambdaFunction) {
		fn.Spec.Source.Git = &GitSource{URL: "https://git.example.com/org/repo"}
	},
	want: "type is inline: remove this, or change type to git: spec.source.git",
}, {
	name:   "no git",
	change: func(fn *LambdaFunction) { fn.Spec.Source = SourceSpec{Type: SourceTypeGit} },
	want:   "missing field(s): spec.source.git",
}, {
	name:   "no artifact",
	change: func(fn *LambdaFunction) { fn.Spec.Source = SourceSpec{Type: SourceTypeOCI} },
	want:   "missing field(s): spec.source.oci",
}, {
	name:   "no repository of an artifact",
	change: withOCI(func(s *OCISource) { s.Repository = "" }),
	want:   "missing field(s): spec.source.oci.repository",
}, {
	name:   "no image",
	change: func(fn *LambdaFunction) { fn.Spec.Source = SourceSpec{Type: SourceTypeImage} },
	want: "missing field(s): spec.source.image\n" +
		"runtime has no effect: source.type is image, and the image has its own runtime: spec.runtime",
}, {
	name:   "no URL",
	change: withGitURL(""),
	want:   "missing field(s): spec.source.git.url",
}, {
	name:   "URL that is too long",
	change: withGitURL("https://git.example.com/" + strings.Repeat("a", 2048-23)),
	want:   "invalid value: https://git.example.com/" + strings.Repeat("a", 76) + "...: spec.source.git.url\nwrite at most 2048 characters",
}, {
	name:   "ref that is too long",
	change: withGit(func(s *GitSource) { s.Ref = strings.Repeat("a", 257) }),
	want:   "invalid value: " + strings.Repeat("a", 100) + "...: spec.source.git.ref\n" + refExample,
}, {
	name:   "path that is too long",
	change: withGit(func(s *GitSource) { s.Path = strings.Repeat("a", 513) }),
	want:   "invalid value: " + strings.Repeat("a", 100) + "...: spec.source.git.path\na path has 1 to 512 characters",
}, {
	name:   "password in a refused URL",
	change: withGitURL("http://me:hunter2@git.example.com/repo"),
	want: "invalid value: http://git.example.com/repo: spec.source.git.url\n" +
		"use https: http is for Services of the cluster only (<service>.<namespace>.svc)",
}, {
	name:   "no bucket and no key",
	change: withS3(func(s *S3Source) { s.Bucket, s.Key = "", "" }),
	want:   "missing field(s): spec.source.s3.bucket\nname an object, or a prefix that ends in /: spec.source.s3.key",
}, {
	name:   "key of nothing but slashes",
	change: withS3(func(s *S3Source) { s.Key = "//" }),
	want:   "name an object, or a prefix that ends in /: spec.source.s3.key",
}, {
	name:   "key that is too long",
	change: withMinIO(func(s *MinIOSource) { s.Key = strings.Repeat("a", 1025) }),
	want:   "invalid value: " + strings.Repeat("a", 100) + "...: spec.source.minio.key\n" + keyExample,
}, {
	name:   "secret without a name",
	change: withGCS(func(s *GCSSource) { s.SecretRef = &corev1.LocalObjectReference{} }),
	want:   "missing field(s): spec.source.gcs.secretRef.name",
}, {
	name:   "https that is insecure",
	change: withS3(func(s *S3Source) { s.Endpoint, s.Insecure = "https://s3.example.com", true }),
	want:   "endpoint begins with https:// and insecure is true: remove one of the two: spec.source.s3.endpoint, spec.source.s3.insecure",
}, {
	name:   "image without a repository",
	change: withImage(func(s *ImageSource) { s.Repository = "" }),
	want:   "missing field(s): spec.source.image.repository",
}, {
	name:   "port of nothing",
	change: withImage(func(s *ImageSource) { s.Port = ptr.Int32(0) }),
	want:   "expected 1 <= 0 <= 65535: spec.source.image.port",
}, {
	name:   "port over all",
	change: withImage(func(s *ImageSource) { s.Port = ptr.Int32(65536) }),
	want:   "expected 1 <= 65536 <= 65535: spec.source.image.port",
}, {
	name: "envelope of an image's own answer",
	change: func(fn *LambdaFunction) {
		withImage(func(*ImageSource) {})(fn)
		fn.Spec.Runtime.Response = ResponseEnvelope
	},
	want: "invalid value: envelope: spec.runtime.response\nremove it: the image answers by itself\n" +
		"runtime has no effect: source.type is image, and the image has its own runtime: spec.runtime",
}, {
	name: "runtime of an image that is none",
	change: func(fn *LambdaFunction) {
		withImage(func(*ImageSource) {})(fn)
		fn.Spec.Runtime = RuntimeSpec{Version: "3.11\nRUN id", Handler: "a;b"}
	},
	want: "invalid value: 3.11\nRUN id: spec.runtime.version\nwrite digits and dots, or remove it: the image has its own\n" +
		"invalid value: a;b: spec.runtime.handler\nwrite module.function, or remove it: the image has its own\n" +
		"runtime has no effect: source.type is image, and the image has its own runtime: spec.runtime",
}}

func TestValidateRefusesKnativePorts(t *testing.T) {
	for _, port := range []int32{8008, 8012, 8013, 8022, 9090, 9091} {
		err := validFunction(withImage(func(s *ImageSource) { s.Port = ptr.Int32(port) })).Validate(t.Context())
		want := apis.ErrInvalidValue(port, "spec.source.image.port", "it is Knative's own: let the server listen on another")
		if diff := cmp.Diff(want.Error(), err.Error()); diff != "" {
			t.Error("Validate() (-want, +got):", diff)
		}
	}
}

func TestEndpointURL(t *testing.T) {
	for _, tc := range []struct {
		endpoint string
		insecure bool
		want     string
	}{
		{"", false, ""},
		{"s3.example.com", false, "https://s3.example.com"},
		{"s3.example.com:9000", true, "http://s3.example.com:9000"},
		{"minio.minio.svc:9000", false, "http://minio.minio.svc:9000"},
		{"minio.minio.svc.cluster.local.:9000", false, "http://minio.minio.svc.cluster.local.:9000"},
		{"minio.svc.example.com", false, "https://minio.svc.example.com"},
		{"http://s3.example.com", false, "http://s3.example.com"},
		{"https://minio.minio.svc", true, "https://minio.minio.svc"},
	} {
		s3, minio := &S3Source{Endpoint: tc.endpoint, Insecure: tc.insecure}, &MinIOSource{Endpoint: tc.endpoint, Insecure: tc.insecure}
		if got := s3.EndpointURL(); got != tc.want {
			t.Errorf("S3Source.EndpointURL() of %+v = %q", tc, got)
		}
		if got := minio.EndpointURL(); got != tc.want {
			t.Errorf("MinIOSource.EndpointURL() of %+v = %q", tc, got)
		}
		if got := (&GCSSource{Endpoint: tc.endpoint}).EndpointURL(); !tc.insecure && got != tc.want {
			t.Errorf("GCSSource.EndpointURL() of %+v = %q", tc, got)
		}
	}
}

func TestImageReference(t *testing.T) {
	for want, image := range map[string]ImageSource{
		"ghcr.io/a/b:v1":        {Repository: "ghcr.io/a/b", Tag: "v1"},
		"ghcr.io/a/b@sha256:00": {Repository: "ghcr.io/a/b", Tag: "v1", Digest: "sha256:00"},
	} {
		if got := image.Reference(); got != want {
			t.Errorf("Reference() = %q, want %q", got, want)
		}
	}
}
