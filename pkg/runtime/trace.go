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
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
)

// traceContext is what a caller says of the trace that a request is part of.
type traceContext struct {
	traceID string // lower-case hexadecimal, empty where there is no trace
	spanID  string
	state   string
	sampled bool
}

// propagation reads a trace context from headers.
type propagation string

// The formats of a trace context. W3C is the default.
const (
	propagationW3C    propagation = "tracecontext"
	propagationB3     propagation = "b3"
	propagationMulti  propagation = "b3multi"
	propagationJaeger propagation = "jaeger"
)

// propagationsOf reads OTEL_PROPAGATORS. Baggage stays in the headers, where the handler finds it.
func propagationsOf(list string) ([]propagation, error) {
	var found []propagation
	for name := range strings.SplitSeq(cmp.Or(list, "tracecontext,baggage"), ",") {
		switch p := propagation(strings.TrimSpace(name)); p {
		case propagationW3C, propagationB3, propagationMulti, propagationJaeger:
			found = append(found, p)
		case "baggage", "none", "":
		default:
			return nil, fmt.Errorf("failed to read OTEL_PROPAGATORS: %q is none of tracecontext, baggage, b3, b3multi, jaeger, none", p)
		}
	}
	return found, nil
}

// extract returns the caller's trace context in the first format that has one.
func extract(formats []propagation, h http.Header) traceContext {
	for _, format := range formats {
		var parent traceContext
		switch format {
		case propagationW3C:
			// An event brings its own where what carried it was not traced.
			parent = parseTraceparent(cmp.Or(h.Get("Traceparent"), h.Get("Ce-Traceparent")))
			parent.state = cmp.Or(h.Get("Tracestate"), h.Get("Ce-Tracestate"))
		case propagationB3:
			parent = parseB3(h.Get("B3"))
			if parent.traceID == "" {
				parent = parseB3Headers(h)
			}
		case propagationMulti:
			parent = parseB3Headers(h)
		case propagationJaeger:
			parent = parseJaeger(h.Get("Uber-Trace-Id"))
		}
		if parent.traceID != "" {
			return parent
		}
	}
	return traceContext{}
}

// parseTraceparent reads a W3C traceparent header.
func parseTraceparent(s string) traceContext {
	const traceStart, traceEnd, spanStart, spanEnd = 3, 35, 36, 52
	if len(s) < 55 || s[2] != '-' || s[traceEnd] != '-' || s[spanEnd] != '-' || s[:2] == "ff" {
		return traceContext{}
	}
	flags, err := strconv.ParseUint(s[spanEnd+1:spanEnd+3], 16, 8)
	if err != nil {
		return traceContext{}
	}
	return newTraceContext(s[traceStart:traceEnd], s[spanStart:spanEnd], flags&1 != 0)
}

// parseB3 reads the single header of B3: trace, span and whether it is sampled.
func parseB3(s string) traceContext {
	parts := strings.Split(s, "-")
	if len(parts) < 2 {
		return traceContext{}
	}
	return newTraceContext(parts[0], parts[1], len(parts) < 3 || parts[2] == "1" || parts[2] == "d")
}

func parseB3Headers(h http.Header) traceContext {
	sampled := h.Get("X-B3-Sampled")
	return newTraceContext(h.Get("X-B3-Traceid"), h.Get("X-B3-Spanid"), sampled == "" || sampled == "1" || sampled == "true" || h.Get("X-B3-Flags") == "1")
}

// parseJaeger reads trace, span, the span's parent and flags.
func parseJaeger(s string) traceContext {
	parts := strings.Split(s, ":")
	if len(parts) != 4 {
		return traceContext{}
	}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	if err != nil {
		return traceContext{}
	}
	return newTraceContext(parts[0], parts[1], flags&1 != 0)
}

// newTraceContext fills short ids up, as B3 and Jaeger may write them.
func newTraceContext(traceID, spanID string, sampled bool) traceContext {
	const traceLength, spanLength = 32, 16
	if len(traceID) > traceLength || len(spanID) > spanLength {
		return traceContext{}
	}
	if len(traceID) < traceLength {
		traceID = strings.Repeat("0", traceLength-len(traceID)) + traceID
	}
	if len(spanID) < spanLength {
		spanID = strings.Repeat("0", spanLength-len(spanID)) + spanID
	}
	if !isID(traceID) || !isID(spanID) {
		return traceContext{}
	}
	return traceContext{traceID: traceID, spanID: spanID, sampled: sampled}
}

