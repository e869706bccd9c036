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
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
)

const (
	someTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	someSpan  = "00f067aa0ba902b7"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestExtract(t *testing.T) {
	sampled, not := newTraceContext(someTrace, someSpan, true), newTraceContext(someTrace, someSpan, false)
	stateful := sampled
	stateful.state = "a=b"
	none := traceContext{}
	for name, tc := range map[string]struct {
		formats string
		header  http.Header
		want    traceContext
	}{
		"w3c":                    {"", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-01"), sampled},
		"w3c with a state":       {"", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-01", "Tracestate", "a=b"), stateful},
		"w3c, not sampled":       {"", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-00"), not},
		"w3c of a later version": {"", header("Traceparent", "01-"+someTrace+"-"+someSpan+"-01-more"), sampled},
		"w3c of an event":        {"", header("Ce-Traceparent", "00-"+someTrace+"-"+someSpan+"-01"), sampled},
		"w3c of no version":      {"", header("Traceparent", "ff-"+someTrace+"-"+someSpan+"-01"), none},
		"w3c that is too short":  {"", header("Traceparent", "00-"+someTrace), none},
		"w3c of zeros":           {"", header("Traceparent", "00-"+strings.Repeat("0", 32)+"-"+someSpan+"-01"), none},
		"w3c in capitals":        {"", header("Traceparent", "00-"+strings.ToUpper(someTrace)+"-"+someSpan+"-01"), none},
		"w3c of odd flags":       {"", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-zz"), none},
		"not asked for":          {"b3", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-01"), none},
		"b3":                     {"b3", header("B3", someTrace+"-"+someSpan+"-1"), sampled},
		"b3, not sampled":        {"b3", header("B3", someTrace+"-"+someSpan+"-0"), not},
		"b3 that only decides":   {"b3", header("B3", "0"), none},
		"b3 of short ids":        {"b3", header("B3", "1-2"), newTraceContext(strings.Repeat("0", 31)+"1", strings.Repeat("0", 15)+"2", true)},
		"b3 in several headers":  {"b3multi", header("X-B3-Traceid", someTrace, "X-B3-Spanid", someSpan, "X-B3-Sampled", "0"), not},
		"b3 in any form":         {"b3", header("X-B3-Traceid", someTrace, "X-B3-Spanid", someSpan), sampled},
		"jaeger":                 {"jaeger", header("Uber-Trace-Id", someTrace+":"+someSpan+":0:1"), sampled},
		"jaeger, not sampled":    {"jaeger", header("Uber-Trace-Id", someTrace+":"+someSpan+":0:0"), not},
		"jaeger of odd flags":    {"jaeger", header("Uber-Trace-Id", someTrace+":"+someSpan+":0:x"), none},
		"the first that is":      {"jaeger,b3", header("B3", someTrace+"-"+someSpan), sampled},
		"ids that are too long":  {"jaeger", header("Uber-Trace-Id", someTrace+"0:"+someSpan+":0:1"), none},
		"nothing":                {"none", header("Traceparent", "00-"+someTrace+"-"+someSpan+"-01"), none},
	} {
		t.Run(name, func(t *testing.T) {
			formats, err := propagationsOf(tc.formats)
			if err != nil {
				t.Fatal("propagationsOf() =", err)
			}
			if diff := cmp.Diff(tc.want, extract(formats, tc.header), cmp.AllowUnexported(traceContext{})); diff != "" {
				t.Errorf("unexpected trace (-want, +got): %s", diff)
			}
		})
	}
	if _, err := propagationsOf("pigeon"); err == nil {
		t.Error("an unknown format is taken")
	}
}

// FuzzExtract has any headers at all come: what is taken for a trace is one that W3C's header can say.
func FuzzExtract(f *testing.F) {
	f.Add("00-"+someTrace+"-"+someSpan+"-01", someTrace+"-"+someSpan+"-1", someTrace+":"+someSpan+":0:1")
	f.Add("", "0", "::")
	f.Fuzz(func(t *testing.T, w3c, b3, jaeger string) {
		h := http.Header{"Traceparent": {w3c}, "B3": {b3}, "Uber-Trace-Id": {jaeger}, "X-B3-Traceid": {b3}, "X-B3-Spanid": {jaeger}}
		for _, format := range []propagation{propagationW3C, propagationB3, propagationMulti, propagationJaeger} {
			got := extract([]propagation{format}, h)
			if got.traceID == "" {
				continue
			}
			again := parseTraceparent(got.traceparent())
			again.state = got.state
			if again != got {
				t.Errorf("%v comes back as %v", got, again)
			}
		}
	})
}

func TestSampler(t *testing.T) {
	low, high := strings.Repeat("0", 31)+"1", strings.Repeat("f", 32)
	for name, tc := range map[string]struct {
		sampler, arg string
		parent       traceContext
		traceID      string
		want         bool
		err          bool
	}{
		"default":                    {"", "", traceContext{}, high, true, false},
		"default, parent not":        {"", "", newTraceContext(someTrace, someSpan, false), someTrace, false, false},
		"always, parent not":         {"always_on", "", newTraceContext(someTrace, someSpan, false), someTrace, true, false},
		"never":                      {"always_off", "", traceContext{}, low, false, false},
		"never, but the parent does": {"parentbased_always_off", "", newTraceContext(someTrace, someSpan, true), someTrace, true, false},
		"a share, in":                {"traceidratio", "0.5", traceContext{}, low, true, false},
		"a share, out":               {"parentbased_traceidratio", "0.5", traceContext{}, high, false, false},
		"all":                        {"traceidratio", "1", traceContext{}, high, true, false},
		"unknown":                    {"coin", "", traceContext{}, "", false, true},
		"not a share":                {"traceidratio", "2", traceContext{}, "", false, true},
		"no number":                  {"traceidratio", "NaN", traceContext{}, "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", tc.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", tc.arg)
			s, err := samplerFromEnv()
			if (err != nil) != tc.err {
				t.Fatal("samplerFromEnv() =", err)
			}
			if err == nil && s.keeps(&tc.parent, tc.traceID) != tc.want {
				t.Errorf("keeps() = %v, want %v", !tc.want, tc.want)
			}
		})
	}
}

// A collector that is too slow costs spans, and nothing else.
func TestSpansAreDropped(t *testing.T) {
	tel := &telemetry{spans: make(chan *otlp.Span, 1)}
	tr := &tracer{sampler: sampler{share: 1}, sent: tel.offer}
	for range 3 {
		tr.end(tr.receive(traceContext{}, time.Now()), nil)
	}
	if got := tel.dropped.Load(); got != 2 {
		t.Errorf("dropped = %d, want 2", got)
	}
}
