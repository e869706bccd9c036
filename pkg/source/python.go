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
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	kjson "sigs.k8s.io/json"
)

var python = language{
	mainFile:  "main.py",
	manifest:  "requirements.txt",
	project:   "pyproject.toml",
	normalize: normalizeRequirements,
	read:      normalizeRequirements,
	install:   installRequirements,

	readProject:      requirementsFromProject,
	dependenciesPath: pythonDependencies,
}

// pythonDependencies is in the path of modules of the worker.
const pythonDependencies = "/lambda/deps"

var (
	requirementName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._, -]*\])?$`)
	requirementVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+*_-]*$`)
	requirementRange   = regexp.MustCompile(`^(===|[~=!<>]=|[<>])\s*[A-Za-z0-9][A-Za-z0-9.!+*_-]*(\s*,\s*(===|[~=!<>]=|[<>])\s*[A-Za-z0-9][A-Za-z0-9.!+*_-]*)*$`)
	separatorsOfNames  = regexp.MustCompile(`[-_.]+`)
)

// normalizeRequirements reads the text of a requirements.txt, or a JSON object of names and versions. No line of the
// former begins with a brace.
func normalizeRequirements(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return requirementsFromJSON(text)
	}
	return requirementsFromText(text)
}

// requirementsFromText leaves the lines to pip and evens out only what it does not see.
func requirementsFromText(text string) (string, error) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }); i >= 0 {
		return "", fmt.Errorf("line %d has a control character", 1+strings.Count(text[:i], "\n"))
	}
	lines := strings.Split(text, "\n")
	says := false
	for i, line := range lines {
		lines[i] = strings.TrimRightFunc(line, unicode.IsSpace)
		begin := strings.TrimSpace(line)
		says = says || begin != "" && !strings.HasPrefix(begin, "#")
	}
	if !says {
		return "", nil
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n", nil
}

func requirementsFromJSON(text string) (string, error) {
	var versions map[string]string
	strict, err := kjson.UnmarshalStrict([]byte(text), &versions)
	if err == nil {
		err = errors.Join(strict...)
	}
	if err != nil {
		return "", fmt.Errorf("is not a JSON object of names and versions: %w", err)
	}
	var b strings.Builder
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		requirement, err := requirement(name, strings.TrimSpace(versions[name]))
		if err != nil {
			return "", err
		}
		// For pip Flask_Cors and flask-cors are one package.
		same := strings.ToLower(separatorsOfNames.ReplaceAllString(name, "-"))
		if other, ok := seen[same]; ok {
			return "", fmt.Errorf("%q and %q are the same package: leave out one of the two", other, name)
		}
		seen[same] = name
		b.WriteString(requirement + "\n")
	}
	return b.String(), nil
}

func requirement(name, version string) (string, error) {
	switch {
	case !requirementName.MatchString(name):
		return "", fmt.Errorf("%q is not the name of a package", name)
	case version == "" || version == "*" || version == "latest":
		return name, nil
	case requirementVersion.MatchString(version):
		return name + "==" + version, nil
	case requirementRange.MatchString(version):
		return name + version, nil
	default:
		return "", fmt.Errorf("%q: %q is not a version: write 1.2.3, or >=1.2,<2, or * for any", name, version)
	}
}

// installAndCompile runs pip, and compiles what it installed. pip would compile it in a folder whose name differs each
// time and is part of the bytecode. What does not compile is code that nobody imports, such as a template.
const installAndCompile = "import compileall, subprocess, sys; " +
	`sys.exit(subprocess.call([sys.executable, "-m", "pip", *sys.argv[1:]]) or compileall.compile_dir("` + pythonDependencies + `", quiet=2) * 0)`

func installRequirements(d *dockerfile, p *Plan, _ []string) error {
	if err := d.env(
		// With it bytecode is valid by hash. Valid by time it would be refused after the layer was made anew, and
		// compiled again at each cold start.
		variable{"SOURCE_DATE_EPOCH", strconv.FormatInt(Modified.Unix(), 10)},
		// Sets in bytecode have the same order each time.
		variable{"PYTHONHASHSEED", "0"},
	); err != nil {
		return err
	}
	if p.Index.PipIndexURL != "" {
		// In the environment and not among the arguments, because those are logged.
		index := []variable{{"PIP_INDEX_URL", p.Index.PipIndexURL}}
		if u, err := url.Parse(p.Index.PipIndexURL); err == nil && u.Scheme == "http" {
			index = append(index, variable{"PIP_TRUSTED_HOST", u.Host})
		}
		if err := d.env(index...); err != nil {
			return err
		}
	}
	d.line("COPY", "requirements.txt", "/lambda/requirements.txt")
	d.exec("RUN", "python3", "-c", installAndCompile, "install", "--no-cache-dir", "--disable-pip-version-check", "--no-input",
		"--no-compile", "--root-user-action=ignore", "--target", pythonDependencies, "-r", "/lambda/requirements.txt")
	return nil
}
