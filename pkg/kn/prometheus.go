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

package kn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheusv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"
)

// What functions and the operator are measured by, as docs/observability.md has it.
const (
	callsMetric       = "knative_lambda_function_invocations_total"
	durationsMetric   = "knative_lambda_function_duration_seconds_bucket"
	coldStartsMetric  = "knative_lambda_function_cold_starts_total"
	cpuSecondsMetric  = "knative_lambda_function_cpu_seconds_total"
	byteSecondsMetric = "knative_lambda_function_memory_byte_seconds_total"
	priceMetric       = "knative_lambda_operator_price"
)

// The labels of samples.
const (
	namespaceLabel = "namespace"
	functionLabel  = "function"
	statusLabel    = "status"
	currencyLabel  = "currency"
)

// window makes queries of what there was in the last while. They are those of the rules in config/monitoring, which
// Prometheus may be without, of any length.
type window struct {
	// selector has the labels of the samples that are asked for, in braces; "" is all of them.
	selector string
	length   time.Duration
}

// newWindow is of the functions of a namespace; "" is all of them. Where there are names, it is of these functions.
func newWindow(namespace string, names []string, length time.Duration) window {
	var labels []string
	if namespace != "" {
		labels = append(labels, fmt.Sprintf("%s=%q", namespaceLabel, namespace))
	}
	if len(names) > 0 {
		// Names of functions are DNS labels: none of their characters means anything in an expression.
		labels = append(labels, fmt.Sprintf("%s=~%q", functionLabel, strings.Join(names, "|")))
	}
	w := window{length: length}
	if len(labels) > 0 {
		w.selector = "{" + strings.Join(labels, ", ") + "}"
	}
	return w
}

// total is what a counter has counted, by function and by labels, each after a comma. rate() would not see the calls of
// an instance that came and went between two scrapes.
func (w window) total(metric, labels string) string {
	return fmt.Sprintf("sum by (namespace, function%[1]s) ((max_over_time(%[2]s[%[3]s]) - %[2]s offset %[3]s) or max_over_time(%[2]s[%[3]s]))",
		labels, metric+w.selector, model.Duration(w.length))
}

func (w window) calls() string { return w.total(callsMetric, ", "+statusLabel) }
func (w window) p95() string {
	return "histogram_quantile(0.95, " + w.total(durationsMetric, ", le") + ")"
}
func (w window) coldStarts() string { return w.total(coldStartsMetric, "") }

// reservedPerHour is the price of what instances have reserved.
func (w window) reservedPerHour() string {
	rate := func(metric string) string {
		return fmt.Sprintf("sum by (namespace, function) (rate(%s[%s]))", metric+w.selector, model.Duration(w.length))
	}
	return rate(cpuSecondsMetric) + priced("cpu_core_hour") + " + on (namespace, function, currency) " + rate(byteSecondsMetric) + " / 2 ^ 30" + priced("memory_gib_hour")
}

// requests is the price of the calls.
func (w window) requests() string {
	return w.total(callsMetric, "") + " / 1e6" + priced("million_requests")
}

// cost is what was reserved, and the calls, if there were any. There is none where there are no prices.
func (w window) cost() string {
	reserved := fmt.Sprintf("(%s) * %v", w.reservedPerHour(), w.length.Hours())
	return fmt.Sprintf("(%[1]s + (%[2]s) or %[1]s) and on () (max(%[3]s) > 0)", reserved, w.requests(), priceMetric)
}

// priced multiplies an amount by the price of a resource.
func priced(resource string) string {
	return fmt.Sprintf(" * on () group_left (currency) max by (currency) (%s{resource=%q})", priceMetric, resource)
}

// prometheus answers queries.
type prometheus struct {
	api     prometheusv1.API
	address string
	now     time.Time
	// warnings are written to it.
	warnings io.Writer
}

// prometheusVariable is the environment variable with the URL of Prometheus.
const prometheusVariable = "KN_LAMBDA_PROMETHEUS"

// prometheusForward has it reached, as the Prometheus Operator names it.
const prometheusForward = "kubectl --namespace monitoring port-forward service/prometheus-operated 9090, and --prometheus http://127.0.0.1:9090"

// newPrometheus makes a client of the one at a URL.
func newPrometheus(address string, now time.Time, warnings io.Writer) (*prometheus, error) {
	if address == "" {
		return nil, &commandError{
			error: errors.New("say where Prometheus is, by --prometheus or the environment variable " + prometheusVariable),
			next:  prometheusForward, code: ExitUsage,
		}
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, usagef("%q is no URL of Prometheus: write one such as http://127.0.0.1:9090", address)
	}
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		return nil, fmt.Errorf("failed to make a client of Prometheus: %w", err)
	}
	return &prometheus{prometheusv1.NewAPI(client), parsed.Redacted(), now, warnings}, nil
}

// query calls take with each number that a query finds now. What is no number, as a share of nothing is, is left out.
func (p *prometheus) query(ctx context.Context, what, query string, take func(fn types.NamespacedName, labels model.Metric, value float64)) error {
	found, warnings, err := p.api.Query(ctx, query, p.now)
	for _, warning := range warnings {
		fmt.Fprintf(p.warnings, "Prometheus warns of the %s: %s\n", what, warning)
	}
	if err != nil {
		return failf(afterPrometheus(err), "failed to ask Prometheus at %s for the %s: %w", p.address, what, err)
	}
	samples, ok := found.(model.Vector)
	if !ok {
		return fmt.Errorf("failed to ask Prometheus at %s for the %s: it answers with a %s", p.address, what, found.Type())
	}
	for _, sample := range samples {
		if value := float64(sample.Value); !math.IsNaN(value) && !math.IsInf(value, 0) {
			take(types.NamespacedName{Namespace: string(sample.Metric[namespaceLabel]), Name: string(sample.Metric[functionLabel])}, sample.Metric, value)
		}
	}
	return nil
}

// afterPrometheus says what to do when it has not answered.
func afterPrometheus(err error) string {
	var told *prometheusv1.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &told) && told.Type == prometheusv1.ErrTimeout:
		return "a longer --timeout, or a shorter --since"
	case told == nil:
		return prometheusForward
	case told.Type == prometheusv1.ErrServer:
		return "do it again, and look at the log of Prometheus"
	case told.Type == prometheusv1.ErrClient, told.Type == prometheusv1.ErrBadResponse:
		return "see whether the URL is that of Prometheus itself, and has the login that it asks for: https://USER:PASSWORD@HOST"
	}
	return ""
}
