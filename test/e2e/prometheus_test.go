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
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// monitoring are the manifests that the tests' Prometheus and Grafana would be given.
const monitoring = "../../config/monitoring/"

// prometheus is one beside the cluster, which has the rules of config/monitoring and scrapes what its monitors select.
type prometheus struct {
	*scenario
	url string
}

// scrapes are what the Prometheus Operator makes of 100-monitors.yaml, but for the way to the pods: it leads through the
// API server, since this machine may be no part of their network. The first argument is the proxy's address, the second the file
// of rules.
const scrapes = `
global: {scrape_interval: 2s, evaluation_interval: 2s}
rule_files: [%[2]q]
scrape_configs:
  - job_name: knative-lambda
    honor_labels: true
    kubernetes_sd_configs: [{role: pod, api_server: "http://%[1]s", namespaces: {names: [knative-lambda]}}]
    relabel_configs:
      - {action: keep, source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_container_port_name], regex: knative-lambda;metrics}
      - &namespace {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - &pod {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - &path
        source_labels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_name, __meta_kubernetes_pod_container_port_number]
        regex: (.+);(.+);(.+)
        replacement: /api/v1/namespaces/$1/pods/$2:$3/proxy/metrics
        target_label: __metrics_path__
      - &address {replacement: "%[1]s", target_label: __address__}
    metric_relabel_configs: [{action: labeldrop, regex: otel_scope_.*}]
  - job_name: functions
    honor_labels: true
    kubernetes_sd_configs: [{role: pod, api_server: "http://%[1]s"}]
    relabel_configs:
      - {action: keep, source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_managed_by, __meta_kubernetes_pod_container_port_name], regex: knative-lambda-operator;user-port}
      - *namespace
      - *pod
      - *path
      - *address
`

// startPrometheus builds Prometheus, in the version of test/monitoring, and runs it until the test ends.
func (s *scenario) startPrometheus() *prometheus {
	s.Helper()
	folder := s.TempDir()
	program := filepath.Join(folder, "prometheus")
	build := exec.CommandContext(interrupted, "go", "build", "-o", program, "github.com/prometheus/prometheus/cmd/prometheus")
	build.Dir = "../monitoring"
	if output, err := build.CombinedOutput(); err != nil {
		s.Fatalf("Failed to build Prometheus: %v\n%s", err, output)
	}
	handler, err := clients.Proxy()
	if err != nil {
		s.Fatal(err)
	}
	proxy := httptest.NewServer(handler)
	s.Cleanup(proxy.Close)
	rules, configuration := filepath.Join(folder, "rules.yaml"), filepath.Join(folder, "prometheus.yaml")
	s.write(rules, string(s.rules()))
	s.write(configuration, fmt.Sprintf(scrapes, proxy.Listener.Addr(), rules))

	address := s.freeAddress()
	var output bytes.Buffer
	run := exec.Command(program, "--config.file="+configuration, "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+address, "--enable-feature=exemplar-storage")
	run.Stdout, run.Stderr = &output, &output
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive a run that is killed
	if err := run.Start(); err != nil {
		s.Fatalf("Failed to start Prometheus: %v", err)
	}
	s.Cleanup(func() {
		_ = run.Process.Kill() // it may have ended
		_ = run.Wait()         // how it ended says nothing: it is killed
		if s.Failed() {
			s.Log("Prometheus said:\n" + output.String())
		}
	})
	p := &prometheus{s, "http://" + address}
	p.until("Prometheus is ready", func() error {
		response, err := test.Get(interrupted, http.DefaultClient, p.url+"/-/ready")
		if err == nil && response.Status != http.StatusOK {
			err = errors.New(response.Body)
		}
		return err
	})
	return p
}

func (s *scenario) write(path, text string) {
	s.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// rules returns those of the PrometheusRule as a file of Prometheus itself.
func (s *scenario) rules() []byte {
	s.Helper()
	text, err := os.ReadFile(monitoring + "200-rules.yaml")
	if err != nil {
		s.Fatal(err)
	}
	var object struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		s.Fatal(err)
	}
	return object.Spec
}

func (s *scenario) freeAddress() string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// until tries again until nothing is wrong.
func (s *scenario) until(what string, try func() error) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		var last error
		err := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
			last = try()
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w: %w", what, err, last)
		}
		return nil
	})
}

// query returns the values of what a query finds now.
func (p *prometheus) query(expr string) ([]float64, error) {
	response, err := test.Get(interrupted, http.DefaultClient, p.url+"/api/v1/query?query="+url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Value []any
			}
		}
	}
	if err := json.Unmarshal([]byte(response.Body), &answer); err != nil || answer.Error != "" {
		return nil, fmt.Errorf("failed to query %s: %s, %w", expr, answer.Error, err)
	}
	var values []float64
	for _, sample := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(sample.Value[1]), 64)
		if err != nil {
			return nil, fmt.Errorf("failed to read a value of %s: %w", expr, err)
		}
		values = append(values, value)
	}
	return values, nil
}

// awaitData waits until a query finds a number.
func (p *prometheus) awaitData(expr string) {
	p.Helper()
	p.until(expr, func() error {
		values, err := p.query(expr)
		for _, value := range values {
			if !math.IsNaN(value) {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("found %v", values))
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
	text, err := os.ReadFile(monitoring + "300-dashboards.yaml")
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
