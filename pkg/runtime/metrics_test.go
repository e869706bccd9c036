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

package runtime

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	m := newMetrics(&Options{Name: `f"n`, Namespace: "ns"})
	traced := &span{traceContext: newTraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true)}
	begun := time.Now()
	start := func(ago time.Duration) *invocation { return &invocation{start: time.Now().Add(-ago), span: traced} }
	m.observe(&invocation{start: time.Now().Add(-time.Hour), cold: true, span: &span{}}, http.StatusOK, nil)
	m.started(&startup{phaseBoot: {begun, begun.Add(30 * time.Millisecond)}})
	m.observe(start(3*time.Second), http.StatusBadGateway, &httpError{http.StatusBadGateway, codeOutOfMemory, ""})
	m.observe(start(3*time.Second), http.StatusTeapot, nil)
	m.observe(start(3*time.Second), http.StatusServiceUnavailable, nil) // as the handler says
	for name, tc := range map[string]struct {
		accept, contentType string
		want, not           []string
	}{
		"text": {"", textFormat, []string{
			"# TYPE knative_lambda_function_invocations_total counter\n",
			`duration_seconds_bucket{function="f\"n",namespace="ns",le="2.5"} 0` + "\n",
			`duration_seconds_bucket{function="f\"n",namespace="ns",le="5.0"} 3` + "\n",
			`duration_seconds_bucket{function="f\"n",namespace="ns",le="+Inf"} 4` + "\n",
			`invocations_total{function="f\"n",namespace="ns",status="success"} 2` + "\n",
			`invocations_total{function="f\"n",namespace="ns",status="error"} 2` + "\n",
			`errors_total{function="f\"n",namespace="ns",error_type="OutOfMemory"} 1` + "\n",
			`errors_total{function="f\"n",namespace="ns",error_type="HandlerError"} 1` + "\n",
			`cold_starts_total{function="f\"n",namespace="ns"} 1` + "\n",
			`cold_start_duration_seconds_bucket{function="f\"n",namespace="ns",phase="boot",le="0.025"} 0` + "\n",
			`cold_start_duration_seconds_bucket{function="f\"n",namespace="ns",phase="boot",le="0.05"} 1` + "\n",
			`cold_start_duration_seconds_bucket{function="f\"n",namespace="ns",phase="first",le="+Inf"} 1` + "\n",
			`concurrent_executions{function="f\"n",namespace="ns"} 0` + "\n",
		}, []string{"trace_id", "# EOF"}},
		"OpenMetrics": {"application/openmetrics-text; version=1.0.0", openMetricsFormat, []string{
			"# TYPE knative_lambda_function_invocations counter\n",
			`le="5.0"} 3 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"} 3.`,
			`le="+Inf"} 4` + "\n# HELP", // the one that was not traced has no exemplar; sum and count follow
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			req.Header.Set("Accept", tc.accept)
			w := httptest.NewRecorder()
			m.serve(w, req)
			text := regexp.MustCompile(`(?m)^\S*duration_seconds_(sum|count).*\n`).ReplaceAllString(w.Body.String(), "")
			if got := w.Header().Get("Content-Type"); got != tc.contentType {
				t.Errorf("Content-Type = %q, want %q", got, tc.contentType)
			}
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %q in\n%s", want, text)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(text, not) {
					t.Errorf("there is %q in\n%s", not, text)
				}
			}
			if open := tc.contentType == openMetricsFormat; open != strings.HasSuffix(text, "# EOF\n") {
				t.Errorf("the end is wrong:\n%s", text)
			}
		})
	}
}

func TestMetricLabels(t *testing.T) {
	m := newMetrics(&Options{Name: "fn", Namespace: "ns", MetricLabels: map[string]string{"team": "a\nb", "function": "other"}, NoExemplars: true})
	m.observe(&invocation{start: time.Now(), span: &span{traceContext: newTraceContext("1", "2", true)}}, http.StatusOK, nil)
	text := string(m.encode(true))
	if !strings.Contains(text, `cold_starts_total{function="fn",namespace="ns",team="a\nb"} 0`) {
		t.Errorf("the labels are wrong:\n%s", text)
	}
	if strings.Contains(text, "trace_id") {
		t.Errorf("there is an exemplar:\n%s", text)
	}
	for from, want := range map[string]string{"a.b-c": "a_b_c", "1a": "_1a", "": "_", "ä": "_"} {
		if got := labelName(from); got != want {
			t.Errorf("labelName(%q) = %q, want %q", from, got, want)
		}
	}
}
