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

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// ReadManifest returns the first LambdaFunction of a file of YAML documents. Where it is strict, a field of the spec that
// there is not is an error; else it is left out.
func ReadManifest(file string, strict bool) (*v1alpha1.LambdaFunction, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("failed to read manifest: %w", err)
	}
	for _, document := range strings.Split("\n"+string(text), "\n---") {
		fn, err := parseManifest([]byte(document), strict)
		if err != nil {
			return nil, fmt.Errorf("failed to read manifest %q: %w", file, err)
		}
		if fn != nil {
			return fn, nil
		}
	}
	return nil, fmt.Errorf("manifest %q has no LambdaFunction", file)
}

// parseManifest returns nil for an object of another kind.
func parseManifest(document []byte, strict bool) (*v1alpha1.LambdaFunction, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil || kind.Kind != "LambdaFunction" {
		return nil, err
	}
	fn := &v1alpha1.LambdaFunction{}
	if err := yaml.Unmarshal(document, fn); err != nil || !strict {
		return fn, err
	}
	var fields struct {
		Spec any `json:"spec"`
	}
	if err := yaml.Unmarshal(document, &fields); err != nil {
		return nil, err
	}
	if unknown := UnknownFields("spec", fields.Spec, reflect.TypeFor[v1alpha1.LambdaFunctionSpec]()); len(unknown) > 0 {
		return fn, fmt.Errorf("%s: there is no such field", unknown[0])
	}
	return fn, nil
}

// UnknownFields returns the paths of the fields of a decoded YAML or JSON value that a type has not, sorted. The types
// read older forms of their values by themselves, which is why a strict decoder would see nothing: it stops at them.
func UnknownFields(path string, value any, t reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[runtime.RawExtension]() {
		return nil // whatever it is
	}
	var unknown []string
	switch value := value.(type) {
	case []any:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for i, item := range value {
			unknown = append(unknown, UnknownFields(fmt.Sprintf("%s[%d]", path, i), item, t.Elem())...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			at := strings.TrimPrefix(path+"."+name, ".")
			switch of, ok := fieldType(t, name); {
			case ok:
				unknown = append(unknown, UnknownFields(at, value[name], of)...)
			case t.Kind() == reflect.Struct:
				unknown = append(unknown, at)
			}
		}
	}
	return unknown
}

// fieldType is the type of a struct's field, by its name in JSON, or of what a map holds. In an older form of a value, which
// is another type, there is none.
func fieldType(t reflect.Type, name string) (reflect.Type, bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
	default:
		return nil, false
	}
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == name {
			return field.Type, true
		}
		if options == "inline" && field.Type.Kind() == reflect.Struct {
			if of, ok := fieldType(field.Type, name); ok {
				return of, true
			}
		}
	}
	return nil, false
}
