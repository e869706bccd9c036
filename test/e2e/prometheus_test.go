//go:build e2e

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

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// dashboards are the manifests that Grafana would be given.
const dashboards = "../../config/monitoring/300-dashboards.yaml"

// prometheus is one beside the cluster.
type prometheus struct {
	*scenario
	*test.Prometheus
}

// startPrometheus runs Prometheus until the test ends.
func (s *scenario) startPrometheus() *prometheus {
	s.Helper()
	started, err := clients.StartPrometheus(interrupted, "../..", s.TempDir())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if output := started.Stop(); s.Failed() {
			s.Log("Prometheus said:\n" + output)
		}
	})
	return &prometheus{s, started}
}

// awaitData waits until a query finds a number.
func (p *prometheus) awaitData(expr string) {
	p.Helper()
	p.until(expr, func() error {
		found, err := p.Query(interrupted, expr)
		for _, sample := range found {
			if !math.IsNaN(sample.Value) {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("found %v", found))
	})
}

// panel is one of a dashboard, with its queries.
type panel struct {
	title   string
	queries []string
}

// panels are those of all dashboards, with values for Grafana's variables.
func (s *scenario) panels(namespace, function string) []panel {
	s.Helper()
	text, err := os.ReadFile(dashboards)
	if err != nil {
		s.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$namespace", namespace, "$function", function)
	var all []panel
	for _, document := range bytes.Split(text, []byte("\n---\n"))[1:] {
		var object struct{ Data map[string]string }
		if err := yaml.Unmarshal(document, &object); err != nil {
			s.Fatal(err)
		}
		for name, model := range object.Data {
			var board struct {
				Panels []struct {
					Title   string
					Targets []struct{ Expr string }
				}
			}
			if err := json.Unmarshal([]byte(model), &board); err != nil {
				s.Fatalf("%s: %v", name, err)
			}
			for _, drawn := range board.Panels {
				p := panel{title: strings.TrimSuffix(name, ".json") + ": " + drawn.Title}
				for _, target := range drawn.Targets {
					p.queries = append(p.queries, variables.Replace(target.Expr))
				}
				all = append(all, p)
			}
		}
	}
	return all
}