// isID reports whether s is lower-case hexadecimal and not all zero.
func isID(s string) bool {
	zero := true
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// traceparent is the W3C header of a context.
func (t *traceContext) traceparent() string {
	flags := "-00"
	if t.sampled {
		flags = "-01"
	}
	return "00-" + t.traceID + "-" + t.spanID + flags
}

func newTraceID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // it has to be unique, not secret
	binary.BigEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // the same
	return hex.EncodeToString(b[:])
}

func newSpanID() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64()|1) //nolint:gosec // it has to be unique and not zero
	return hex.EncodeToString(b[:])
}

// sampler decides which traces are kept.
type sampler struct {
	parentBased bool
	share       float64 // of those without a parent, from 0 to 1
}

// samplerFromEnv reads OTEL_TRACES_SAMPLER.
func samplerFromEnv() (sampler, error) {
	name, parentBased := strings.CutPrefix(cmp.Or(os.Getenv("OTEL_TRACES_SAMPLER"), "parentbased_always_on"), "parentbased_")
	s := sampler{parentBased: parentBased, share: 1}
	switch name {
	case "always_on":
	case "always_off":
		s.share = 0
	case "traceidratio":
		text := cmp.Or(os.Getenv("OTEL_TRACES_SAMPLER_ARG"), "1")
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return s, fmt.Errorf("failed to read OTEL_TRACES_SAMPLER_ARG: %q is not a number from 0 to 1", text)
		}
		s.share = share
	default:
		return s, fmt.Errorf("failed to read OTEL_TRACES_SAMPLER: %q is not known", os.Getenv("OTEL_TRACES_SAMPLER"))
	}
	return s, nil
}

func (s sampler) keeps(parent *traceContext, traceID string) bool {
	if s.parentBased && parent.traceID != "" {
		return parent.sampled
	}
	// As OpenTelemetry's own sampler decides, so that all who see a trace keep the same ones.
	low, err := strconv.ParseUint(traceID[16:], 16, 64)
	return err == nil && (s.share == 1 || float64(low>>1) < s.share*(1<<63))
}

// span is a part of a trace while it lasts. One that is not sampled has ids only.
type span struct {
	traceContext
	recorded *otlp.Span // nil where it is not sampled
}

// tracer makes spans. A nil tracer makes none, and hands on the caller's ids.
type tracer struct {
	sampler sampler
	sent    func(*otlp.Span)
}

// receive begins the span of a request.
func (t *tracer) receive(parent traceContext, start time.Time) *span {
	if t == nil {
		return &span{traceContext: parent}
	}
	s := &span{traceContext: traceContext{traceID: parent.traceID, spanID: newSpanID(), state: parent.state}}
	if s.traceID == "" {
		s.traceID = newTraceID()
	}
	s.sampled = t.sampler.keeps(&parent, s.traceID)
	if s.sampled {
		s.recorded = &otlp.Span{
			TraceID: s.traceID, SpanID: s.spanID, ParentID: parent.spanID, TraceState: s.state,
			Name: "receive", Kind: otlp.Server, Start: start,
		}
	}
	return s
}

// beside is a span that began at a time, with the parent of another one. Where that has none, it is its child.
func (t *tracer) beside(other *span, name string, begin time.Time) *span {
	s := t.child(other, name)
	s.recorded.Start, s.recorded.ParentID = begin, cmp.Or(other.recorded.ParentID, other.spanID)
	return s
}

// child begins a part of a span.
func (t *tracer) child(parent *span, name string) *span {
	if t == nil {
		return &span{traceContext: parent.traceContext}
	}
	s := &span{traceContext: parent.traceContext}
	s.spanID = newSpanID()
	if parent.recorded != nil {
		s.recorded = &otlp.Span{
			TraceID: s.traceID, SpanID: s.spanID, ParentID: parent.spanID, TraceState: s.state,
			Name: name, Kind: otlp.Internal, Start: time.Now(),
		}
	}
	return s
}

// end ends a span. failed is why, or nil.
func (t *tracer) end(s *span, failed error, attributes ...otlp.Attribute) {
	if s.recorded == nil {
		return
	}
	if failed != nil {
		s.recorded.Error = failed.Error()
	}
	t.endAt(s, time.Now(), attributes...)
}

// endAt ends a span that is recorded, at a time.
func (t *tracer) endAt(s *span, at time.Time, attributes ...otlp.Attribute) {
	s.recorded.End = at
	s.recorded.Attributes = attributes
	t.sent(s.recorded)
}
