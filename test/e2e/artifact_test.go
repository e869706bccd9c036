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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/bundle"
)

// pushCode pushes files, by path, to the registry that images go to, as a repository of the namespace. It logs in as
// docker does on the machine.
func (s *scenario) pushCode(tag string, files map[string][]byte) (repository, digest string) {
	s.Helper()
	dir := s.TempDir()
	for path, content := range files {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			s.Fatal(err)
		}
	}
	settings := s.buildConfig()
	repository = settings["registry"] + "/" + s.namespace + "/code"
	host, _, _ := strings.Cut(repository, "/")
	var options []name.Option
	if slices.Contains(strings.Split(settings["insecure-registries"], ","), host) {
		options = append(options, name.Insecure)
	}
	ref, err := name.NewTag(repository+":"+tag, options...)
	if err != nil {
		s.Fatal(err)
	}
	digest, err = bundle.Push(interrupted, ref, dir, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		s.Fatal(err)
	}
	return repository, digest
}

func TestArtifact(t *testing.T) {
	s := newScenario(t)
	repository, digest := s.pushCode("v1", tree("one "))
	oci := v1alpha1.OCISource{Repository: repository, Tag: "v1", Path: "fn"}
	fn := s.awaitReady(s.create(s.from("artifact", v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeOCI, OCI: &oci})))
	s.wantText(fn, "one 1.17.0")
	if got := fn.Status.BuildStatus.SourceRevision; got != digest {
		t.Errorf("sourceRevision = %q, want %q", got, digest)
	}

	_, digest = s.pushCode("v2", tree("two "))
	edited := s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.OCI.Digest = digest })
	fn = s.awaitReady(edited)
	s.wantText(fn, "two 1.17.0")
	if got := fn.Status.BuildStatus.SourceRevision; got != digest {
		t.Errorf("sourceRevision = %q, want %q", got, digest)
	}

	// What fails, and what mends it.
	failed := s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.OCI.Digest, fn.Spec.Source.OCI.Tag = "", "none" })
	s.wantFailure(failed, source.ReasonRefNotFound, "none")
	failed = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.OCI.Tag, fn.Spec.Source.OCI.Path = "v2", "none" })
	s.wantFailure(failed, source.ReasonSourceNotFound, "none")
	mended := s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.OCI.Path = "fn" })
	s.wantText(s.awaitMended(mended), "two 1.17.0")
}
