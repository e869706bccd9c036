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
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// sample is one of a vector, as the API of Prometheus writes it.
func sample(value string, labels ...string) string {
	metric := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		metric[labels[i]] = labels[i+1]
	}
	text, err := json.Marshal(metric)
	if err != nil {
		panic(err) // strings are always encoded
	}
	return fmt.Sprintf(`{"metric":%s,"value":[1772366400.123,%q]}`, text, value)
}

func vector(samples ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(samples, ",") + `]}}`
}

// fakePrometheus answers each query with what its beginning says, and notes what it is asked.
type fakePrometheus struct {
	*httptest.Server
	queries []string
}

func startPrometheus(t *testing.T, status int, answers map[string]string) *fakePrometheus {
	t.Helper()
	f := &fakePrometheus{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" {
			http.NotFound(w, r)
			return
		}
		query := r.FormValue("query")
		f.queries = append(f.queries, query)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		answer := vector()
		for metric, is := range answers {
			if strings.Contains(query, metric) {
				answer = is
			}
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(f.Close)
	return f
}

// busy is what a Prometheus knows of a few functions.
func busy() map[string]string {
	hello, orders := []string{"namespace", "default", "function", "hello"}, []string{"namespace", "default", "function", "orders"}
	with := func(labels []string, more ...string) []string { return append(slices.Clone(labels), more...) }
	return map[string]string{
		", status)": vector(
			sample("1180", with(hello, "status", "success")...), sample("20", with(hello, "status", "error")...), sample("0", with(orders, "status", "success")...),
			sample("7", "namespace", "default", "function", "gone", "status", "success"), sample("4", "namespace", "other", "function", "hello", "status", "error"),
		),
		"histogram_quantile": vector(sample("0.0478125", hello...), sample("NaN", orders...), sample("12.3456", "namespace", "other", "function", "hello")),
		coldStartsMetric:     vector(sample("3", hello...), sample("1", "namespace", "other", "function", "hello")),
		priceMetric:          vector(sample("0.0123456", with(hello, "currency", "EUR")...), sample("0.00002", with(orders, "currency", "EUR")...)),
	}
}

func inOther(fn *v1alpha1.LambdaFunction) { fn.Namespace = "other" }

func TestTop(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		file string
	}{
		"table":          {nil, "top.txt"},
		"wide":           {[]string{"-o", "wide", "--since", "10m"}, "top-wide.txt"},
		"all namespaces": {[]string{"-A", "--sort", "p95"}, "top-all.txt"},
		"one":            {[]string{"orders"}, "top-one.txt"},
		"json":           {[]string{"-o", "json", "--sort", "name"}, "top.json"},
		"yaml":           {[]string{"-o", "yaml", "--sort", "cost", "hello", "image"}, "top.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPrometheus(t, http.StatusOK, busy())
			t.Setenv(prometheusVariable, p.URL)
			c := newCluster(newFunction("hello"), newFunction("image"), newFunction("orders"), newFunction("hello", inOther))
			got := c.run(t.Context(), append([]string{"top"}, tc.args...)...)
			if got.code != ExitOK || got.err != "" {
				t.Fatalf("run() = %+v", got)
			}
			golden(t, tc.file, got.out)
		})
	}
}

func TestTopSort(t *testing.T) {
	for by, want := range map[string]string{
		"name":        "hello image orders",
		"calls":       "hello orders image", // 0 calls is more than nobody knows
		"errors":      "hello image orders",
		"p95":         "hello image orders",
		"cold-starts": "hello image orders",
		"cost":        "hello orders image",
	} {
		p := startPrometheus(t, http.StatusOK, busy())
		got := newCluster(newFunction("hello"), newFunction("image"), newFunction("orders")).run(t.Context(), "top", "--prometheus", p.URL, "--sort", by)
		var names []string
		for _, row := range strings.Split(strings.TrimSpace(got.out), "\n")[1:] {
			names = append(names, strings.Fields(row)[0])
		}
		if strings.Join(names, " ") != want {
			t.Errorf("--sort %s has %s, want %s", by, names, want)
		}
	}
}

// TestTopAsks holds which functions Prometheus is asked about.
func TestTopAsks(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"namespace":      {nil, `knative_lambda_function_cold_starts_total{namespace="default"}[1h]`},
		"names":          {[]string{"orders", "hello", "--since", "90m"}, `knative_lambda_function_cold_starts_total{namespace="default", function=~"hello|orders"}[1h30m]`},
		"all namespaces": {[]string{"-A"}, `knative_lambda_function_cold_starts_total[1h]`},
		"names in all":   {[]string{"-A", "orders"}, `knative_lambda_function_cold_starts_total{function=~"orders"}[1h]`},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPrometheus(t, http.StatusOK, nil)
			got := newCluster(newFunction("hello"), newFunction("image"), newFunction("orders")).run(t.Context(), append([]string{"top", "--prometheus", p.URL}, tc.args...)...)
			if got.code != ExitOK || len(p.queries) != 4 || !strings.Contains(p.queries[2], tc.want) {
				t.Errorf("run() = %+v; it asks\n%s\nwant %s", got, strings.Join(p.queries, "\n"), tc.want)
			}
		})
	}
}

func TestTopRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		err  string
	}{
		"format":            {[]string{"-o", "xml"}, `--output "xml": it is none of wide, json, yaml`},
		"sort":              {[]string{"--sort", "age"}, `--sort "age": it is none of name, calls, errors, p95, cold-starts, cost`},
		"window":            {[]string{"--since", "0s"}, "--since 0s: write a second or more"},
		"no Prometheus":     {nil, "by --prometheus or the environment variable KN_LAMBDA_PROMETHEUS\nTry:   kubectl --namespace monitoring port-forward"},
		"no URL":            {[]string{"--prometheus", "prometheus:9090"}, `"prometheus:9090" is no URL of Prometheus`},
		"nothing that is":   {[]string{"--prometheus", "http://%"}, `"http://%" is no URL of Prometheus`},
		"URL of other kind": {[]string{"--prometheus", "ftp://prometheus"}, `"ftp://prometheus" is no URL of Prometheus`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(prometheusVariable, "")
			got := newCluster(newFunction("hello")).run(t.Context(), append([]string{"top"}, tc.args...)...)
			if got.code != ExitUsage || got.out != "" || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want %s", got, tc.err)
			}
		})
	}
}

func TestTopFails(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		answer string
		args   []string
		err    string
	}{
		"wrong query": {http.StatusBadRequest, `{"status":"error","errorType":"bad_data","error":"1:1: parse error: unexpected end of input"}`, nil, "for the calls: bad_data: 1:1: parse error"},
		"too much":    {http.StatusUnprocessableEntity, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`, nil, "execution: query processing would load too many samples"},
		"its timeout": {http.StatusServiceUnavailable, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`, nil, "server error: 503\nTry:   do it again"},
		"told in 2xx": {http.StatusOK, `{"status":"error","errorType":"timeout","error":"query timed out"}`, nil, "timeout: query timed out\nTry:   a longer --timeout"},
		"login":       {http.StatusUnauthorized, "Unauthorized", nil, "client error: 401\nTry:   see whether the URL is that of Prometheus itself"},
		"broken":      {http.StatusInternalServerError, "oops", nil, "server error: 500\nTry:   do it again"},
		"a page":      {http.StatusOK, "<html>Log in</html>", nil, "bad_response: "},
		"no data":     {http.StatusOK, `{"status":"success"}`, nil, "for the calls: "},
		"a string":    {http.StatusOK, `{"status":"success","data":{"resultType":"scalar","result":[1772366400.123,"1"]}}`, nil, "it answers with a scalar"},
		"no time":     {http.StatusOK, vector(), []string{"--timeout", "1ns"}, "context deadline exceeded\nTry:   a longer --timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPrometheus(t, tc.status, map[string]string{callsMetric: tc.answer})
			got := newCluster(newFunction("hello")).run(t.Context(), append([]string{"top", "--prometheus", p.URL}, tc.args...)...)
			if got.code != ExitFailure || got.out != "" || !strings.Contains(got.err, "failed to ask Prometheus at "+p.URL) || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want %s", got, tc.err)
			}
		})
	}
}

// TestTopDown has no Prometheus listen, and its password not told.
func TestTopDown(t *testing.T) {
	p := startPrometheus(t, http.StatusOK, nil)
	p.Close()
	got := newCluster(newFunction("hello")).run(t.Context(), "top", "--prometheus", strings.Replace(p.URL, "//", "//me:secret@", 1))
	if got.code != ExitFailure || !strings.Contains(got.err, "connection refused\nTry:   kubectl") || strings.Contains(got.err, "secret") {
		t.Errorf("run() = %+v", got)
	}
}

func TestTopWarns(t *testing.T) {
	p := startPrometheus(t, http.StatusOK, map[string]string{
		coldStartsMetric: `{"status":"success","warnings":["a store is not there"],"data":{"resultType":"vector","result":[]}}`,
	})
	got := newCluster(newFunction("hello")).run(t.Context(), "top", "--prometheus", p.URL)
	if got.code != ExitOK || got.err != "Prometheus warns of the cold starts: a store is not there\n" {
		t.Errorf("run() = %+v", got)
	}
}

