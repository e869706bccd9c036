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

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// What a function gets that names no version must be there.
func TestRuntimesOfConfigRuntimes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "config", "400-config-runtimes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var runtimes corev1.ConfigMap
	if err := yaml.Unmarshal(content, &runtimes); err != nil {
		t.Fatal(err)
	}
	var languages map[string]string
	if err := yaml.Unmarshal([]byte(runtimes.Data["_example"]), &languages); err != nil {
		t.Fatal(err)
	}
	if len(languages) == 0 {
		t.Fatal("config-runtimes offers nothing")
	}
	images := testCluster(t).runtimeImages()
	for language, value := range languages {
		var offered struct {
			Default  string
			Versions map[string]struct{ BaseImage, BuilderImage string }
		}
		if err := yaml.Unmarshal([]byte(value), &offered); err != nil {
			t.Fatal(err)
		}
		version := offered.Versions[offered.Default]
		want := cmp.Or(version.BuilderImage, version.BaseImage)
		if got := "docker.io/" + images[language].name; got != want {
			t.Errorf("the image of %s is %s, but its version %s asks for %s", language, got, offered.Default, want)
		}
	}
}

func TestWantedRuntimes(t *testing.T) {
	for _, test := range []struct {
		name      string
		languages []string
		want      []string
		err       string
	}{
		{name: "all", languages: []string{"python", "nodejs", "go"}, want: []string{"library/python:3.13-slim", "library/node:22-slim", "library/golang:1.26"}},
		{name: "one", languages: []string{"go"}, want: []string{"library/golang:1.26"}},
		{name: "none"},
		{name: "unknown", languages: []string{"python", "cobol"}, err: `no runtime "cobol": there are [go nodejs python]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wanted, err := testCluster(t).wantedRuntimes(test.languages)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Fatalf("wantedRuntimes() = %v, want %q", err, test.err)
			}
			var got []string
			for _, w := range wanted {
				got = append(got, w.name)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("wantedRuntimes() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseMirror(t *testing.T) {
	for _, test := range []struct{ name, targets, want string }{
		{
			name:    "among others",
			targets: "Docker|Docker CE|https://a.example.com\nDebian|Debian-Security|https://b.example.com\nDebian|Debian|https://c.example.com/debian/\n",
			want:    "https://c.example.com/debian/",
		},
		{name: "none", targets: "Debian|Debian-Security|https://b.example.com\n"},
		{name: "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := parseMirror(test.targets); got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("parseMirror() = %q, %v, want %q", got, err, test.want)
			}
		})
	}
}
