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
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The four metrics are written by hand: the Prometheus client library adds 4.8
// MB to a binary of 7.4, and as much to its start as all the rest.

const (
	metricPrefix       = "knative_lambda_function_"
	textFormat         = "text/plain; version=0.0.4; charset=utf-8"
	openMetricsFormat  = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	openMetricsRequest = "application/openmetrics-text"
)

var buckets = [...]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// errorTypes is the closed set of values of the label error_type.
var errorTypes = [...]string{
	codeInvalidEvent, codeInvalidData, codeInvalidReply, codeUnsupported, codeTooLarge, codeBadBody,
	codeHandlerError, codeTimeout, codeOverloaded, codeWorkerDied, codeOutOfMemory, codeNotLoaded, codeClientGone, codeInternalError,
}

type metrics struct {
	labels string // function and namespace

	successes  atomic.Uint64
	errors     atomic.Uint64
	coldStarts atomic.Uint64
	byType     [len(errorTypes)]atomic.Uint64
	counts     [len(buckets) + 1]atomic.Uint64
	exemplars  [len(buckets) + 1]atomic.Pointer[exemplar] // the last of each bucket that was traced
	sumNanos   atomic.Int64
}

// exemplar leads from a bucket to a trace.
type exemplar struct {
	traceID, spanID string
	took            time.Duration
	at              time.Time
}

// String returns the exemplar as OpenMetrics writes it after a sample.
func (e *exemplar) String() string {
	return fmt.Sprintf(` # {trace_id="%s",span_id="%s"} %v %.3f`, e.traceID, e.spanID, e.took.Seconds(), float64(e.at.UnixMilli())/1000)
}

func newMetrics(function, namespace string) *metrics {
	return &metrics{labels: fmt.Sprintf("function=%s,namespace=%s", quote(function), quote(namespace))}
}

// observe counts an invocation. A status of 500 or more is an error also where
// the handler itself chose it.
func (m *metrics) observe(inv *invocation, status int, failed *httpError) {
	took := time.Since(inv.start)
	m.sumNanos.Add(int64(took))
	i := 0
	for i < len(buckets) && took.Seconds() > buckets[i] {
		i++
	}
	m.counts[i].Add(1)
	if inv.info.traceID != "" {
		m.exemplars[i].Store(&exemplar{inv.info.traceID, inv.info.spanID, took, time.Now()})
	}
	if inv.cold {
		m.coldStarts.Add(1)
	}
	var code string
	switch {
	case failed != nil:
		code = failed.code
	case status >= http.StatusInternalServerError:
		code = codeHandlerError
	default:
		m.successes.Add(1)
		return
	}
	m.errors.Add(1)
	for i, t := range errorTypes {
		if t == code {
			m.byType[i].Add(1)
		}
	}
}

// serve writes the metrics in the text format, or as OpenMetrics to who asks.
func (m *metrics) serve(w http.ResponseWriter, req *http.Request) {
	open := strings.Contains(req.Header.Get("Accept"), openMetricsRequest)
	contentType := textFormat
	if open {
		contentType = openMetricsFormat
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(m.encode(open)) // the scraper may have gone
}

func (m *metrics) encode(open bool) []byte {
	var b bytes.Buffer
	// In OpenMetrics a counter's family has no _total, its samples have.
	family := func(name, kind, help string) {
		if open {
			name = strings.TrimSuffix(name, "_total")
		}
		fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %s%s %s\n", metricPrefix, name, help, metricPrefix, name, kind)
	}
	sample := func(name, labels string, value uint64) {
		fmt.Fprintf(&b, "%s%s{%s%s} %d\n", metricPrefix, name, m.labels, labels, value)
	}
	bucket := func(i int, count uint64) {
		bound, last := math.Inf(1), ""
		if i < len(buckets) {
			bound = buckets[i]
		}
		if e := m.exemplars[i].Load(); open && e != nil {
			last = e.String()
		}
		fmt.Fprintf(&b, "%sduration_seconds_bucket{%s,le=\"%s\"} %d%s\n", metricPrefix, m.labels, formatBound(bound), count, last)
	}
	family("invocations_total", "counter", "Requests to the function, by outcome.")
	sample("invocations_total", `,status="success"`, m.successes.Load())
	sample("invocations_total", `,status="error"`, m.errors.Load())

	family("duration_seconds", "histogram", "Time from the arrival of a request to the end of its answer.")
	var count uint64
	for i := range m.counts {
		count += m.counts[i].Load()
		bucket(i, count)
	}
	fmt.Fprintf(&b, "%sduration_seconds_sum{%s} %v\n", metricPrefix, m.labels, time.Duration(m.sumNanos.Load()).Seconds())
	sample("duration_seconds_count", "", count)

	family("errors_total", "counter", "Requests that failed, by cause.")
	for i, t := range errorTypes {
		if n := m.byType[i].Load(); n > 0 {
			sample("errors_total", `,error_type="`+t+`"`, n)
		}
	}
	family("cold_starts_total", "counter", "First requests to a new process.")
	sample("cold_starts_total", "", m.coldStarts.Load())
	if open {
		b.WriteString("# EOF\n")
	}
	return b.Bytes()
}

func formatBound(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0" // canonical in OpenMetrics, and equal in both formats
	}
	return s
}

// quote quotes a label's value.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(s) + `"`
}
