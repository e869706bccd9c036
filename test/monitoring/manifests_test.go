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

package monitoring

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests holds that the Prometheus Operator knows all fields of its objects.
func TestManifests(t *testing.T) {
	kinds := map[string]func() any{
		"ServiceMonitor": func() any { return &monitoringv1.ServiceMonitor{} },
		"PodMonitor":     func() any { return &monitoringv1.PodMonitor{} },
		"PrometheusRule": func() any { return &monitoringv1.PrometheusRule{} },
	}
	files, err := filepath.Glob("../../config/monitoring/[12]*.yaml") // dashboards are Kubernetes' own kind
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			var object struct {
				APIVersion, Kind string
				Metadata         struct{ Name string }
			}
			if err := yaml.Unmarshal(document, &object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			made, ok := kinds[object.Kind]
			if !ok || object.APIVersion != monitoringv1.SchemeGroupVersion.String() {
				t.Errorf("%s: %s %s is nothing of the Prometheus Operator's", file, object.APIVersion, object.Kind)
				continue
			}
			if err := yaml.UnmarshalStrict(document, made()); err != nil {
				t.Errorf("%s: %s %q: %v", file, object.Kind, object.Metadata.Name, err)
			}
		}
	}
}