func TestTopOfNone(t *testing.T) {
	p := startPrometheus(t, http.StatusOK, busy())
	for format, want := range map[string]result{
		"":     {ExitOK, "", "No functions found.\n"},
		"json": {ExitOK, "{\n  \"functions\": [],\n  \"since\": \"1h\"\n}\n", ""},
	} {
		got := newCluster().run(t.Context(), "top", "--prometheus", p.URL, "--output", format)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("--output %q (-want, +got):\n%s", format, diff)
		}
	}
	got := newCluster(newFunction("hello")).run(t.Context(), "top", "hello", "none", "--prometheus", p.URL)
	if got.code != ExitFailure || !strings.HasPrefix(got.err, `Error: there is no function "none" to look at`) {
		t.Errorf("run() = %+v, want that there is none of this name", got)
	}
	if len(p.queries) > 0 {
		t.Error("Prometheus is asked about no functions:", p.queries)
	}
}

func TestTopOfWhatMayNotBeSeen(t *testing.T) {
	c := newCluster()
	c.lambda.PrependReactor("list", "lambdafunctions", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(lambda.LambdaFunctionsResource, "", nil)
	})
	got := c.run(t.Context(), "top", "--prometheus", "http://127.0.0.1:9090")
	if got.code != ExitFailure || !strings.Contains(got.err, "failed to list functions: ") || !strings.Contains(got.err, "ask for the right") {
		t.Errorf("run() = %+v", got)
	}
}

// TestTopAsRules holds that top reckons as the rules do that are shipped, which are tested with Prometheus itself.
func TestTopAsRules(t *testing.T) {
	text, err := os.ReadFile("../../config/monitoring/200-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Spec struct {
			Groups []struct {
				Rules []struct{ Record, Expr string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	dense := func(expr string) string {
		return strings.Join(strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(expr)), " ")
	}
	rules := map[string]string{}
	for _, group := range manifest.Spec.Groups {
		for _, rule := range group.Rules {
			rules[rule.Record] = dense(rule.Expr)
		}
	}
	const inHour = "knative_lambda:invocations:in1h"
	rules["knative_lambda:cost_requests:per_hour"] = strings.Replace(rules["knative_lambda:cost_requests:per_hour"], inHour, rules[inHour], 1)
	for rule, query := range map[string]string{
		"knative_lambda:invocations:in5m":       newWindow("", nil, 5*time.Minute).calls(),
		"knative_lambda:durations:in5m":         newWindow("", nil, 5*time.Minute).total(durationsMetric, ", le"),
		"knative_lambda:cold_starts:in10m":      newWindow("", nil, 10*time.Minute).coldStarts(),
		"knative_lambda:cost_reserved:per_hour": newWindow("", nil, time.Hour).reservedPerHour(),
		"knative_lambda:cost_requests:per_hour": newWindow("", nil, time.Hour).requests(),
	} {
		if diff := cmp.Diff(rules[rule], dense(query)); diff != "" {
			t.Errorf("the query is not that of %s (-rule, +query):\n%s", rule, diff)
		}
	}
}

// TestTopDocumented holds that what top asks for is measured: TestDocumented of package observability, and the runtimes'
// tests, hold the page against what there is.
func TestTopDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWindow("default", nil, time.Hour)
	for _, query := range []string{w.calls(), w.p95(), w.coldStarts(), w.cost()} {
		names := regexp.MustCompile(`knative_lambda_\w+`).FindAllString(query, -1)
		if len(names) == 0 {
			t.Error("it asks for nothing:", query)
		}
		for _, name := range names {
			name = strings.TrimSuffix(name, "_bucket")
			ofOperator := strings.TrimPrefix(strings.TrimPrefix(name, "knative_lambda_operator_"), "knative_lambda_function_")
			if !strings.Contains(string(page), "\n| `"+name+"` | ") && !strings.Contains(string(page), "\n| `"+ofOperator+"` | ") {
				t.Errorf("docs/observability.md has no %s", name)
			}
		}
	}
}

func TestTopWrites(t *testing.T) {
	for want, got := range map[string]string{
		"0": count(0), "1200": count(1199.9999), "0.0%": percent(0), "1.7%": percent(.01666), "100.0%": percent(1),
		"0s": seconds(0), "950µs": seconds(.00095), "4.75ms": seconds(.00475), "47.8ms": seconds(.0478125), "250ms": seconds(.25),
		"1.23s": seconds(1.2345), "12.3s": seconds(12.3456), "2m3s": seconds(123.45),
		"0.0000 EUR": (&measured{Currency: "EUR"}).money(0), "<0.0001 EUR": (&measured{Currency: "EUR"}).money(.00005), "12.3457 EUR": (&measured{Currency: "EUR"}).money(12.34567),
		"0.333": perSecond(1. / 3), "1.5": perSecond(1.5),
	} {
		if got != want {
			t.Errorf("it writes %q, want %q", got, want)
		}
	}
}
