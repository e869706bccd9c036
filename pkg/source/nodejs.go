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

package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	kjson "sigs.k8s.io/json"
)

var nodejs = language{
	mainFile:  "index.js",
	manifest:  "package.json",
	beside:    []string{packageLock, ".npmrc"},
	normalize: normalizePackage,
	read:      readPackage,
	install:   installPackage,

	// Node.js looks for packages beside the code, and then above it.
	dependenciesPath: "/lambda/node_modules",
	// Libraries are made for development where nobody says otherwise.
	env: []variable{{"NODE_ENV", "production"}},
}

const packageLock = "package-lock.json"

var (
	packageName = regexp.MustCompile(`^(@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*$`)
	// packageFolder is a version that is a folder, which is not there when dependencies are installed.
	packageFolder = regexp.MustCompile(`^(file:|link:|workspace:|portal:|\.{0,2}/|~/)`)
)

// packageFields are what a package.json is told by. No package that is used has such a name, or else a version as odd
// as the values of these.
var packageFields = []string{
	"name", "version", "private", "scripts", "dependencies", "devDependencies", "optionalDependencies", "peerDependencies",
}

// manifest is what of a package.json says what to install. All else of it changes nothing, and does not build again.
type manifest struct {
	Dependencies         map[string]string `json:"dependencies,omitempty"`
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
	PeerDependencies     map[string]string `json:"peerDependencies,omitempty"`
	Overrides            map[string]any    `json:"overrides,omitempty"`
}

// normalizePackage reads the text of a package.json, or a JSON object of names and versions.
func normalizePackage(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	fields := map[string]json.RawMessage{}
	if err := unmarshal(text, &fields); err != nil {
		return "", fmt.Errorf("is neither a package.json nor a JSON object of names and versions: %w", err)
	}
	isField := func(name string) bool { return fields[name] != nil }
	kind := string(fields["type"])
	if slices.ContainsFunc(packageFields, isField) || kind == `"module"` || kind == `"commonjs"` {
		return readPackage(text)
	}
	var m manifest
	if err := unmarshal(text, &m.Dependencies); err != nil {
		return "", fmt.Errorf("is neither a package.json nor a JSON object of names and versions: %w", err)
	}
	return m.encode()
}

// readPackage reads the text of a package.json.
func readPackage(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	var p struct {
		manifest   `json:",inline"`
		Workspaces any `json:"workspaces"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &p); err != nil {
		return "", fmt.Errorf("is not a package.json: %w", err)
	}
	if p.Workspaces != nil {
		return "", errors.New("workspaces: are not supported: give each function a package.json of its own")
	}
	return p.encode()
}

func unmarshal(text string, into any) error {
	strict, err := kjson.UnmarshalStrict([]byte(text), into)
	return errors.Join(append(strict, err)...)
}

// encode returns the normal form, or says what cannot be installed.
func (m *manifest) encode() (string, error) {
	for _, field := range []struct {
		name     string
		packages map[string]string
	}{
		{"dependencies", m.Dependencies},
		{"optionalDependencies", m.OptionalDependencies},
		{"peerDependencies", m.PeerDependencies},
	} {
		for _, name := range slices.Sorted(maps.Keys(field.packages)) {
			version := strings.TrimSpace(field.packages[name])
			if err := checkPackage(name, version); err != nil {
				return "", fmt.Errorf("%s: %w", field.name, err)
			}
			if version == "" {
				version = "*"
			}
			field.packages[name] = version
		}
	}
	if len(m.Dependencies)+len(m.OptionalDependencies)+len(m.PeerDependencies) == 0 {
		return "", nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people look at it, and write >=1.2
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return "", fmt.Errorf("overrides: %w", err)
	}
	return b.String(), nil
}

func checkPackage(name, version string) error {
	switch {
	case !packageName.MatchString(name):
		return fmt.Errorf("%q is not the name of a package", name)
	case strings.ContainsFunc(version, unicode.IsControl):
		return fmt.Errorf("%q: %q is not a version", name, version)
	case packageFolder.MatchString(version):
		return fmt.Errorf("%q: %q is a folder: import its files by their paths, or publish it as a package", name, version)
	}
	return nil
}

// installPackage has npm install beside a copy of the lists: exactly what the lock file says, where there is one.
func installPackage(d *dockerfile, p *Plan, files []string) error {
	if p.Index.NpmRegistry != "" {
		if err := d.env(variable{"NPM_CONFIG_REGISTRY", p.Index.NpmRegistry}); err != nil {
			return err
		}
	}
	command := "install"
	if slices.Contains(files, packageLock) {
		command = "ci"
	}
	d.line("WORKDIR", "/lambda")
	d.line(append(append([]string{"COPY"}, files...), "/lambda/")...)
	d.exec("RUN", "npm", command, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--cache=/tmp/npm")
	return nil
}
