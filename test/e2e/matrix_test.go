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
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// program is code in one language, with or without a dependency, and what it answers.
type program struct {
	name     string
	language v1alpha1.Language
	main     string
	files    map[string]string
	answer   string
}

// programs answer with what their dependency says, where they have one.
var programs = []program{{
	name: "python", language: v1alpha1.LanguagePython, main: "main.py", answer: "plain",
	files: map[string]string{"main.py": answering("plain")},
}, {
	name: "python-deps", language: v1alpha1.LanguagePython, main: "main.py", answer: "1.17.0",
	files: map[string]string{
		"main.py":          "import six\n\ndef handler(event):\n    return six.__version__\n",
		"requirements.txt": "six==1.17.0\n",
	},
}, {
	name: "nodejs", language: v1alpha1.LanguageNodeJS, main: "index.js", answer: "plain",
	files: map[string]string{"index.js": "exports.handler = () => 'plain';\n"},
}, {
	name: "nodejs-deps", language: v1alpha1.LanguageNodeJS, main: "index.js", answer: "172800000",
	files: map[string]string{
		"index.js":     "const ms = require('ms');\nexports.handler = () => String(ms('2 days'));\n",
		"package.json": `{"name": "fn", "dependencies": {"ms": "2.1.3"}}`,
	},
}, {
	name: "go", language: v1alpha1.LanguageGo, main: "main.go", answer: "plain",
	files: map[string]string{"main.go": "package main\n\nfunc Handler() string { return \"plain\" }\n"},
}, {
	name: "go-deps", language: v1alpha1.LanguageGo, main: "main.go", answer: "VERSION_5",
	files: map[string]string{
		"main.go": `package main

import "github.com/google/uuid"

func Handler() string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte("a")).Version().String() }
`,
		"go.mod": "module example.com/fn\n\ngo 1.26\n\nrequire github.com/google/uuid v1.6.0\n",
		"go.sum": "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n" +
			"github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
	},
}}

// TestEverySourceAndLanguage has each program come from each kind of source: built from six, and run from the image
// that the first of them became. Those of one source go before those of the next are there: a small cluster has not room
// for all.
func TestEverySourceAndLanguage(t *testing.T) {
	s := newScenario(t)
	sources := s.serveSources(programs)
	images := map[string]string{}
	for _, kind := range slices.Sorted(maps.Keys(sources)) {
		for _, fn := range s.serveAll(kind, func(p program) v1alpha1.SourceSpec { return sources[kind](p) }) {
			images[fn.Name] = fn.Status.BuildStatus.ImageURI
			t.Logf("%-22s built in %s", fn.Name, fn.Status.BuildStatus.CompletedAt.Sub(fn.Status.BuildStatus.StartedAt.Time))
		}
	}
	s.serveAll("image", func(p program) v1alpha1.SourceSpec {
		repository, digest, _ := strings.Cut(images["inline-"+p.name], "@")
		return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: repository, Digest: digest}}
	})
}

// serveAll has all programs come from one kind of source, calls them, and deletes them.
func (s *scenario) serveAll(kind string, from func(program) v1alpha1.SourceSpec) []*v1alpha1.LambdaFunction {
	s.Helper()
	functions := make([]*v1alpha1.LambdaFunction, 0, len(programs))
	for _, p := range programs {
		functions = append(functions, s.create(p.from(s.namespace, kind, from(p))))
	}
	for i, fn := range functions {
		functions[i] = s.awaitMended(fn)
		s.wantText(functions[i], programs[i].answer)
	}
	for _, fn := range functions {
		if err := clients.DeleteFunction(interrupted, fn); err != nil {
			s.Fatalf("Failed to delete LambdaFunction %q: %v", fn.Name, err)
		}
	}
	return functions
}

func (p *program) from(namespace, kind string, spec v1alpha1.SourceSpec) *v1alpha1.LambdaFunction {
	return &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: kind + "-" + p.name},
		Spec:       v1alpha1.LambdaFunctionSpec{Source: spec, Runtime: p.runtime(spec.Type)},
	}
}

// runtime is what a source that is built needs to be told.
func (p *program) runtime(source v1alpha1.SourceType) v1alpha1.RuntimeSpec {
	if source == v1alpha1.SourceTypeImage {
		return v1alpha1.RuntimeSpec{}
	}
	return v1alpha1.RuntimeSpec{Language: p.language}
}

