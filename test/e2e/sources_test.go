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
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	username = "tester"
	password = "correct-horse"
)

// tree is a function of two modules and a dependency.
func tree(text string) map[string][]byte {
	return map[string][]byte{
		"fn/main.py":          []byte("import six\nimport words\n\ndef handler(event):\n    return words.TEXT + six.__version__\n"),
		"fn/words.py":         []byte("TEXT = " + pythonString(text) + "\n"),
		"fn/requirements.txt": []byte("six==1.17.0\n"),
		"README.md":           []byte("Not a function.\n"),
	}
}

// startServer starts one that the test has to itself.
func (s *scenario) startServer(kind test.ServerKind, settings *test.ServerSettings) {
	s.Helper()
	s.wait(func(ctx context.Context) error { return clients.StartServer(ctx, s.namespace, kind, settings) })
}

func (s *scenario) putContent(kind test.ServerKind, name string, files map[string][]byte) string {
	s.Helper()
	revision, err := clients.PutContent(interrupted, s.namespace, kind, name, files)
	if err != nil {
		s.Fatal(err)
	}
	return revision
}

func (s *scenario) createSecret(name string, kind corev1.SecretType, data map[string]string) *corev1.LocalObjectReference {
	s.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, StringData: data}
	if _, err := clients.Kube.CoreV1().Secrets(s.namespace).Create(interrupted, secret, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create Secret %q: %v", name, err)
	}
	return &corev1.LocalObjectReference{Name: name}
}

// from returns a function in Python whose code is elsewhere.
func (s *scenario) from(name string, spec v1alpha1.SourceSpec) *v1alpha1.LambdaFunction {
	fn := test.NewPythonFunction(s.namespace, name, "")
	fn.Spec.Source = spec
	return fn
}

// awaitMended waits until the function is ready, however often it failed before: a server may be slow to be reached.
func (s *scenario) awaitMended(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	s.Helper()
	return s.awaitFunction(fn, (*v1alpha1.LambdaFunction).IsReady)
}

// wantFailure waits until the function has failed for that reason, and looks for text in the message.
func (s *scenario) wantFailure(fn *v1alpha1.LambdaFunction, reason source.Reason, text string) *v1alpha1.LambdaFunction {
	s.Helper()
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	ready := fn.Status.GetCondition(v1alpha1.ConditionReady)
	if !strings.Contains(ready.GetReason()+" "+ready.GetMessage(), string(reason)) || !strings.Contains(ready.GetMessage(), text) {
		s.Errorf("Ready = %s %q, want %s with %q", ready.GetReason(), ready.GetMessage(), reason, text)
	}
	if strings.Contains(ready.GetMessage(), password) {
		s.Errorf("message of Ready = %q, which tells a password", ready.GetMessage())
	}
	return fn
}

func TestGitOverHTTPS(t *testing.T) {
	s := newScenario(t)
	host := test.ServerHost(s.namespace, test.ServerGit)
	certificate, key, err := test.NewCertificate(host)
	if err != nil {
		t.Fatal(err)
	}
	s.startServer(test.ServerGit, &test.ServerSettings{Certificate: certificate, Key: key, Username: username, Password: password})
	commit := s.putContent(test.ServerGit, "org/code.git", tree("one "))
	git := v1alpha1.GitSource{
		URL: "https://" + host + ":8443/org/code.git", Path: "fn",
		SecretRef: s.createSecret("login", corev1.SecretTypeOpaque, map[string]string{
			"username": username, "password": password, "ca.crt": string(certificate),
		}),
	}

	fn := s.awaitMended(s.create(s.from("repository", v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &git})))
	s.wantText(fn, "one 1.17.0")
	if got := fn.Status.BuildStatus.SourceRevision; got != commit {
		t.Errorf("sourceRevision = %q, want %q", got, commit)
	}

	next := s.putContent(test.ServerGit, "org/code.git", tree("two "))
	edited := s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Git.Ref = next })
	fn = s.awaitReady(edited)
	s.wantText(fn, "two 1.17.0")

	// What fails, and what mends it.
	failed := s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Git.Ref = "no-such-branch" })
	s.wantFailure(failed, source.ReasonRefNotFound, "no-such-branch")
	wrong := s.createSecret("wrong", corev1.SecretTypeOpaque, map[string]string{
		"username": username, "password": password + "x", "ca.crt": string(certificate),
	})
	failed = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Git.Ref, fn.Spec.Source.Git.SecretRef = "", wrong })
	s.wantFailure(failed, source.ReasonSourceForbidden, "")
	mended := s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Source.Git.Ref, fn.Spec.Source.Git.SecretRef = next, git.SecretRef
	})
	s.wantText(s.awaitMended(mended), "two 1.17.0")
}

