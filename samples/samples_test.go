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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
			var sample metav1.PartialObjectMetadata
			if err := yaml.Unmarshal(data, &sample); err != nil {
				t.Fatal("failed to parse sample:", err)
			}
			if want := strings.TrimSuffix(file, ".yaml"); sample.Name != want {
				t.Errorf("name = %s, want that of the file, %s", sample.Name, want)
			}
			if sample.Kind == "LambdaAgent" {
				checkAgent(t, data)
			} else {
				checkFunction(t, data)
			}
		})
	}
}

func checkFunction(t *testing.T, data []byte) {
	t.Helper()
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
}

func checkAgent(t *testing.T, data []byte) {
	t.Helper()
	la := &v1alpha1.LambdaAgent{}
	if err := yaml.UnmarshalStrict(data, la); err != nil {
		t.Fatal("failed to parse sample:", err)
	}
	la.SetDefaults(t.Context())
	if err := la.Validate(t.Context()); err != nil {
		t.Error("Validate() =", err)
	}
}

// The page on agents shows the sample of one that chats.
func TestAgentsPage(t *testing.T) {
	shows(t, "../docs/agents.md", "agent-chat.yaml")
}

// The README shows the first sample: what people read is what people apply.
func TestReadme(t *testing.T) {
	shows(t, "../README.md", "hello-python.yaml")
}

// shows holds that a page has the object of the sample, without the comments before it.
func shows(t *testing.T, page, sample string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal("failed to read page:", err)
	}
	data, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal("failed to read sample:", err)
	}
	i := strings.Index(string(data), "apiVersion:")
	if object := string(data[max(0, i):]); i < 0 || !strings.Contains(string(text), "```yaml\n"+object+"```") {
		t.Errorf("%s does not show %s:\n%s", page, sample, object)
	}
}