// serveSources starts servers that have the programs, pushes an artifact of them, and returns by kind of source where a program is.
func (s *scenario) serveSources(programs []program) map[string]func(program) v1alpha1.SourceSpec {
	s.Helper()
	tree := map[string][]byte{}
	for _, p := range programs {
		for name, text := range p.files {
			tree[p.name+"/"+name] = []byte(text)
		}
	}
	objects := maps.Clone(tree)
	for _, p := range programs {
		objects[p.name+".zip"], objects[p.name+".tar.gz"] = s.zip(tree, p.name+"/"), s.tarball(p.files)
	}
	git, object, google := s.serveTree(tree), s.serveObjects(objects), s.serveGoogle(objects)
	code, digest := s.pushCode("v1", tree)
	return map[string]func(program) v1alpha1.SourceSpec{
		"inline": func(p program) v1alpha1.SourceSpec {
			files := maps.Clone(p.files)
			delete(files, p.main)
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline, Inline: &v1alpha1.InlineSource{Code: p.files[p.main], Files: files}}
		},
		"git": func(p program) v1alpha1.SourceSpec {
			source := git
			source.Path = p.name
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &source}
		},
		"s3": func(p program) v1alpha1.SourceSpec {
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
				Bucket: object.Bucket, Key: p.name + "/", Endpoint: object.Endpoint, SecretRef: object.SecretRef,
			}}
		},
		"minio": func(p program) v1alpha1.SourceSpec {
			source := object
			source.Key = p.name + ".zip"
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeMinIO, MinIO: &source}
		},
		"gcs": func(p program) v1alpha1.SourceSpec {
			source := google
			source.Key = p.name + ".tar.gz"
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGCS, GCS: &source}
		},
		"oci": func(p program) v1alpha1.SourceSpec {
			return v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeOCI, OCI: &v1alpha1.OCISource{Repository: code, Digest: digest, Path: p.name}}
		},
	}
}

func (s *scenario) serveTree(tree map[string][]byte) v1alpha1.GitSource {
	s.Helper()
	host := test.ServerHost(s.namespace, test.ServerGit)
	certificate, key, err := test.NewCertificate(host)
	if err != nil {
		s.Fatal(err)
	}
	s.startServer(test.ServerGit, &test.ServerSettings{Certificate: certificate, Key: key, Username: username, Password: password})
	s.putContent(test.ServerGit, "org/code.git", tree)
	return v1alpha1.GitSource{
		URL: "https://" + host + ":8443/org/code.git",
		SecretRef: s.createSecret("git-login", corev1.SecretTypeOpaque, map[string]string{
			"username": username, "password": password, "ca.crt": string(certificate),
		}),
	}
}

func (s *scenario) serveObjects(objects map[string][]byte) v1alpha1.MinIOSource {
	s.Helper()
	s.startServer(test.ServerS3, &test.ServerSettings{Username: "access", Password: password})
	s.putContent(test.ServerS3, "code", objects)
	return v1alpha1.MinIOSource{
		Bucket: "code", Endpoint: test.ServerHost(s.namespace, test.ServerS3) + ":9000",
		SecretRef: s.createSecret("access", corev1.SecretTypeOpaque, map[string]string{"accesskey": "access", "secretkey": password}),
	}
}

func (s *scenario) serveGoogle(objects map[string][]byte) v1alpha1.GCSSource {
	s.Helper()
	s.startServer(test.ServerGCS, &test.ServerSettings{Password: password})
	s.putContent(test.ServerGCS, "code", objects)
	endpoint := "http://" + test.ServerHost(s.namespace, test.ServerGCS) + ":4443"
	return v1alpha1.GCSSource{
		Bucket: "code", Endpoint: endpoint,
		SecretRef: s.createSecret("account", corev1.SecretTypeOpaque, map[string]string{"key.json": s.serviceAccount(endpoint + "/token")}),
	}
}

// serviceAccount returns the key of a service account whose tokens come from an address.
func (s *scenario) serviceAccount(tokens string) string {
	s.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		s.Fatal(err)
	}
	key, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "tester@example.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), "token_uri": tokens,
	})
	if err != nil {
		s.Fatal(err)
	}
	return string(key)
}

// tarball packs files.
func (s *scenario) tarball(files map[string]string) []byte {
	s.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			s.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			s.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		s.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		s.Fatal(err)
	}
	return packed.Bytes()
}
