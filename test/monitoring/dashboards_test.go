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
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const dashboards = "../../config/monitoring/300-dashboards.yaml"

// dashboard is what Grafana reads of one, as far as it is looked at here.
type dashboard struct {
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Templating struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		Title       string `json:"title"`
		FieldConfig struct {
			Defaults struct {
				Unit string `json:"unit"`
			} `json:"defaults"`
		} `json:"fieldConfig"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

// readDashboards returns them as Grafana's sidecar finds them: by the label of their ConfigMaps.
func readDashboards(t *testing.T) []dashboard {
	t.Helper()
	text, err := os.ReadFile(dashboards)
	if err != nil {
		t.Fatal(err)
	}
	var all []dashboard
	for i, document := range bytes.Split(text, []byte("\n---\n"))[1:] {
		var object struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Data map[string]string `json:"data"`
		}
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		if object.Metadata.Labels["grafana_dashboard"] != "1" || len(object.Data) != 1 {
			t.Errorf("document %d has labels %v and %d files", i, object.Metadata.Labels, len(object.Data))
		}
		for name, model := range object.Data {
			var d dashboard
			if err := json.Unmarshal([]byte(model), &d); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, d)
		}
	}
	return all
}

// TestDashboards has Prometheus read each query, with something for Grafana's variables.
func TestDashboards(t *testing.T) {
	var group monitoringv1.RuleGroup
	group.Name = "queries"
	seen := map[string]bool{}
	for _, d := range readDashboards(t) {
		if seen[d.UID] || d.UID == "" || len(d.UID) > 40 {
			t.Errorf("%s has the uid %q, which Grafana does not take or another one has", d.Title, d.UID)
		}
		seen[d.UID] = true
		variables := []string{"$__rate_interval", "5m"}
		for _, v := range d.Templating.List {
			variables = append(variables, "$"+v.Name, "x")
		}
		if n := len(d.Panels); n == 0 || n > 8 {
			t.Errorf("%s has %d panels", d.Title, n)
		}
		for _, p := range d.Panels {
			if p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
				t.Errorf("%s, %s has no unit or no query", d.Title, p.Title)
			}
			for _, target := range p.Targets {
				expr := strings.NewReplacer(variables...).Replace(target.Expr)
				if strings.Contains(expr, "$") {
					t.Errorf("%s, %s has a variable that nobody declares: %s", d.Title, p.Title, expr)
				}
				group.Rules = append(group.Rules, monitoringv1.Rule{Record: fmt.Sprintf("query:%d", len(group.Rules)), Expr: intstr.FromString(expr)})
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("%d dashboards", len(seen))
	}
	file, err := yaml.Marshal(monitoringv1.PrometheusRuleSpec{Groups: []monitoringv1.RuleGroup{group}})
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, map[string][]byte{"queries.yaml": file}, "check", "rules", "queries.yaml")
}
