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

package deadletter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope is the name of this package's instruments. Knative's exporter makes knative_lambda_deadletter_* of theirs.
const scope = "github.com/knative-lambda/knative-lambda-operator/pkg/deadletter"

// observeTimeout bounds how long a scrape waits for the store.
const observeTimeout = 5 * time.Second

// metrics are this package's instruments.
type metrics struct {
	receivedCount  metric.Int64Counter
	duplicateCount metric.Int64Counter
	rejectedCount  metric.Int64Counter
	droppedCount   metric.Int64Counter
	purgedCount    metric.Int64Counter
	redrivenCount  metric.Int64Counter
	storeDuration  metric.Float64Histogram
	batchSize      metric.Int64Histogram

	depth, bytes metric.Int64ObservableGauge
	oldest       metric.Float64ObservableGauge
	registration metric.Registration
}

func newMetrics() (*metrics, error) {
	meter := otel.Meter(scope)
	var (
		m    metrics
		errs [11]error
	)
	counter := func(to *metric.Int64Counter, at int, name, description string) {
		*to, errs[at] = meter.Int64Counter("knative.lambda.deadletter."+name, metric.WithUnit("{letter}"), metric.WithDescription(description))
	}
	counter(&m.receivedCount, 0, "received", "Letters that were stored, by namespace.")
	counter(&m.duplicateCount, 1, "duplicates", "Letters that were there already, by namespace.")
	counter(&m.rejectedCount, 2, "rejected", "Letters that were not stored, by reason.")
	counter(&m.droppedCount, 3, "dropped", "Letters that were dropped for newer ones, by namespace.")
	counter(&m.purgedCount, 4, "purged", "Letters that somebody purged, by namespace.")
	counter(&m.redrivenCount, 5, "redriven", "Letters that were sent again, by namespace and result.")
	m.storeDuration, errs[6] = meter.Float64Histogram("knative.lambda.deadletter.store.duration", metric.WithUnit("s"),
		metric.WithDescription("Time until letters that came together were on the disk."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	m.batchSize, errs[7] = meter.Int64Histogram("knative.lambda.deadletter.store.batch", metric.WithUnit("{letter}"),
		metric.WithDescription("Letters that shared one sync of the disk."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256))
	m.depth, errs[8] = meter.Int64ObservableGauge("knative.lambda.deadletter.depth", metric.WithUnit("{letter}"),
		metric.WithDescription("Letters that are kept, by namespace."))
	m.bytes, errs[9] = meter.Int64ObservableGauge("knative.lambda.deadletter.size", metric.WithUnit("By"),
		metric.WithDescription("What the letters take of the disk, by namespace."))
	m.oldest, errs[10] = meter.Float64ObservableGauge("knative.lambda.deadletter.oldest.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest letter, by namespace."))
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// observe has each scrape ask the store how many letters there are.
func (m *metrics) observe(s *Store) error {
	var err error
	m.registration, err = otel.Meter(scope).RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		infos := s.js.ListStreams(ctx)
		for info := range infos.Info() {
			namespace, ok := namespaceOf(info.Config.Name)
			if !ok {
				continue
			}
			by := inNamespace(namespace)
			o.ObserveInt64(m.depth, int64(info.State.Msgs), by)  //nolint:gosec // G115: no disk has 2^63 of anything
			o.ObserveInt64(m.bytes, int64(info.State.Bytes), by) //nolint:gosec // G115: see above
			age := 0.0
			if info.State.Msgs > 0 {
				age = time.Since(info.State.FirstTime).Seconds()
			}
			o.ObserveFloat64(m.oldest, age, by)
		}
		return infos.Err()
	}, m.depth, m.bytes, m.oldest)
	return err
}

func (m *metrics) unobserve() error {
	if m.registration == nil {
		return nil
	}
	return m.registration.Unregister()
}

func inNamespace(namespace string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("namespace", namespace)))
}

func (m *metrics) received(ctx context.Context, namespace string, duplicate bool) {
	if duplicate {
		m.duplicateCount.Add(ctx, 1, inNamespace(namespace))
		return
	}
	m.receivedCount.Add(ctx, 1, inNamespace(namespace))
}

func (m *metrics) rejected(ctx context.Context, code string) {
	m.rejectedCount.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", code)))
}

func (m *metrics) dropped(ctx context.Context, namespace string, letters int64) {
	m.droppedCount.Add(ctx, letters, inNamespace(namespace))
}

func (m *metrics) purged(ctx context.Context, namespace string, letters int64) {
	m.purgedCount.Add(ctx, letters, inNamespace(namespace))
}

func (m *metrics) redriven(ctx context.Context, namespace, result string) {
	m.redrivenCount.Add(ctx, 1, metric.WithAttributes(attribute.String("namespace", namespace), attribute.String("result", result)))
}

func (m *metrics) stored(ctx context.Context, took time.Duration, letters int) {
	if letters == 0 {
		return
	}
	m.storeDuration.Record(ctx, took.Seconds())
	m.batchSize.Record(ctx, int64(letters))
}
