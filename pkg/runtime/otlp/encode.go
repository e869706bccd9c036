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

// Package otlp sends spans and metrics to an OpenTelemetry collector, as
// http/protobuf or gRPC.
//
// It is not OpenTelemetry's SDK, because that would be more than the rest of the
// supervisor: its two exporters add 8.6 MB to a program of 7.7, and 6.7 MB of
// memory to 7.8. What is sent is decoded with OpenTelemetry's own messages in
// the tests.
package otlp

import (
	"encoding/hex"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Attribute is a name with a value: a string, bool, int, int64 or float64.
type Attribute struct {
	Key   string
	Value any
}

// SpanKind says which side of a call a span is.
type SpanKind uint64

// The kinds of a span that a server has.
const (
	Internal SpanKind = 1
	Server   SpanKind = 2
)

// Span is a part of a trace. Its ids are lower-case hexadecimal.
type Span struct {
	TraceID    string
	SpanID     string
	ParentID   string // empty is none
	TraceState string
	Name       string
	Kind       SpanKind
	Start, End time.Time
	Attributes []Attribute
	// Error is why it failed, empty where it did not.
	Error string
}

// Metric is a counter, a gauge or a histogram: one of its fields of points is
// set. Counters and histograms count since Start.
type Metric struct {
	Name        string
	Description string
	Unit        string

	Counter   []Point
	Gauge     []Point
	Histogram []HistogramPoint
}

// Point is a number with its labels.
type Point struct {
	Labels []Attribute
	Value  uint64
}

// HistogramPoint is a distribution. Counts has one more than Bounds.
type HistogramPoint struct {
	Labels    []Attribute
	Count     uint64
	Sum       float64
	Bounds    []float64
	Counts    []uint64
	Exemplars []Exemplar
}

// Exemplar is a measurement that leads to a trace.
type Exemplar struct {
	TraceID, SpanID string
	Value           float64
	At              time.Time
}

// scope names what measures and traces.
const scope = "github.com/knative-lambda/knative-lambda-operator/pkg/runtime"

// The numbers are those of the fields in OpenTelemetry's messages of version 1.

// EncodeSpans returns an ExportTraceServiceRequest.
func EncodeSpans(resource []Attribute, spans []Span) []byte {
	return message(nil, 1, func(b []byte) []byte { // ResourceSpans
		b = appendResource(b, resource)
		return message(b, 2, func(b []byte) []byte { // ScopeSpans
			b = appendScope(b)
			for i := range spans {
				b = message(b, 2, spans[i].append)
			}
			return b
		})
	})
}

func (s *Span) append(b []byte) []byte {
	b = id(b, 1, s.TraceID)
	b = id(b, 2, s.SpanID)
	b = text(b, 3, s.TraceState)
	b = id(b, 4, s.ParentID)
	b = text(b, 5, s.Name)
	b = number(b, 6, uint64(s.Kind))
	b = instant(b, 7, s.Start)
	b = instant(b, 8, s.End)
	b = attributes(b, 9, s.Attributes)
	if s.Error != "" {
		b = message(b, 15, func(b []byte) []byte {
			const failed = 2
			return number(text(b, 2, s.Error), 3, failed)
		})
	}
	return b
}

// EncodeMetrics returns an ExportMetricsServiceRequest of metrics that have
// counted from start to now.
func EncodeMetrics(resource []Attribute, metrics []Metric, start, now time.Time) []byte {
	return message(nil, 1, func(b []byte) []byte { // ResourceMetrics
		b = appendResource(b, resource)
		return message(b, 2, func(b []byte) []byte { // ScopeMetrics
			b = appendScope(b)
			for i := range metrics {
				b = message(b, 2, func(b []byte) []byte { return metrics[i].append(b, start, now) })
			}
			return b
		})
	})
}

func (m *Metric) append(b []byte, start, now time.Time) []byte {
	const cumulative = 2
	b = text(b, 1, m.Name)
	b = text(b, 2, m.Description)
	b = text(b, 3, m.Unit)
	switch {
	case m.Gauge != nil:
		return message(b, 5, func(b []byte) []byte { return points(b, m.Gauge, time.Time{}, now) })
	case m.Counter != nil:
		return message(b, 7, func(b []byte) []byte {
			b = number(points(b, m.Counter, start, now), 2, cumulative)
			return number(b, 3, 1) // it only grows
		})
	default:
		return message(b, 9, func(b []byte) []byte {
			for i := range m.Histogram {
				b = message(b, 1, func(b []byte) []byte { return m.Histogram[i].append(b, start, now) })
			}
			return number(b, 2, cumulative)
		})
	}
}

func points(b []byte, points []Point, start, now time.Time) []byte {
	for _, p := range points {
		b = message(b, 1, func(b []byte) []byte {
			b = attributes(b, 7, p.Labels)
			b = instant(b, 2, start)
			b = instant(b, 3, now)
			return fixed(b, 6, p.Value)
		})
	}
	return b
}

func (p *HistogramPoint) append(b []byte, start, now time.Time) []byte {
	b = attributes(b, 9, p.Labels)
	b = instant(b, 2, start)
	b = instant(b, 3, now)
	b = fixed(b, 4, p.Count)
	b = fixed(b, 5, math.Float64bits(p.Sum))
	b = message(b, 6, func(b []byte) []byte {
		for _, n := range p.Counts {
			b = protowire.AppendFixed64(b, n)
		}
		return b
	})
	b = message(b, 7, func(b []byte) []byte {
		for _, bound := range p.Bounds {
			b = protowire.AppendFixed64(b, math.Float64bits(bound))
		}
		return b
	})
	for _, e := range p.Exemplars {
		b = message(b, 8, func(b []byte) []byte {
			b = instant(b, 2, e.At)
			b = fixed(b, 3, math.Float64bits(e.Value))
			b = id(b, 4, e.SpanID)
			return id(b, 5, e.TraceID)
		})
	}
	return b
}

func appendResource(b []byte, resource []Attribute) []byte {
	return message(b, 1, func(b []byte) []byte { return attributes(b, 1, resource) })
}

func appendScope(b []byte) []byte {
	return message(b, 1, func(b []byte) []byte { return text(b, 1, scope) })
}

func attributes(b []byte, field protowire.Number, list []Attribute) []byte {
	for _, a := range list {
		b = message(b, field, func(b []byte) []byte {
			b = text(b, 1, a.Key)
			return message(b, 2, func(b []byte) []byte { return value(b, a.Value) })
		})
	}
	return b
}

func value(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		b = protowire.AppendTag(b, 1, protowire.BytesType) // also where it is empty
		return protowire.AppendString(b, v)
	case bool:
		b = protowire.AppendTag(b, 2, protowire.VarintType)
		return protowire.AppendVarint(b, protowire.EncodeBool(v))
	case int:
		return value(b, int64(v))
	case int64:
		b = protowire.AppendTag(b, 3, protowire.VarintType)
		return protowire.AppendVarint(b, uint64(v)) //nolint:gosec // as the format has it
	case float64:
		return fixed(b, 4, math.Float64bits(v))
	}
	return b
}

// message appends a field with what fill appends.
func message(b []byte, field protowire.Number, fill func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	start := len(b)
	b = fill(b)
	size := len(b) - start
	// The length comes first, and takes as many bytes as it needs.
	prefix := protowire.SizeVarint(uint64(size)) //nolint:gosec // a length is not negative
	b = append(b, make([]byte, prefix)...)
	copy(b[start+prefix:], b[start:start+size])
	protowire.AppendVarint(b[:start], uint64(size)) //nolint:gosec // a length is not negative
	return b
}

func text(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func id(b []byte, field protowire.Number, s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), raw)
}

func number(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func fixed(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), n)
}

func instant(b []byte, field protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return fixed(b, field, uint64(t.UnixNano()))
}
