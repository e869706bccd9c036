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

// Package docs has no code: its tests hold the documentation against what it is about.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

// TestLinks looks for links to files that are not there.
func TestLinks(t *testing.T) {
	for _, pattern := range []string{"*.md", "cmd/*.md", "runbooks/*.md", "../*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("Glob(%q) = %v, %v", pattern, files, err)
		}
		for _, file := range files {
			for _, match := range link.FindAllStringSubmatch(read(t, file), -1) {
				if strings.Contains(match[1], "://") {
					continue
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(file), match[1])); err != nil {
					t.Errorf("%s has a link to nothing: %v", file, err)
				}
			}
		}
	}
}

// TestConfiguration looks for keys of ConfigMaps that the documentation does not have.
func TestConfiguration(t *testing.T) {
	page := read(t, "configuration.md")
	files, err := filepath.Glob("../config/4*-config-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	for _, file := range files {
		var cm corev1.ConfigMap
		if err := yaml.Unmarshal([]byte(read(t, file)), &cm); err != nil {
			t.Fatalf("failed to parse %s: %v", file, err)
		}
		_, section, ok := strings.Cut(page, "\n## "+cm.Name+"\n")
		if !ok {
			t.Errorf("configuration.md says nothing of %s", cm.Name)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		var example map[string]any
		if err := yaml.Unmarshal([]byte(cm.Data["_example"]), &example); err != nil {
			t.Fatalf("failed to parse the example of %s: %v", cm.Name, err)
		}
		for key := range cm.Data {
			example[key] = nil
		}
		delete(example, "_example")
		for key := range example {
			if !strings.Contains(section, "`"+key+"`") {
				t.Errorf("configuration.md does not have key %q of %s", key, cm.Name)
			}
		}
	}
}

// TestWhy holds the example against what the command tells.
func TestWhy(t *testing.T) {
	example := "```console\n$ kn lambda why orders\n" + read(t, "../pkg/kn/diagnosis/testdata/orders.txt") + "```\n"
	if !strings.Contains(read(t, "why.md"), example) {
		t.Errorf("why.md does not have the example\n%s", example)
	}
}

// TestReference looks for fields of the schemas that the reference does not have, and for texts that differ.
func TestReference(t *testing.T) {
	functions, agents, ok := strings.Cut(read(t, "reference.md"), "\n# LambdaAgent, field by field\n")
	if !ok {
		t.Fatal("reference.md says nothing of LambdaAgents")
	}
	for kind, page := range map[string]string{"lambdafunction": functions, "lambdaagent": agents} {
		t.Run(kind, func(t *testing.T) { checkReference(t, "../config/300-"+kind+".yaml", page) })
	}
}

func checkReference(t *testing.T, definition, page string) {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal([]byte(read(t, definition)), &crd); err != nil {
		t.Fatal("failed to parse the definition:", err)
	}
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
	var look func(prefix string, fields map[string]apiextensionsv1.JSONSchemaProps)
	look = func(prefix string, fields map[string]apiextensionsv1.JSONSchemaProps) {
		for name, field := range fields {
			text := strings.Join(strings.Fields(strings.ReplaceAll(field.Description, "|", "\\|")), " ")
			if row := "| `" + prefix + name + "` | " + text + " |"; !strings.Contains(page, row) {
				t.Errorf("reference.md does not have %s", row)
			}
			// Kubernetes' and Knative's own types are described there.
			if slices.Contains([]string{"env", "envFrom", "conditions", "address", "addresses", "secretRef", "tokenSecretRef", "apiKeySecretRef"}, name) {
				continue
			}
			look(prefix+name+".", field.Properties)
			if field.Items != nil && field.Items.Schema != nil {
				look(prefix+name+"[].", field.Items.Schema.Properties)
			}
		}
	}
	look("", root["spec"].Properties)
	look("", root["status"].Properties)
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("failed to read file:", err)
	}
	return string(content)
}
