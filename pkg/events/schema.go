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

package events

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"sigs.k8s.io/json"
)

//go:embed schemas/*.json
var embedded embed.FS

// Schemas has the JSON Schemas (draft 2020-12): <type>.json is that of the data of the events of a type.
func Schemas() fs.FS {
	schemas, err := fs.Sub(embedded, "schemas")
	if err != nil {
		panic(err) // the name is a constant
	}
	return schemas
}

// Violation is something wrong in the data of an event.
type Violation struct {
	// Pointer is where, as a JSON pointer of RFC 6901 into the data. Empty: the whole.
	Pointer string
	// Message says what is wrong, and what would be right.
	Message string
}

// compiled are the schemas by the type of event.
var compiled = sync.OnceValue(func() map[string]*jsonschema.Schema {
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(loader{})
	schemas := map[string]*jsonschema.Schema{}
	for _, t := range slices.Concat(Commands(), Controls(), Lifecycle()) {
		schemas[t] = compiler.MustCompile(base + t + ".json")
	}
	return schemas
})

// base makes URLs of the names of files, which schemas refer to each other by.
const base = "embedded:///"

// loader loads what is embedded.
type loader struct{}

func (loader) Load(url string) (any, error) {
	text, err := fs.ReadFile(Schemas(), strings.TrimPrefix(url, base))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// Check holds the data of an event against the schema of its type, and returns what is wrong, in the order of the
// pointers. Data that is absent is an object without members. It fails for types without a schema.
func Check(eventType string, data []byte) ([]Violation, error) {
	schema, ok := compiled()[eventType]
	if !ok {
		return nil, fmt.Errorf("events of type %q have no schema", eventType)
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	var value any
	strict, err := json.UnmarshalStrict(data, &value)
	if err != nil {
		return []Violation{{Message: "this is not JSON: " + err.Error()}}, nil //nolint:nilerr // It is what was looked for.
	}
	if len(strict) > 0 {
		return []Violation{{Message: strict[0].Error()}}, nil // a member that is there twice
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(value); {
	case errors.As(err, &invalid):
		return violations(invalid), nil
	case err != nil:
		return nil, fmt.Errorf("failed to validate: %w", err)
	}
	return nil, nil
}

var english = message.NewPrinter(language.English)

// violations are the leaves of an error: what is above them only says that something below is wrong.
func violations(root *jsonschema.ValidationError) []Violation {
	var found []Violation
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) > 0 {
			return
		}
		at := e.InstanceLocation
		switch k := e.ErrorKind.(type) {
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				found = append(found, Violation{Pointer(append(slices.Clone(at), name)...), "there is no such field"})
			}
		case *kind.Required:
			for _, name := range k.Missing {
				found = append(found, Violation{Pointer(append(slices.Clone(at), name)...), "it is missing"})
			}
		default:
			found = append(found, Violation{Pointer(at...), e.ErrorKind.LocalizedString(english)})
		}
	}
	walk(root)
	slices.SortStableFunc(found, func(a, b Violation) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return slices.Compact(found)
}

// Pointer makes a JSON pointer (RFC 6901) of the names on the way to a value.
func Pointer(names ...string) string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, name := range names {
		b.WriteByte('/')
		_, _ = escape.WriteString(&b, name) // a Builder does not fail
	}
	return b.String()
}
