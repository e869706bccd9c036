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
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// RuntimesConfigName is the name of the ConfigMap that lists the languages on offer. Each key is a language.
const RuntimesConfigName = "config-runtimes"

// Runtimes are the languages on offer and their versions.
//
// +k8s:deepcopy-gen=false
type Runtimes struct {
	languages map[string]LanguageRuntimes
}

// LanguageRuntimes are the versions of one language.
type LanguageRuntimes struct {
	// Default is the version of functions that name none; one of Versions.
	Default string `json:"default"`
	// Versions are those on offer, by the text that functions name them with.
	Versions map[string]VersionRuntime `json:"versions"`
}

// VersionRuntime is one version of a language.
type VersionRuntime struct {
	// BaseImage is what the function's image begins with. It has the language's interpreter in its PATH. Empty, which
	// goes for compiled languages only: the image begins with the runtime's own.
	BaseImage string `json:"baseImage,omitempty"`
	// BuilderImage is where the function is compiled. Empty for languages that are not.
	BuilderImage string `json:"builderImage,omitempty"`
}

// compiled are the languages that need a BuilderImage, and no BaseImage.
var compiled = []string{"go"}

func defaultRuntimes() *Runtimes {
	const golang = "docker.io/library/golang:%s"
	goVersions := map[string]VersionRuntime{}
	for _, version := range []string{"1.24", "1.25", "1.26"} {
		goVersions[version] = VersionRuntime{BuilderImage: fmt.Sprintf(golang, version)}
	}
	return &Runtimes{languages: map[string]LanguageRuntimes{
		"go":     {Default: "1.26", Versions: goVersions},
		"nodejs": {Default: "22", Versions: slimVersions("node", "20", "22", "24")},
		"python": {Default: "3.13", Versions: slimVersions("python", "3.11", "3.12", "3.13")},
	}}
}

// slimVersions are the images of a language that Docker makes, without compilers.
func slimVersions(image string, versions ...string) map[string]VersionRuntime {
	offer := make(map[string]VersionRuntime, len(versions))
	for _, version := range versions {
		offer[version] = VersionRuntime{BaseImage: fmt.Sprintf("docker.io/library/%s:%s-slim", image, version)}
	}
	return offer
}

// NewRuntimesFromConfigMap parses ConfigMap config-runtimes.
func NewRuntimesFromConfigMap(cm *corev1.ConfigMap) (*Runtimes, error) {
	return NewRuntimesFromMap(cm.Data)
}

// NewRuntimesFromMap parses the data of ConfigMap config-runtimes. A language that the data does not name keeps its
// defaults.
func NewRuntimesFromMap(data map[string]string) (*Runtimes, error) {
	r := defaultRuntimes()
	for language, text := range data {
		if strings.HasPrefix(language, "_") {
			continue
		}
		if _, ok := r.languages[language]; !ok {
			return nil, fmt.Errorf("failed to parse %q: no such language; choose one of: %s", language, strings.Join(r.Languages(), ", "))
		}
		var l LanguageRuntimes
		if err := yaml.UnmarshalStrict([]byte(text), &l); err != nil {
			return nil, fmt.Errorf("failed to parse %q: %w", language, err)
		}
		if _, ok := l.Versions[l.Default]; !ok {
			return nil, fmt.Errorf("failed to parse %q: default %q is not among the versions", language, l.Default)
		}
		for version, runtime := range l.Versions {
			if err := runtime.check(slices.Contains(compiled, language)); err != nil {
				return nil, fmt.Errorf("failed to parse %q: version %q: %w", language, version, err)
			}
		}
		r.languages[language] = l
	}
	return r, nil
}

func (v *VersionRuntime) check(compiled bool) error {
	for _, image := range []struct {
		key, value string
		required   bool
	}{
		{"baseImage", v.BaseImage, !compiled},
		{"builderImage", v.BuilderImage, compiled},
	} {
		if image.value == "" && !image.required {
			continue
		}
		if _, err := name.ParseReference(image.value); err != nil {
			return fmt.Errorf("%s: %w", image.key, err)
		}
	}
	return nil
}

// Languages returns the languages on offer, in alphabetical order.
func (r *Runtimes) Languages() []string {
	return slices.Sorted(maps.Keys(r.languages))
}

// Versions returns the versions of the language, oldest first.
func (r *Runtimes) Versions(language string) []string {
	return slices.SortedFunc(maps.Keys(r.languages[language].Versions), compareVersions)
}

// DefaultVersion returns the version of functions that name none, or "" for a language that is not on offer.
func (r *Runtimes) DefaultVersion(language string) string {
	return r.languages[language].Default
}

// BaseImage returns the base image of a version, "" for the runtime's own, or false where it is not on offer.
func (r *Runtimes) BaseImage(language, version string) (string, bool) {
	v, ok := r.languages[language].Versions[version]
	return v.BaseImage, ok
}

// BuilderImage returns the image that a version is compiled in, "" where nothing is.
func (r *Runtimes) BuilderImage(language, version string) string {
	return r.languages[language].Versions[version].BuilderImage
}

// DeepCopy returns r itself: nothing can change it.
func (r *Runtimes) DeepCopy() *Runtimes {
	return r
}

// compareVersions puts 3.9 before 3.10, and 3.10 before 3.10-slim.
func compareVersions(a, b string) int {
	separator := func(r rune) bool { return r == '.' || r == '-' }
	as, bs := strings.FieldsFunc(a, separator), strings.FieldsFunc(b, separator)
	return cmp.Or(slices.CompareFunc(as, bs, compareVersionParts), cmp.Compare(a, b))
}

// compareVersionParts puts numbers before words.
func compareVersionParts(a, b string) int {
	an, aerr := strconv.Atoi(a)
	bn, berr := strconv.Atoi(b)
	switch {
	case aerr == nil && berr == nil:
		return cmp.Compare(an, bn)
	case aerr == nil:
		return -1
	case berr == nil:
		return 1
	default:
		return cmp.Compare(a, b)
	}
}
