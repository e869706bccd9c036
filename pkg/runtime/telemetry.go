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
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
)

const (
	defaultSpanDelay      = 5 * time.Second
	defaultSpanQueue      = 2048
	defaultSpanBatch      = 512
	defaultMetricInterval = time.Minute
	// flushGrace bounds what the end of the runtime waits for a collector.
	flushGrace = 5 * time.Second
)

// telemetry sends spans and metrics to a collector: from time to time, and what
// is left at the end.
type telemetry struct {
	resource []otlp.Attribute
	log      *logger

	traces  *otlp.Client // nil where they are not sent
	spans   chan *otlp.Span
	batch   int
	delay   time.Duration
	dropped atomic.Uint64

	measured *otlp.Client // nil where metrics are not sent
	interval time.Duration
	metrics  *metrics
}

// newTelemetry reads OTEL_*. What is wrong there is logged, and nothing sent: a
// function serves also where nobody can look at it.
func newTelemetry(o *Options, log *logger, m *metrics) (*telemetry, *tracer) {
	t := &telemetry{log: log, metrics: m}
	sampler, err := samplerFromEnv()
	traces, failed := otlp.ClientFromEnv(otlp.Traces)
	measured, refused := otlp.ClientFromEnv(otlp.Metrics)
	err = errors.Join(err, failed, refused, t.setResource(o), t.setRhythm())
	if err != nil {
		log.error(fmt.Sprintf("traces and metrics are not sent: %v", err))
		return t, nil
	}
	t.measured = measured
	if traces == nil {
		return t, nil
	}
	t.traces = traces
	return t, &tracer{sampler: sampler, sent: t.offer}
}

// setResource says whose telemetry it is.
func (t *telemetry) setResource(o *Options) error {
	own, err := otlp.ParseAttributes(os.Getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return fmt.Errorf("failed to read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	host, _ := os.Hostname() // the name of the pod; without one there is none
	set := func(name, value string) {
		if value == "" {
			return
		}
		for _, a := range own {
			if a.Key == name {
				return
			}
		}
		t.resource = append(t.resource, otlp.Attribute{Key: name, Value: value})
	}
	if name := os.Getenv("OTEL_SERVICE_NAME"); name != "" {
		own = append(own, otlp.Attribute{Key: "service.name", Value: name})
	}
	set("service.name", "lambda-"+cmp.Or(o.Name, "function"))
	set("service.namespace", o.Namespace)
	set("service.instance.id", host)
	set("service.version", os.Getenv("K_REVISION"))
	set("k8s.namespace.name", o.Namespace)
	set("k8s.pod.name", host)
	set("faas.name", o.Name)
	set("faas.instance", host)
	set("lambda.runtime", o.Language)
	t.resource = append(t.resource, own...)
	return nil
}

// setRhythm says how often, and how much at once.
func (t *telemetry) setRhythm() error {
	delay, err := envInt("OTEL_BSP_SCHEDULE_DELAY", int64(defaultSpanDelay/time.Millisecond), 1)
	queue, failed := envInt("OTEL_BSP_MAX_QUEUE_SIZE", defaultSpanQueue, 1)
	batch, tooLarge := envInt("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", defaultSpanBatch, 1)
	interval, wrong := envInt("OTEL_METRIC_EXPORT_INTERVAL", int64(defaultMetricInterval/time.Millisecond), 1)
	t.delay, t.interval = time.Duration(delay)*time.Millisecond, time.Duration(interval)*time.Millisecond
	t.batch = int(min(batch, queue))
	t.spans = make(chan *otlp.Span, max(queue, 1))
	return errors.Join(err, failed, tooLarge, wrong)
}

// offer queues a span. Where the collector is too slow it is dropped, and
// counted: a function does not wait to be looked at.
func (t *telemetry) offer(s *otlp.Span) {
	select {
	case t.spans <- s:
	default:
		t.dropped.Add(1)
	}
}

// run sends until ctx is done, and then what is left.
func (t *telemetry) run(ctx context.Context) {
	var group errgroup.Group
	if t.traces != nil {
		group.Go(func() error { t.sendSpans(ctx); return nil })
	}
	if t.measured != nil {
		group.Go(func() error { t.sendMetrics(ctx); return nil })
	}
	_ = group.Wait() // they log their errors
}

func (t *telemetry) sendSpans(ctx context.Context) {
	tick := time.NewTicker(t.delay)
	defer tick.Stop()
	pending := make([]otlp.Span, 0, t.batch)
	refused := false
	send := func(sending context.Context) {
		if len(pending) > 0 && !refused {
			err := t.traces.Send(sending, otlp.EncodeSpans(t.resource, pending))
			if errors.Is(err, context.Canceled) {
				return // the end sends them again
			}
			t.report("spans", err)
			refused = errors.Is(err, otlp.ErrRefused)
		}
		clear(pending)
		pending = pending[:0]
		if n := t.dropped.Swap(0); n > 0 {
			t.log.warn(fmt.Sprintf("%d spans were dropped, because the collector takes fewer than there are", n))
		}
	}
	for {
		select {
		case s := <-t.spans:
			if pending = append(pending, *s); len(pending) >= t.batch {
				send(ctx)
			}
		case <-tick.C:
			send(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), flushGrace)
			defer cancel()
			for len(t.spans) > 0 {
				if pending = append(pending, *<-t.spans); len(pending) >= t.batch {
					send(last)
				}
			}
			send(last)
			return
		}
	}
}

func (t *telemetry) sendMetrics(ctx context.Context) {
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	send := func(ctx context.Context) error {
		body := otlp.EncodeMetrics(t.resource, t.metrics.snapshot(), t.metrics.start, time.Now())
		return t.measured.Send(ctx, body)
	}
	for {
		select {
		case <-tick.C:
			err := send(ctx)
			t.report("metrics", err)
			if errors.Is(err, otlp.ErrRefused) {
				return
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), flushGrace)
			defer cancel()
			t.report("metrics", send(last))
			return
		}
	}
}

func (t *telemetry) report(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		t.log.warn("failed to send " + what + ": " + err.Error())
	}
}

// envBool reads a variable that is true unless it says false.
func envBool(name string) (bool, error) {
	v := os.Getenv(name)
	if v == "" {
		return true, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return true, fmt.Errorf("failed to read %s: %q is neither true nor false", name, v)
	}
	return b, nil
}
