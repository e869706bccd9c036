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

// The schemas program writes the JSON Schema of a LambdaFunction's spec, as commands have it, to its standard output. It
// reads the schema of the CustomResourceDefinition, so that both say the same.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// crd is what is read of a CustomResourceDefinition.
type crd struct {
	Spec struct {
		Versions []struct {
			Schema struct {
				OpenAPI struct {
					Properties map[string]map[string]any `json:"properties"`
				} `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func main() {
	if err := run("config/300-lambdafunction.yaml"); err != nil {
		log.Fatal("Failed to write the schema: ", err)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var definition crd
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	if len(definition.Spec.Versions) != 1 {
		return errors.New("say which version's schema commands have")
	}
	spec := definition.Spec.Versions[0].Schema.OpenAPI.Properties["spec"]
	if spec == nil {
		return errors.New("the definition has no spec")
	}
	convert(spec)
	spec["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	spec["title"] = "The spec of a LambdaFunction"
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(spec)
}

// convert makes JSON Schema of Kubernetes' structural schema: what Kubernetes alone knows is left out, and fields that
// Kubernetes would drop are refused.
func convert(schema map[string]any) {
	_, open := schema["x-kubernetes-preserve-unknown-fields"]
	for keyword := range schema {
		if strings.HasPrefix(keyword, "x-kubernetes-") || keyword == "default" || keyword == "nullable" {
			delete(schema, keyword)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	if _, has := schema["additionalProperties"]; properties != nil && !open && !has {
		schema["additionalProperties"] = false
	}
	for _, property := range properties {
		descend(property)
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		descend(schema[keyword])
	}
}

func descend(value any) {
	if schema, ok := value.(map[string]any); ok {
		convert(schema)
	}
}
