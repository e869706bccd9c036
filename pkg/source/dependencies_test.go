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
	"os"
	"path/filepath"
	"testing"
)

// dependenciesOf writes the plan's context and reads from it what the dependencies are.
func dependenciesOf(t *testing.T, p *Plan) *Dependencies {
	t.Helper()
	dir := t.TempDir()
	if _, err := WriteContext(t.Context(), p, dir, DefaultLimits); err != nil {
		t.Fatal("WriteContext() =", err)
	}
	d, err := ReadDependencies(dir)
	if err != nil {
		t.Fatal("ReadDependencies() =", err)
	}
	return d
}

func TestDependencies(t *testing.T) {
	plan := func(changes ...func(*Plan)) *Plan {
		return helloPlan(append([]func(*Plan){func(p *Plan) { p.Source.Inline.Dependencies = "requests==2.32.3\n" }}, changes...)...)
	}
	if d := dependenciesOf(t, helloPlan()); d != nil {
		t.Errorf("ReadDependencies() = %v for a function without any", d)
	}
	before := dependenciesOf(t, plan())
	if before.Builder != plan().BaseImage {
		t.Errorf("Builder = %q, want the base image", before.Builder)
	}
	for name, test := range map[string]struct {
		change func(*Plan)
		same   bool
	}{
		"code":    {func(p *Plan) { p.Source.Inline.Files["main.py"] += "# edited\n" }, true},
		"handler": {func(p *Plan) { p.Handler = "main.other" }, true},
		"token":   {func(p *Plan) { p.RebuildToken = "again" }, true},
		"list":    {func(p *Plan) { p.Source.Inline.Dependencies = "requests==2.32.4\n" }, false},
		"builder": {func(p *Plan) { p.BuilderImage = "docker.io/library/python:3.13" }, false},
		"index":   {func(p *Plan) { p.Index.PipIndexURL = "https://index.example.com/simple" }, false},
	} {
		if after := dependenciesOf(t, plan(test.change)); (after.Hash == before.Hash) != test.same {
			t.Errorf("%s: the hash is the same: %t", name, !test.same)
		}
	}
}

func TestReadDependenciesFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, dependenciesFileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := ReadDependencies(dir); err == nil {
		t.Errorf("ReadDependencies() = %v, want an error", d)
	}
	if d, err := ReadDependencies(filepath.Join(dir, dependenciesFileName)); err == nil {
		t.Errorf("ReadDependencies() = %v of a file, want an error", d)
	}
}
