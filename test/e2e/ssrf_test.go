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
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// redirect makes a server send elsewhere who asks for a repository or a bucket.
func (s *scenario) redirect(kind test.ServerKind, path, target string) {
	s.Helper()
	if err := clients.Redirect(interrupted, s.namespace, kind, path, target); err != nil {
		s.Fatal(err)
	}
}

func (s *scenario) wantConnections(kind test.ServerKind, reached bool) {
	s.Helper()
	connections, err := clients.Connections(interrupted, s.namespace, kind)
	if err != nil {
		s.Fatal(err)
	}
	if (connections > 0) != reached {
		s.Errorf("%d connections were made to server %q, want some: %t", connections, kind, reached)
	}
}

// TestRefusedSources names places that no source may be at, by names, redirects and credentials. A server that nobody may
// be sent to sees no connection, and the ones that send there do: so builds asked, and stopped there.
func TestRefusedSources(t *testing.T) {
	s := newScenario(t)
	host := test.ServerHost(s.namespace, test.ServerGit)
	certificate, key, err := test.NewCertificate(host)
	if err != nil {
		t.Fatal(err)
	}
	s.startServer(test.ServerGit, &test.ServerSettings{Certificate: certificate, Key: key})
	s.startServer(test.ServerS3, &test.ServerSettings{})
	// What it serves does not matter: nobody gets here.
	s.startServer(test.ServerRegistry, &test.ServerSettings{})
	trap := "http://" + test.ServerHost(s.namespace, test.ServerRegistry) + ":5000"

	alias := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "alias"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "kubernetes.default.svc.cluster.local"},
	}
	if _, err := clients.Kube.CoreV1().Services(s.namespace).Create(interrupted, alias, metav1.CreateOptions{}); err != nil {
		t.Fatal("Failed to create Service:", err)
	}
	s.redirect(test.ServerGit, "org/metadata.git", "https://169.254.169.254/latest/meta-data")
	s.redirect(test.ServerGit, "org/plain.git", trap)
	s.redirect(test.ServerS3, "code", trap)
	ca := s.createSecret("authority", corev1.SecretTypeOpaque, map[string]string{"ca.crt": string(certificate)})
	account := s.createSecret("account", corev1.SecretTypeOpaque, map[string]string{
		"key.json": `{"type": "external_account", "audience": "a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
			"token_url": "` + trap + `/token", "credential_source": {"url": "` + trap + `/credentials"}}`,
	})
	git := func(url string) v1alpha1.SourceSpec {
		return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &v1alpha1.GitSource{URL: url, SecretRef: ca}}
	}
	store := v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
		Bucket: "code", Key: "main.py", Endpoint: "http://" + test.ServerHost(s.namespace, test.ServerS3) + ":9000",
	}}
	credentials := v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGCS, GCS: &v1alpha1.GCSSource{Bucket: "code", Key: "main.py", SecretRef: account}}

	refusals := []struct {
		name   string
		spec   v1alpha1.SourceSpec
		reason source.Reason
		text   string
	}{
		{"name", git("https://alias." + s.namespace + ".svc.cluster.local/org/code.git"), source.ReasonSourceRefused, "API server"},
		{"redirect", git("https://" + host + ":8443/org/metadata.git"), source.ReasonSourceRefused, "169.254.169.254"},
		{"downgrade", git("https://" + host + ":8443/org/plain.git"), source.ReasonSourceRefused, "source.git.url"},
		{"bucket", store, source.ReasonSourceNotFound, "another endpoint"},
		{"credentials", credentials, source.ReasonSecretInvalid, "key.json"},
	}
	functions := map[string]*v1alpha1.LambdaFunction{}
	for _, refusal := range refusals {
		functions[refusal.name] = s.create(s.from(refusal.name, refusal.spec))
	}
	for _, refusal := range refusals {
		s.wantFailure(functions[refusal.name], refusal.reason, refusal.text)
	}
	s.wantConnections(test.ServerRegistry, false)
	s.wantConnections(test.ServerGit, true)
	s.wantConnections(test.ServerS3, true)
}

// TestRefusedAddresses names such places as they are written. They are refused before there is a function.
func TestRefusedAddresses(t *testing.T) {
	s := newScenario(t)
	const format = `{"apiVersion":"lambda.knative.io/v1alpha1","kind":"LambdaFunction","metadata":{"name":"refused"},` +
		`"spec":{"source":SOURCE,"runtime":{"language":"python"}}}`
	for _, host := range []string{
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "0", "localhost", "LOCALHOST.", "169.254.169.254", "169.254.170.2",
		"2852039166", "0xA9.0xFE.0xA9.0xFE", "metadata.google.internal", "kubernetes", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local.",
	} {
		for field, source := range map[string]string{
			"spec.source.git.url":        `{"type":"git","git":{"url":"https://HOST/a/b"}}`,
			"spec.source.s3.endpoint":    `{"type":"s3","s3":{"bucket":"abc","key":"a","endpoint":"HOST"}}`,
			"spec.source.minio.endpoint": `{"type":"minio","minio":{"bucket":"abc","key":"a","endpoint":"http://HOST:9000"}}`,
			"spec.source.gcs.endpoint":   `{"type":"gcs","gcs":{"bucket":"abc","key":"a","endpoint":"https://HOST"}}`,
		} {
			manifest := strings.Replace(format, "SOURCE", strings.Replace(source, "HOST", host, 1), 1)
			if err := create(s, []byte(manifest)); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("create with %s = %v, want it to name %s", host, err, field)
			}
		}
	}
}
