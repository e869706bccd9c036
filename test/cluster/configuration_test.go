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
	"strings"
	"testing"
)

func TestConfiguration(t *testing.T) {
	c := testCluster(t)
	if err := c.writeConfiguration(); err != nil {
		t.Fatal(err)
	}
	written, err := filepath.Glob(c.path("config", "*"))
	if err != nil || len(written) == 0 {
		t.Fatalf("wrote %v, %v", written, err)
	}
	for _, target := range configurations {
		content, err := os.ReadFile(c.path("config", target))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "{{") || strings.Contains(string(content), "<no value>") {
			t.Errorf("%s is not filled in:\n%s", target, content)
		}
	}
	templates, err := configTemplates.ReadDir("config")
	if err != nil || len(templates) != len(configurations) {
		t.Errorf("%d templates, %d configurations, %v", len(templates), len(configurations), err)
	}
}
