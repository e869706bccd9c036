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

// Package monitoring tests config/monitoring with promtool, as a module of its own: Prometheus has many dependencies.
package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

const (
	manifest = "../../config/monitoring/200-rules.yaml"
	runbooks = "../../docs/runbooks"
)

// readRules returns the rules as Prometheus itself reads them, and each of them, and the names of their groups.
func readRules(t *testing.T) (file []byte, rules []monitoringv1.Rule, groups []string) {
	t.Helper()
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var object monitoringv1.PrometheusRule
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	for _, group := range object.Spec.Groups {
		rules, groups = append(rules, group.Rules...), append(groups, group.Name)
	}
	if file, err = yaml.Marshal(object.Spec); err != nil {
		t.Fatal(err)
	}
	return file, rules, groups
}

// build makes promtool once, in the version of go.mod.
var build = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "promtool")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "promtool")
	command := exec.Command("go", "build", "-o", program, "github.com/prometheus/prometheus/cmd/promtool")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("failed to build promtool: %w\n%s", err, output)
	}
	return program, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := build(); err == nil {
		os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// promtool runs it in a folder with files, which arguments name.
func promtool(t *testing.T, files map[string][]byte, args ...string) {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, arg := range args {
		if _, ok := files[arg]; ok {
			args[i] = filepath.Join(folder, arg)
		}
	}
	if output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// TestRules checks the syntax of rules, and of the templates in them.
func TestRules(t *testing.T) {
	file, _, _ := readRules(t)
	promtool(t, map[string][]byte{"rules.yaml": file}, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
}

// TestAlertsHaveRunbooks holds that each alert says what to do, and each runbook is of an alert.
func TestAlertsHaveRunbooks(t *testing.T) {
	_, rules, _ := readRules(t)
	files, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, file := range files {
		written = append(written, strings.TrimSuffix(filepath.Base(file), ".md"))
	}
	var wanted []string
	for _, rule := range rules {
		if rule.Alert == "" {
			continue
		}
		wanted = append(wanted, rule.Alert)
		const folder = "https://github.com/knative-lambda/knative-lambda-operator/blob/main/docs/runbooks/"
		if got, want := rule.Annotations["runbook_url"], folder+rule.Alert+".md"; got != want {
			t.Errorf("%s: runbook_url = %q, want %q", rule.Alert, got, want)
		}
		for _, name := range []string{"summary", "description"} {
			if rule.Annotations[name] == "" {
				t.Errorf("%s has no %s", rule.Alert, name)
			}
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) {
			t.Errorf("%s has severity %q", rule.Alert, rule.Labels["severity"])
		}
	}
	slices.Sort(wanted)
	if !slices.Equal(written, wanted) {
		t.Errorf("there are runbooks of %v, want %v", written, wanted)
	}
}

// TestAlerts has each alert fire and stay silent, at the edge of its threshold and its duration.
func TestAlerts(t *testing.T) {
	file, rules, groups := readRules(t)
	var fire, silent []string
	for _, c := range cases {
		if len(c.fires) > 0 {
			fire = append(fire, c.alert)
		}
		if len(c.silent) > 0 {
			silent = append(silent, c.alert)
		}
		t.Run(c.alert+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			test, err := yaml.Marshal(c.file(groups))
			if err != nil {
				t.Fatal(err)
			}
			promtool(t, map[string][]byte{"rules.yaml": file, "test.yaml": test}, "test", "rules", "test.yaml")
		})
	}
	for _, rule := range rules {
		if rule.Alert != "" && (!slices.Contains(fire, rule.Alert) || !slices.Contains(silent, rule.Alert)) {
			t.Errorf("%s has no case in which it fires, or none in which it is silent", rule.Alert)
		}
	}
}
