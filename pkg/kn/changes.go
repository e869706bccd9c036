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

package kn

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// changes returns the paths of the fields that two specs have differently, sorted.
func changes(before, after *v1alpha1.LambdaFunctionSpec) ([]string, error) {
	var values [2]map[string]any
	for i, spec := range []*v1alpha1.LambdaFunctionSpec{before, after} {
		var err error
		if values[i], err = runtime.DefaultUnstructuredConverter.ToUnstructured(spec); err != nil {
			return nil, fmt.Errorf("failed to compare the function: %w", err)
		}
	}
	return differing("spec", values[0], values[1]), nil
}

func differing(path string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	old, isObject := before.(map[string]any)
	object, isToo := after.(map[string]any)
	if !isObject || !isToo {
		return []string{path}
	}
	names := maps.Clone(old)
	maps.Copy(names, object)
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := path + "." + name
		if strings.ContainsAny(name, "./") {
			at = path + "[" + name + "]"
		}
		paths = append(paths, differing(at, old[name], object[name])...)
	}
	return paths
}
