//go:build e2e

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

package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// linkTo is an archive with a symbolic link.
func (s *scenario) linkTo(target string) []byte {
	s.Helper()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "main.py"}
	header.SetMode(fs.ModeSymlink | 0o777)
	w, err := archive.CreateHeader(header)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := w.Write([]byte(target)); err != nil {
		s.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		s.Fatal(err)
	}
	return packed.Bytes()
}

func (s *scenario) patchSecret(name, key, value string) {
	s.Helper()
	patch := fmt.Sprintf(`{"stringData":{%q:%q}}`, key, value)
	_, err := clients.Kube.CoreV1().Secrets(s.namespace).Patch(interrupted, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		s.Fatalf("Failed to patch Secret %q: %v", name, err)
	}
}

// objectFaults are of sources in object stores.
func (s *scenario) objectFaults() []fault {
	s.startServer(test.ServerS3, &test.ServerSettings{Username: "access", Password: password})
	objects := map[string][]byte{
		"one.py": []byte(answering("one")), "bad.zip": []byte("no archive\n"), "link.zip": s.linkTo("/var/run/secrets"),
		"slip.zip": s.zip(map[string][]byte{"../../main.py": nil}, ""),
		"bomb.zip": s.zip(map[string][]byte{"main.py": make([]byte, 600<<20)}, ""),
	}
	s.putContent(test.ServerS3, "code", objects)
	login := func(access string) map[string]string {
		return map[string]string{"accesskey": access, "secretkey": password}
	}
	right := s.createSecret("right", corev1.SecretTypeOpaque, login("access"))
	wrong := s.createSecret("wrong", corev1.SecretTypeOpaque, login("other"))
	useless := s.createSecret("useless", corev1.SecretTypeOpaque, map[string]string{"key": "access", "secret": password})
	google := s.createSecret("google", corev1.SecretTypeOpaque, map[string]string{"key.json": "{}"})
	endpoint := "http://" + test.ServerHost(s.namespace, test.ServerS3) + ":9000"
	from := func(name, endpoint, bucket, key string, secret *corev1.LocalObjectReference) *v1alpha1.LambdaFunction {
		return s.from(name, v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
			Bucket: bucket, Key: key, Endpoint: endpoint, SecretRef: secret,
		}})
	}
	otherwise := s.editing(func(spec *v1alpha1.LambdaFunctionSpec) {
		spec.Source.S3.Endpoint, spec.Source.S3.Bucket, spec.Source.S3.Key = endpoint, "code", "one.py"
	})
	archive := func(key, message string) fault {
		name := "bad-" + strings.TrimSuffix(key, ".zip")
		return fault{from(name, endpoint, "code", key, right), string(source.ReasonInvalidArchive), message, otherwise}
	}
	return []fault{
		{
			from("no-object", endpoint, "code", "late.py", right), string(source.ReasonSourceNotFound), "late.py",
			outside(func() {
				objects["late.py"] = []byte(answering("late"))
				s.putContent(test.ServerS3, "code", objects)
			}),
		},
		{
			from("no-bucket", endpoint, "none", "one.py", right), string(source.ReasonSourceNotFound), `bucket "none"`, otherwise,
		},
		{
			from("no-secret", endpoint, "code", "one.py", &corev1.LocalObjectReference{Name: "late"}), string(source.ReasonSecretInvalid), "",
			outside(func() { s.createSecret("late", corev1.SecretTypeOpaque, login("access")) }),
		},
		{
			from("wrong-secret", endpoint, "code", "one.py", wrong), string(source.ReasonSourceForbidden), "source.s3.secretRef",
			outside(func() { s.patchSecret("wrong", "accesskey", "access") }),
		},
		{
			from("useless-secret", endpoint, "code", "one.py", useless), string(source.ReasonSecretInvalid), "source.s3.secretRef",
			outside(func() {
				s.patchSecret("useless", "accesskey", "access")
				s.patchSecret("useless", "secretkey", password)
			}),
		},
		{
			s.from("no-account-key", v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGCS, GCS: &v1alpha1.GCSSource{
				Bucket: "code", Key: "one.py", Endpoint: endpoint, SecretRef: google,
			}}), string(source.ReasonSecretInvalid), "key.json",
			s.editing(func(spec *v1alpha1.LambdaFunctionSpec) {
				spec.Source = from("", endpoint, "code", "one.py", right).Spec.Source
			}),
		},
		{
			from("no-server", "http://none."+s.namespace+".svc.cluster.local:9000", "code", "one.py", right), string(source.ReasonSourceUnavailable), "none.",
			otherwise,
		},
		{
			from("bomb", endpoint, "code", "bomb.zip", right), string(source.ReasonSourceTooLarge), "leave data out of it", otherwise,
		},
		archive("bad.zip", "bad.zip"), archive("link.zip", "main.py"), archive("slip.zip", "../../main.py"),
	}
}

