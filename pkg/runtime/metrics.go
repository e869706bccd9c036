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
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
)

// The metrics are written by hand: the Prometheus client library adds 4.8 MB to
// a binary of 7.4, and as much to its start as all the rest.

const (
	metricPrefix       = "knative_lambda_function_"
	pushedPrefix       = "knative.lambda.function." // a collector makes the other one of it
	textFormat         = "text/plain; version=0.0.4; charset=utf-8"
	openMetricsFormat  = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	openMetricsRequest = "application/openmetrics-text"
)

// What each metric is, as people read it.
const (
	helpInvocations = "Requests to the function, by outcome."
	helpDuration    = "Time from the arrival of a request to the end of its answer."
	helpErrors      = "Requests that failed, by cause."
	helpColdStarts  = "First requests to a new process."
	helpColdStart   = "Time that a cold start takes: boot is from the start of the supervisor until the worker's language runs, " +
		"init until the handler is loaded, route until the request arrives that it was all for, first is the first request."
	helpConcurrent = "Requests that are being answered."
)

var buckets = [...]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// errorTypes is the closed set of values of the label error_type.
var errorTypes = [...]string{
	codeInvalidEvent, codeInvalidData, codeInvalidReply, codeUnsupported, codeTooLarge, codeBadBody,
	codeHandlerError, codeTimeout, codeOverloaded, codeWorkerDied, codeOutOfMemory, codeNotLoaded, codeClientGone, codeInternalError,
}

// The phases of a cold start.
const (
	phaseBoot = iota
	phaseInit
	phaseRoute
	phaseFirst
)

var phases = [...]string{phaseBoot: "boot", phaseInit: "init", phaseRoute: "route", phaseFirst: "first"}

// startup is when the phases of an instance's start began and ended, but for the last one: by phaseBoot and so on.
type startup [phaseRoute + 1]struct{ begin, end time.Time }

func (s *startup) took(phase int) time.Duration { return s[phase].end.Sub(s[phase].begin) }

// histogram counts durations in buckets.
type histogram struct {
	counts    [len(buckets) + 1]atomic.Uint64
	exemplars [len(buckets) + 1]atomic.Pointer[exemplar] // the last of each bucket that was traced
	sumNanos  atomic.Int64
}

func (h *histogram) observe(took time.Duration, trace *traceContext) {
	h.sumNanos.Add(int64(took))
	bucket := bucketOf(took)
	h.counts[bucket].Add(1)
	h.exemplify(bucket, took, trace)
}

// exemplify has the bucket of a duration lead to a trace, if there is one and it is kept.
func (h *histogram) exemplify(bucket int, took time.Duration, trace *traceContext) {
	if trace != nil && trace.sampled {
		h.exemplars[bucket].Store(&exemplar{trace.traceID, trace.spanID, took, time.Now()})
	}
}

func bucketOf(took time.Duration) int {
	i := 0
	for i < len(buckets) && took.Seconds() > buckets[i] {
		i++
	}
	return i
}

