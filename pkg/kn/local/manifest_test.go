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

package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifestHead = "kind: Secret\nstringData: {a: b}\n---\napiVersion: lambda.knative.io/v1alpha1\nkind: LambdaFunction\nmetadata: {name: hello}\nspec:\n"

func TestReadManifest(t *testing.T) {
	for name, tc := range map[string]struct {
		text   string
		strict bool
		err    string
	}{
		"plain":                   {manifestHead + "  source: {type: inline, inline: {code: a, files: {b.py: c}}}", true, ""},
		"an older form":           {manifestHead + "  runtime: {version: 3.13}\n  scaling: {maxReplicas: \"5\"}\n  source: {type: inline, inline: {dependencies: {a: \"1\"}}}", true, ""},
		"Kubernetes' own types":   {manifestHead + "  env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n  resources: {limits: {cpu: 1}}", true, ""},
		"unknown field":           {manifestHead + "  scaling: {maxReplica: 5}", true, "spec.scaling.maxReplica: there is no such field"},
		"unknown field in a list": {manifestHead + "  env: [{name: A, valu: b}]", true, "spec.env[0].valu: there is no such field"},
		"unknown field left out":  {manifestHead + "  scaling: {maxReplica: 5}", false, ""},
		"no function":             {"kind: Secret", true, "has no LambdaFunction"},
		"no YAML":                 {"a: [", true, "failed to read manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "function.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			fn, err := ReadManifest(file, tc.strict)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("ReadManifest() = %v, want %q", err, tc.err)
			}
			if err == nil && fn.Name != "hello" {
				t.Errorf("ReadManifest() = %q, want hello", fn.Name)
			}
		})
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifestHead + "  source: {type: inline}"))
	f.Add([]byte("kind: LambdaFunction\nspec: [a]"))
	f.Add([]byte("kind: LambdaFunction\nspec: {env: {a: b}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if fn, err := parseManifest(text, true); err == nil && fn != nil && fn.Kind != "LambdaFunction" {
			t.Errorf("parseManifest() = a %q", fn.Kind)
		}
	})
}