// gitFaults are of repositories.
func (s *scenario) gitFaults() []fault {
	host := test.ServerHost(s.namespace, test.ServerGit)
	certificate, key, err := test.NewCertificate(host)
	if err != nil {
		s.Fatal(err)
	}
	hostKey, hostPublic, err := test.NewSSHKey()
	if err != nil {
		s.Fatal(err)
	}
	user, userPublic, err := test.NewSSHKey()
	if err != nil {
		s.Fatal(err)
	}
	s.startServer(test.ServerGit, &test.ServerSettings{
		Certificate: certificate, Key: key, Username: username, Password: password, HostKey: hostKey, AuthorizedKey: userPublic,
	})
	files := map[string][]byte{"fn/main.py": []byte(answering("git"))}
	s.putContent(test.ServerGit, "org/code.git", files)
	login := func(password string) map[string]string {
		return map[string]string{"username": username, "password": password, "ca.crt": string(certificate)}
	}
	right := s.createSecret("git-right", corev1.SecretTypeOpaque, login(password))
	wrong := s.createSecret("git-wrong", corev1.SecretTypeOpaque, login("other"))
	alone := s.createSecret("git-alone", corev1.SecretTypeOpaque, map[string]string{"username": username, "password": password})
	known := fmt.Sprintf("[%s]:2222 %s", host, hostPublic)
	impostor := s.createSecret("git-impostor", corev1.SecretTypeOpaque, map[string]string{
		"ssh-privatekey": string(user), "known_hosts": strings.Replace(known, string(hostPublic), string(userPublic), 1),
	})
	from := func(name, repository string, secret *corev1.LocalObjectReference, change func(*v1alpha1.GitSource)) *v1alpha1.LambdaFunction {
		git := &v1alpha1.GitSource{URL: "https://" + host + ":8443/org/" + repository, Path: "fn", SecretRef: secret}
		change(git)
		return s.from(name, v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: git})
	}
	asIs := func(*v1alpha1.GitSource) {}
	otherwise := s.editing(func(spec *v1alpha1.LambdaFunctionSpec) { spec.Source.Git.Ref, spec.Source.Git.Path = "main", "fn" })
	return []fault{{
		from("no-repository", "late.git", right, asIs), string(source.ReasonSourceNotFound), "late.git",
		outside(func() { s.putContent(test.ServerGit, "org/late.git", files) }),
	}, {
		from("no-ref", "code.git", right, func(git *v1alpha1.GitSource) { git.Ref = "none" }), string(source.ReasonRefNotFound), "none", otherwise,
	}, {
		from("no-folder", "code.git", right, func(git *v1alpha1.GitSource) { git.Path = "none" }), string(source.ReasonSourceNotFound), "none", otherwise,
	}, {
		from("wrong-login", "code.git", wrong, asIs), string(source.ReasonSourceForbidden), "source.git.secretRef",
		outside(func() { s.patchSecret("git-wrong", "password", password) }),
	}, {
		from("no-authority", "code.git", alone, asIs), string(source.ReasonCertificateInvalid), "ca.crt",
		outside(func() { s.patchSecret("git-alone", "ca.crt", string(certificate)) }),
	}, {
		from("impostor", "code.git", impostor, func(git *v1alpha1.GitSource) { git.URL = "ssh://git@" + host + ":2222/org/code.git" }),
		string(source.ReasonHostKeyMismatch), "known_hosts", outside(func() { s.patchSecret("git-impostor", "known_hosts", known) }),
	}}
}
