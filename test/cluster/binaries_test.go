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
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestBinaryKey(t *testing.T) {
	base := map[string]string{"m/go.mod": "module m", "m/go.sum": "sum", "m/main.go": "package main", "m/main_test.go": "test"}
	own := binary{module: "m", pkg: "."}
	key := func(t *testing.T, b binary, change map[string]string, goVersion string) string {
		t.Helper()
		folder := writeFiles(t, base)
		for name, content := range change {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.key(folder, goVersion)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	same := key(t, own, nil, "go1")
	imported := binary{module: "m", pkg: "example.com/cmd/x"}
	for _, test := range []struct {
		name      string
		b         binary
		change    map[string]string
		goVersion string
		base      string
		wantSame  bool
	}{
		{name: "nothing changed, elsewhere", b: own, goVersion: "go1", base: same, wantSame: true},
		{name: "a test changed", b: own, goVersion: "go1", change: map[string]string{"m/main_test.go": "2"}, base: same, wantSame: true},
		{name: "source changed", b: own, goVersion: "go1", change: map[string]string{"m/main.go": "2"}, base: same},
		{name: "new source", b: own, goVersion: "go1", change: map[string]string{"m/more.go": "2"}, base: same},
		{name: "versions changed", b: own, goVersion: "go1", change: map[string]string{"m/go.sum": "2"}, base: same},
		{name: "compiler changed", b: own, goVersion: "go2", base: same},
		{name: "flags changed", b: binary{module: "m", pkg: ".", ldflags: "-X v=1"}, goVersion: "go1", base: same},
		{
			name: "another module's program", b: imported, goVersion: "go1",
			change: map[string]string{"m/main.go": "2"}, base: key(t, imported, nil, "go1"), wantSame: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := key(t, test.b, test.change, test.goVersion); (got == test.base) != test.wantSame {
				t.Errorf("key() = %s beside %s, want same: %t", got, test.base, test.wantSame)
			}
		})
	}
}

// The version is written in go.mod, and again where the linker is told it.
func TestKubernetesVersion(t *testing.T) {
	content, err := os.ReadFile("kubernetes/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`k8s\.io/kubernetes (v\S+)`).FindSubmatch(content)
	if found == nil || string(found[1]) != kubernetesVersion {
		t.Errorf("kubernetesVersion = %s, kubernetes/go.mod has %s", kubernetesVersion, found)
	}
}

func TestPruneBinaries(t *testing.T) {
	c := testCluster(t)
	now := time.Now()
	for folder, age := range map[string]time.Duration{"old": unused + time.Hour, "new": unused - time.Hour} {
		path := filepath.Join(c.cache, "bin", folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.pruneBinaries(now); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(c.cache, "bin"))
	if err != nil || len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("left in the cache: %v, %v, want new", left, err)
	}
}
