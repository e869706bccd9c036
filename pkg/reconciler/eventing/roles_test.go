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

package eventing_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestShippedRoles holds that the operator has no right that it could give away to read Secrets, or all of something.
func TestShippedRoles(t *testing.T) {
	const label = "lambda.knative.io/api-source"
	roles := readClusterRoles(t, "../../../config/200-clusterroles.yaml")
	gathers := roles["knative-lambda-api-sources"].AggregationRule
	if gathers == nil || gathers.ClusterRoleSelectors[0].MatchLabels[label] != "true" {
		t.Errorf("ClusterRole knative-lambda-api-sources gathers %v", gathers)
	}
	given := roles["knative-lambda-api-sources-workloads"]
	if given.Labels[label] != "true" || len(given.Rules) == 0 {
		t.Errorf("ClusterRole knative-lambda-api-sources-workloads is not gathered: %v", given.Labels)
	}
	for _, rule := range given.Rules {
		if !slices.Equal(rule.Verbs, []string{"get", "list", "watch"}) {
			t.Errorf("functions may get accounts that may %v %v", rule.Verbs, rule.Resources)
		}
	}
	for name, role := range roles {
		for _, rule := range role.Rules {
			all := slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs)
			for _, forbidden := range []string{"*", "secrets", "escalate", "bind", "impersonate"} {
				if slices.Contains(all, forbidden) {
					t.Errorf("ClusterRole %s has %s: %v", name, forbidden, rule)
				}
			}
		}
	}
}

func readClusterRoles(t *testing.T, file string) map[string]rbacv1.ClusterRole {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	roles := map[string]rbacv1.ClusterRole{}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096); ; {
		var role rbacv1.ClusterRole
		err := decoder.Decode(&role)
		if errors.Is(err, io.EOF) {
			return roles
		}
		if err != nil {
			t.Fatal("Decode() =", err)
		}
		roles[role.Name] = role
	}
}
