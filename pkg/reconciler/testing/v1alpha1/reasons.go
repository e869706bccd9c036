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

package v1alpha1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// ReasonConstants reads the constants that begin with Reason from a file of the API, by name. There has to be one.
func ReasonConstants(t *testing.T, lifecycle string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), lifecycle, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal("ParseFile() =", err)
	}
	reasons := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		reason, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatalf("Unquote(%s) = %v", literal.Value, err)
		}
		reasons[spec.Names[0].Name] = reason
		return true
	})
	if len(reasons) == 0 {
		t.Fatalf("%s has no constants that begin with Reason", lifecycle)
	}
	return reasons
}