type metrics struct {
	labels     []otlp.Attribute // function, namespace, and the user's own
	prefix     string           // the same as they are written
	off        bool             // nobody looks at them
	noExemplar bool
	start      time.Time

	successes  atomic.Uint64
	errors     atomic.Uint64
	coldStarts atomic.Uint64
	concurrent atomic.Int64
	byType     [len(errorTypes)]atomic.Uint64
	durations  histogram
	coldStart  [len(phases)]histogram
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

func newMetrics(o *Options) *metrics {
	m := &metrics{noExemplar: o.NoExemplars, start: time.Now()}
	m.labels = append(m.labels, otlp.Attribute{Key: "function", Value: o.Name}, otlp.Attribute{Key: "namespace", Value: o.Namespace})
	for _, name := range slices.Sorted(maps.Keys(o.MetricLabels)) {
		if !slices.Contains(ownLabels, name) {
			m.labels = append(m.labels, otlp.Attribute{Key: name, Value: o.MetricLabels[name]})
		}
	}
	pairs := make([]string, 0, len(m.labels))
	for _, label := range m.labels {
		pairs = append(pairs, label.Key+"="+quote(label.Value.(string))) //nolint:forcetypeassert // they are text
	}
	m.prefix = strings.Join(pairs, ",")
	return m
}

// ownLabels are those that the metrics have themselves.
var ownLabels = []string{"function", "namespace", "status", "error_type", "phase", "le"}

// labelName makes a label's name of what may hold other characters.
func labelName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// observe counts an invocation. A status of 500 or more is an error also where
// the handler itself chose it.
func (m *metrics) observe(inv *invocation, status int, failed *httpError) {
	if m.off {
		return
	}
	trace := m.exemplary(inv.span)
	took := time.Since(inv.start)
	m.durations.observe(took, trace)
	if inv.cold {
		m.coldStarts.Add(1)
		m.coldStart[phaseFirst].observe(took, trace)
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

// exemplary is the trace that exemplars made of a span lead to, nil where there are to be none.
func (m *metrics) exemplary(s *span) *traceContext {
	if m.noExemplar {
		return nil
	}
	return &s.traceContext
}

// started measures what an instance's start took up to phaseInit.
func (m *metrics) started(s *startup) {
	for phase := range phaseRoute {
		m.coldStart[phase].observe(s.took(phase), nil)
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
	_, _ = w.Write(m.encode(open)) //nolint:gosec // it is no HTML; the scraper may have gone
}

func (m *metrics) encode(open bool) []byte {
	e := &metricsEncoder{metrics: m, open: open}
	e.family("invocations_total", "counter", helpInvocations)
	e.sample("invocations_total", `,status="success"`, m.successes.Load())
	e.sample("invocations_total", `,status="error"`, m.errors.Load())
	e.family("duration_seconds", "histogram", helpDuration)
	e.histogram("duration_seconds", "", &m.durations)
	e.family("errors_total", "counter", helpErrors)
	for i, t := range errorTypes {
		if n := m.byType[i].Load(); n > 0 {
			e.sample("errors_total", `,error_type="`+t+`"`, n)
		}
	}
	e.family("cold_starts_total", "counter", helpColdStarts)
	e.sample("cold_starts_total", "", m.coldStarts.Load())
	e.family("cold_start_duration_seconds", "histogram", helpColdStart)
	for i, phase := range phases {
		e.histogram("cold_start_duration_seconds", `,phase="`+phase+`"`, &m.coldStart[i])
	}
	e.family("concurrent_executions", "gauge", helpConcurrent)
	e.sample("concurrent_executions", "", uint64(max(0, m.concurrent.Load())))
	if open {
		e.WriteString("# EOF\n")
	}
	return e.Bytes()
}

// metricsEncoder writes the text formats.
type metricsEncoder struct {
	*metrics
	bytes.Buffer
	open bool
}

// family begins a metric. In OpenMetrics a counter's family has no _total, its samples have.
func (e *metricsEncoder) family(name, kind, help string) {
	if e.open {
		name = strings.TrimSuffix(name, "_total")
	}
	fmt.Fprintf(e, "# HELP %s%s %s\n# TYPE %s%s %s\n", metricPrefix, name, help, metricPrefix, name, kind)
}

func (e *metricsEncoder) sample(name, labels string, value uint64) {
	fmt.Fprintf(e, "%s%s{%s%s} %d\n", metricPrefix, name, e.prefix, labels, value)
}

func (e *metricsEncoder) histogram(name, labels string, h *histogram) {
	var count uint64
	for i := range h.counts {
		count += h.counts[i].Load()
		bound, last := math.Inf(1), ""
		if i < len(buckets) {
			bound = buckets[i]
		}
		if x := h.exemplars[i].Load(); e.open && x != nil {
			last = x.String()
		}
		fmt.Fprintf(e, "%s%s_bucket{%s%s,le=\"%s\"} %d%s\n", metricPrefix, name, e.prefix, labels, formatBound(bound), count, last)
	}
	fmt.Fprintf(e, "%s%s_sum{%s%s} %v\n", metricPrefix, name, e.prefix, labels, time.Duration(h.sumNanos.Load()).Seconds())
	e.sample(name+"_count", labels, count)
}

// snapshot returns the metrics as they are pushed.
func (m *metrics) snapshot() []otlp.Metric {
	with := func(key, value string) []otlp.Attribute {
		return append(slices.Clone(m.labels), otlp.Attribute{Key: key, Value: value})
	}
	failures := []otlp.Point{} // not nil: it is a counter also where there is none
	for i, t := range errorTypes {
		if n := m.byType[i].Load(); n > 0 {
			failures = append(failures, otlp.Point{Labels: with("error_type", t), Value: n})
		}
	}
	starts := make([]otlp.HistogramPoint, 0, len(phases))
	for i, phase := range phases {
		starts = append(starts, m.coldStart[i].snapshot(with("phase", phase)))
	}
	return []otlp.Metric{
		{Name: pushedPrefix + "invocations", Description: helpInvocations, Unit: "{invocation}", Counter: []otlp.Point{
			{Labels: with("status", "success"), Value: m.successes.Load()}, {Labels: with("status", "error"), Value: m.errors.Load()},
		}},
		{Name: pushedPrefix + "duration", Description: helpDuration, Unit: "s", Histogram: []otlp.HistogramPoint{m.durations.snapshot(m.labels)}},
		{Name: pushedPrefix + "errors", Description: helpErrors, Unit: "{error}", Counter: failures},
		{Name: pushedPrefix + "cold_starts", Description: helpColdStarts, Unit: "{start}", Counter: []otlp.Point{{Labels: m.labels, Value: m.coldStarts.Load()}}},
		{Name: pushedPrefix + "cold_start.duration", Description: helpColdStart, Unit: "s", Histogram: starts},
		{Name: pushedPrefix + "concurrent_executions", Description: helpConcurrent, Unit: "{request}", Gauge: []otlp.Point{
			{Labels: m.labels, Value: uint64(max(0, m.concurrent.Load()))},
		}},
	}
}

func (h *histogram) snapshot(labels []otlp.Attribute) otlp.HistogramPoint {
	p := otlp.HistogramPoint{Labels: labels, Sum: time.Duration(h.sumNanos.Load()).Seconds(), Bounds: buckets[:]}
	for i := range h.counts {
		n := h.counts[i].Load()
		p.Count += n
		p.Counts = append(p.Counts, n)
		if e := h.exemplars[i].Load(); e != nil {
			p.Exemplars = append(p.Exemplars, otlp.Exemplar{TraceID: e.traceID, SpanID: e.spanID, Value: e.took.Seconds(), At: e.at})
		}
	}
	return p
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
