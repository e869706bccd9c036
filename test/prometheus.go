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

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Prometheus is one beside the cluster, which has the rules of config/monitoring and scrapes what its monitors select.
type Prometheus struct {
	// URL is where it answers.
	URL     string
	program *Program
	proxy   *httptest.Server
}

// scrapes are what the Prometheus Operator makes of 100-monitors.yaml, but for the way to the pods: it leads through the
// API server, since this machine may be no part of their network. The first argument is the proxy's address, the second the file
// of rules, the third further addresses.
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
      - {action: keep, source_labels: [__meta_kubernetes_pod_label_lambda_knative_io_metrics, __meta_kubernetes_pod_container_port_name], regex: true;user-port}
      - *namespace
      - *pod
      - *path
      - *address
  - job_name: kubelet
    honor_labels: true
    kubernetes_sd_configs: [{role: node, api_server: "http://%[1]s"}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_node_name], replacement: /api/v1/nodes/$1/proxy/metrics/resource, target_label: __metrics_path__}
      - *address
  - job_name: beside
    honor_labels: true
    static_configs: [{targets: [%[3]s]}]
`

// StartPrometheus builds Prometheus into a folder, in the version of test/monitoring, and starts it. The source is the
// project's; the targets, host and port, are scraped besides.
func (c *Clients) StartPrometheus(ctx context.Context, source, folder string, targets ...string) (*Prometheus, error) {
	program, err := BuildProgram(ctx, filepath.Join(source, "test/monitoring"), "github.com/prometheus/prometheus/cmd/prometheus", folder)
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(filepath.Join(source, "config/monitoring/200-rules.yaml"))
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	handler, err := c.Proxy()
	if err != nil {
		return nil, err
	}
	p := &Prometheus{URL: "http://" + address, proxy: httptest.NewServer(handler)}
	files := map[string]string{"rules.yaml": string(rules), "prometheus.yaml": fmt.Sprintf(scrapes,
		p.proxy.Listener.Addr(), filepath.Join(folder, "rules.yaml"), strings.Join(targets, ", "))}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			p.proxy.Close()
			return nil, fmt.Errorf("failed to configure Prometheus: %w", err)
		}
	}
	p.program, err = StartProgram(program, "--config.file="+filepath.Join(folder, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address, "--enable-feature=exemplar-storage")
	if err != nil {
		p.proxy.Close()
		return nil, err
	}
	return p, nil
}

// Stop ends Prometheus, and returns what it has printed.
func (p *Prometheus) Stop() string {
	defer p.proxy.Close()
	return p.program.Stop()
}

// rulesOf returns those of a PrometheusRule as a file of Prometheus itself.
func rulesOf(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("failed to read the rules: %w", err)
	}
	var object struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("failed to parse the rules of %s: %w", path, err)
	}
	return object.Spec, nil
}

// Sample is what a query has found.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query returns what a query finds now. It fails until Prometheus is ready.
func (p *Prometheus) Query(ctx context.Context, expr string) ([]Sample, error) {
	response, err := Get(ctx, http.DefaultClient, p.URL+"/api/v1/query?query="+url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  []any
			}
		}
	}
	if err := json.Unmarshal([]byte(response.Body), &answer); err != nil || answer.Error != "" {
		return nil, fmt.Errorf("failed to query %s: %d %s, %w", expr, response.Status, answer.Error, err)
	}
	samples := make([]Sample, 0, len(answer.Data.Result))
	for _, found := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(found.Value[1]), 64)
		if err != nil {
			return nil, fmt.Errorf("failed to read a value of %s: %w", expr, err)
		}
		samples = append(samples, Sample{found.Metric, value})
	}
	return samples, nil
}
