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

package config

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

const twoVersions = `
default: "3.13"
versions:
  "3.9": {baseImage: "registry.example.com/python:3.9"}
  "3.13": {baseImage: "registry.example.com/python@sha256:9a0364b9e99bb480dd25e1f0284c8555ab7b8a9b0a9a0364b9e99bb480dd25e1"}
`

func TestShippedRuntimes(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, RuntimesConfigName)
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewRuntimesFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewRuntimesFromConfigMap() =", err)
			}
			if diff := cmp.Diff(defaultRuntimes().languages, got.languages); diff != "" {
				t.Error("NewRuntimesFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewRuntimesFromMap(t *testing.T) {
	r, err := NewRuntimesFromMap(map[string]string{"python": twoVersions, "_example": "not: parsed"})
	if err != nil {
		t.Fatal("NewRuntimesFromMap() =", err)
	}
	if diff := cmp.Diff([]string{"go", "nodejs", "python"}, r.Languages()); diff != "" {
		t.Error("Languages() (-want, +got):", diff)
	}
	if diff := cmp.Diff([]string{"3.9", "3.13"}, r.Versions("python")); diff != "" {
		t.Error("Versions() (-want, +got):", diff)
	}
	if got, want := r.DefaultVersion("python"), "3.13"; got != want {
		t.Errorf("DefaultVersion() = %q, want %q", got, want)
	}
	if got, ok := r.BaseImage("python", "3.9"); !ok || got != "registry.example.com/python:3.9" {
		t.Errorf("BaseImage() = %q, %t", got, ok)
	}
	// The ConfigMap's versions stand in place of the defaults, not beside them.
	if got, ok := r.BaseImage("python", "3.12"); ok {
		t.Errorf("BaseImage() of a version that is not on offer = %q", got)
	}
	if r.DeepCopy() != r {
		t.Error("DeepCopy() of what cannot change is another object")
	}
}

func TestUnknownLanguage(t *testing.T) {
	r := defaultRuntimes()
	if got := r.DefaultVersion("cobol"); got != "" {
		t.Errorf("DefaultVersion() = %q", got)
	}
	if got := r.Versions("cobol"); len(got) != 0 {
		t.Errorf("Versions() = %q", got)
	}
	if got, ok := r.BaseImage("cobol", "85"); ok {
		t.Errorf("BaseImage() = %q", got)
	}
}

func TestBuilderImage(t *testing.T) {
	r := defaultRuntimes()
	if image, ok := r.BaseImage("go", "1.26"); !ok || image != "" {
		t.Errorf("BaseImage() = %q, %t, want that of the runtime", image, ok)
	}
	if got, want := r.BuilderImage("go", r.DefaultVersion("go")), "docker.io/library/golang:1.26"; got != want {
		t.Errorf("BuilderImage() = %q, want %q", got, want)
	}
	if got := r.BuilderImage("python", "3.13"); got != "" {
		t.Errorf("BuilderImage() of what is not compiled = %q", got)
	}
}

func TestNewRuntimesFromMapRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		data map[string]string
		want string
	}{{
		name: "language that the operator has no worker for",
		data: map[string]string{"cobol": twoVersions},
		want: `failed to parse "cobol": no such language; choose one of: go, nodejs, python`,
	}, {
		name: "not YAML",
		data: map[string]string{"python": "{"},
		want: `failed to parse "python": error converting YAML to JSON: yaml: line 1: did not find expected node content`,
	}, {
		name: "unknown field",
		data: map[string]string{"python": "latest: \"3.13\""},
		want: `failed to parse "python": error unmarshaling JSON: while decoding JSON: json: unknown field "latest"`,
	}, {
		name: "nothing on offer",
		data: map[string]string{"python": ""},
		want: `failed to parse "python": default "" is not among the versions`,
	}, {
		name: "default that is not on offer",
		data: map[string]string{"python": `{default: "3.10", versions: {"3.13": {baseImage: python}}}`},
		want: `failed to parse "python": default "3.10" is not among the versions`,
	}, {
		name: "version without an image",
		data: map[string]string{"python": `{default: "3.13", versions: {"3.13": {}}}`},
		want: `failed to parse "python": version "3.13": baseImage: could not parse reference: `,
	}, {
		name: "compiled language without an image to compile in",
		data: map[string]string{"go": `{default: "1.26", versions: {"1.26": {baseImage: static}}}`},
		want: `failed to parse "go": version "1.26": builderImage: could not parse reference: `,
	}, {
		name: "builder that is no image",
		data: map[string]string{"python": `{default: "3.13", versions: {"3.13": {baseImage: python, builderImage: "a b"}}}`},
		want: `failed to parse "python": version "3.13": builderImage: could not parse reference: a b`,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := NewRuntimesFromMap(tc.data)
			if err == nil {
				t.Fatalf("NewRuntimesFromMap() = %+v, wanted an error", got)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error("NewRuntimesFromMap() (-want, +got):", diff)
			}
		})
	}
}

func TestCompareVersions(t *testing.T) {
	ascending := []string{"3", "3.9", "3.10", "3.10.1", "3.10-slim", "3.11-slim", "3.11-tiny", "22"}
	for i, a := range ascending {
		for j, b := range ascending {
			got := compareVersions(a, b)
			if (i < j) != (got < 0) || (i > j) != (got > 0) {
				t.Errorf("compareVersions(%q, %q) = %d", a, b, got)
			}
		}
	}
}

func FuzzNewRuntimesFromMap(f *testing.F) {
	f.Add("python", twoVersions)
	f.Add("python", "{}")
	f.Add("python", `{default: "3.13", versions: {"3.13": null}}`)
	f.Add("cobol", twoVersions)
	f.Add("_example", "text")
	f.Fuzz(func(t *testing.T, language, text string) {
		r, err := NewRuntimesFromMap(map[string]string{language: text})
		if err != nil {
			if r != nil {
				t.Error("both Runtimes and an error:", err)
			}
			return
		}
		for _, language := range r.Languages() {
			versions := maps.Collect(func(yield func(string, bool) bool) {
				for _, version := range r.Versions(language) {
					image, ok := r.BaseImage(language, version)
					if !yield(version, ok && image+r.BuilderImage(language, version) != "") {
						return
					}
				}
			})
			if !versions[r.DefaultVersion(language)] {
				t.Errorf("default version %q of %q has no image among %v", r.DefaultVersion(language), language, versions)
			}
		}
	})
}