func TestGitOverSSH(t *testing.T) {
	s := newScenario(t)
	host := test.ServerHost(s.namespace, test.ServerGit)
	hostKey, hostPublic, err := test.NewSSHKey()
	if err != nil {
		t.Fatal(err)
	}
	user, userPublic, err := test.NewSSHKey()
	if err != nil {
		t.Fatal(err)
	}
	s.startServer(test.ServerGit, &test.ServerSettings{HostKey: hostKey, AuthorizedKey: userPublic})
	commit := s.putContent(test.ServerGit, "org/code.git", tree("ssh "))
	known := fmt.Sprintf("[%s]:2222 %s", host, hostPublic)
	secret := s.createSecret("key", corev1.SecretTypeOpaque, map[string]string{"ssh-privatekey": string(user), "known_hosts": known})
	spec := v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &v1alpha1.GitSource{
		URL: "ssh://git@" + host + ":2222/org/code.git", Path: "fn", SecretRef: secret,
	}}
	fn := s.awaitMended(s.create(s.from("repository", spec)))
	s.wantText(fn, "ssh 1.17.0")
	if got := fn.Status.BuildStatus.SourceRevision; got != commit {
		t.Errorf("sourceRevision = %q, want %q", got, commit)
	}

	other := strings.Replace(known, string(hostPublic), string(userPublic), 1)
	impostor := s.createSecret("impostor", corev1.SecretTypeOpaque, map[string]string{"ssh-privatekey": string(user), "known_hosts": other})
	spec.Git.SecretRef = impostor
	s.wantFailure(s.create(s.from("impostor", spec)), source.ReasonHostKeyMismatch, "")
}

func TestObjectStores(t *testing.T) {
	s := newScenario(t)
	s.startServer(test.ServerS3, &test.ServerSettings{Username: "access", Password: password})
	objects := tree("prefix ")
	objects["fn.zip"] = s.zip(tree("zip "), "fn/")
	objects["one.py"] = []byte(answering("object"))
	objects["evil.zip"] = s.zip(map[string][]byte{"../../main.py": nil}, "")
	s.putContent(test.ServerS3, "code", objects)
	endpoint := "http://" + test.ServerHost(s.namespace, test.ServerS3) + ":9000"
	secret := s.createSecret("access", corev1.SecretTypeOpaque, map[string]string{"accesskey": "access", "secretkey": password})
	other := s.createSecret("other", corev1.SecretTypeOpaque, map[string]string{"accesskey": "other", "secretkey": password})

	s3 := func(key string, secret *corev1.LocalObjectReference) v1alpha1.SourceSpec {
		return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
			Bucket: "code", Key: key, Endpoint: endpoint, SecretRef: secret,
		}}
	}
	minio := v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeMinIO, MinIO: &v1alpha1.MinIOSource{
		Bucket: "code", Key: "fn.zip", Endpoint: endpoint, SecretRef: secret,
	}}
	prefix := s.create(s.from("prefix", s3("fn/", secret)))
	object := s.create(s.from("object", s3("one.py", secret)))
	archive := s.create(s.from("archive", minio))
	missing := s.create(s.from("missing", s3("none.py", secret)))
	forbidden := s.create(s.from("forbidden", s3("one.py", other)))
	evil := s.create(s.from("evil", s3("evil.zip", secret)))

	s.wantText(s.awaitMended(prefix), "prefix 1.17.0")
	s.wantText(s.awaitMended(object), "object")
	s.wantText(s.awaitMended(archive), "zip 1.17.0")
	s.wantFailure(missing, source.ReasonSourceNotFound, "none.py")
	s.wantFailure(forbidden, source.ReasonSourceForbidden, "")
	s.wantFailure(evil, source.ReasonInvalidArchive, "../../main.py")
}

// zip packs those files that are below a folder, without it.
func (s *scenario) zip(files map[string][]byte, folder string) []byte {
	s.Helper()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for name, content := range files {
		name, ok := strings.CutPrefix(name, folder)
		if !ok {
			continue
		}
		w, err := archive.Create(name)
		if err != nil {
			s.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			s.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		s.Fatal(err)
	}
	return packed.Bytes()
}
