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

package diagnosis

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	all := slices.Concat(faults(), others())
	for _, g := range all {
		t.Run(g.name, func(t *testing.T) {
			clients := newFakes(t, g.log, g.objects...).Clients
			explain := Explain
			if g.agent {
				explain = ExplainAgent
			}
			finding, err := explain(t.Context(), clients, namespace, g.name)
			if err != nil {
				t.Fatal("Explain() =", err)
			}
			var got bytes.Buffer
			if err := finding.Print(&got); err != nil {
				t.Fatal("Print() =", err)
			}
			compare(t, filepath.Join("testdata", g.name+".txt"), got.Bytes())
		})
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != len(all) {
		t.Errorf("testdata has %d files and %v, want %d", len(files), err, len(all))
	}
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want, +got):\n%s", file, diff)
	}
}
