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

// Package samples has no code: its test holds the samples against the API.
package samples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

func TestSamples(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal("failed to read sample:", err)
			}
			fn := &v1alpha1.LambdaFunction{}
			if err := yaml.UnmarshalStrict(data, fn); err != nil {
				t.Fatal("failed to parse sample:", err)
			}
			if err := fn.Validate(t.Context()); err != nil {
				t.Error("Validate() =", err)
			}
			inline := fn.Spec.Source.Inline
			if _, err := source.NewInline(string(fn.Spec.Runtime.Language), inline.Code, inline.Dependencies, inline.Files); err != nil {
				t.Error("NewInline() =", err)
			}
			if want := strings.TrimSuffix(file, ".yaml"); fn.Name != want {
				t.Errorf("name = %s, want that of the file, %s", fn.Name, want)
			}
		})
	}
}

// The README shows the first sample: what people read is what people apply.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal("failed to read README:", err)
	}
	sample, err := os.ReadFile("hello-python.yaml")
	if err != nil {
		t.Fatal("failed to read sample:", err)
	}
	_, object, ok := strings.Cut(string(sample), "\n\n")
	if !ok || !strings.Contains(string(readme), "```yaml\n"+object+"```") {
		t.Errorf("README.md does not show hello-python.yaml:\n%s", object)
	}
}
