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

package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// TestReadSecret reads folders as kubelet writes them: keys are links to files in a folder that is changed at once.
func TestReadSecret(t *testing.T) {
	mounted := t.TempDir()
	data := filepath.Join(mounted, "..2026_03_01")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"token": "a", "user": ""} {
		if err := os.WriteFile(filepath.Join(data, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", key), filepath.Join(mounted, key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Base(data), filepath.Join(mounted, "..data")); err != nil {
		t.Fatal(err)
	}
	leading := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(leading, "key")); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		dir   string
		want  map[string]string
		fails bool
	}{
		"no Secret":             {dir: "", want: map[string]string{}},
		"one that is not there": {dir: t.TempDir(), want: map[string]string{}},
		"as kubelet mounts it":  {dir: mounted, want: map[string]string{"token": "a", "user": ""}},
		"no folder":             {dir: filepath.Join(mounted, "none"), fails: true},
		"a key leads elsewhere": {dir: leading, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := source.ReadSecret(tc.dir)
			if diff := cmp.Diff(tc.want, got); diff != "" || tc.fails != (err != nil) {
				t.Errorf("ReadSecret() = %v, %v, want %v, and that it fails is %t", got, err, tc.want, tc.fails)
			}
		})
	}
}
