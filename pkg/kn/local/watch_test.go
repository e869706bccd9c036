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

package local

import "testing"

func TestIsIgnored(t *testing.T) {
	for name, want := range map[string]bool{
		"main.py": false, "lib/text.py": false, "logs.py": false, "requirements.txt": false, "page.html": false,
		"out.log": true, ".git": true, ".main.py.swp": true, "main.py~": true, "main.pyc": true, "a/node_modules": true, "vendor": true,
	} {
		if got := isIgnored(name); got != want {
			t.Errorf("isIgnored(%q) = %t", name, got)
		}
	}
}
