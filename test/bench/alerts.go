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

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// trouble is what makes alerts fire.
type trouble struct {
	name  string
	cause func(*bench, context.Context, *cleanup) error
	fires []string
	lasts bool // until all others are over
}

// troubles are those of all alerts in config/monitoring, in the order that they are brought about in.
var troubles = []trouble{
	{name: "canaries", cause: (*bench).releaseCanaries, lasts: true, fires: []string{"KnativeLambdaCanaryFailed", "KnativeLambdaCanaryStuck"}},
	{name: "functions", cause: (*bench).troubleFunctions, fires: []string{
		"KnativeLambdaBuildFailed", "KnativeLambdaBuildDurationHigh", "KnativeLambdaFunctionHighErrorRate", "KnativeLambdaFunctionHighLatency",
		"KnativeLambdaHighColdStartRate", "KnativeLambdaBudgetBurnsFast", "KnativeLambdaBudgetBurnsSlowly",
	}},
	{name: "webhook", cause: (*bench).holdUpServices, fires: []string{"KnativeLambdaHighErrorRate", "KnativeLambdaHighLatency", "KnativeLambdaWorkqueueDepthHigh"}},
	{name: "operator", cause: (*bench).removeOperator, fires: []string{"KnativeLambdaOperatorNotReady", "KnativeLambdaOperatorDown"}},
}

// measureAlerts brings about what alerts are for, and waits until each of them fires in a Prometheus beside the cluster,
// with its own thresholds and durations. Deployments are told of by a kube-state-metrics, canaries are those of a Flagger,
// both beside the cluster, too. It takes more than half an hour, for which a canary has to be stuck.
func measureAlerts(ctx context.Context, b *bench, r *report) error {
	folder, err := os.MkdirTemp("", "alerts-")
	if err != nil {
		return fmt.Errorf("failed to make a folder: %w", err)
	}
	defer os.RemoveAll(folder)
	w := &watchman{since: time.Now(), fired: map[string]firing{}}
	var undo cleanup
	defer undo.all()
	targets, err := b.startExporters(ctx, folder, &undo)
	if err != nil {
		return err
	}
	if w.prometheus, err = b.clients.StartPrometheus(ctx, ".", folder, targets...); err != nil {
		return err
	}
	undo.add(func() { w.prometheus.Stop() })
	watching, stop := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() { w.watch(watching) })
	undo.add(func() { stop(); watched.Wait() })

	var lasting []string
	for _, t := range troubles {
		if !strings.Contains(","+b.troubles+",", ","+t.name+",") {
			continue
		}
		if t.lasts {
			lasting = append(lasting, t.fires...)
			if err := t.cause(b, ctx, &undo); err != nil {
				return err
			}
			continue
		}
		var after cleanup
		err := t.cause(b, ctx, &after)
		if err == nil {
			err = w.await(ctx, t.fires)
		}
		after.all()
		if err != nil {
			return err
		}
	}
	if err := w.await(ctx, lasting); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(w.fired)) {
		fired := w.fired[name]
		r.add(name+" fires", fmt.Sprintf("%.0f s after the start, at %s", fired.after.Seconds(), fired.labels), "", "")
	}
	return nil
}

// cleanup is what undoes things, the last first.
type cleanup struct{ undo []func() }

func (c *cleanup) add(undo func()) { c.undo = append(c.undo, undo) }

func (c *cleanup) all() {
	for _, undo := range slices.Backward(c.undo) {
		undo()
	}
	c.undo = nil
}

// watchman writes down which alerts fire.
type watchman struct {
	prometheus *test.Prometheus
	since      time.Time

	mu    sync.Mutex
	fired map[string]firing
	last  error
}

// firing is when an alert fired first, and of what.
type firing struct {
	after  time.Duration
	labels string
}

func (w *watchman) watch(ctx context.Context) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		found, err := w.prometheus.Query(ctx, `ALERTS{alertstate="firing"}`)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.last = err
		for _, alert := range found {
			name := alert.Labels["alertname"]
			if _, known := w.fired[name]; known {
				continue
			}
			var labels []string
			for _, label := range slices.Sorted(maps.Keys(alert.Labels)) {
				if label != "__name__" && label != "alertname" && label != "alertstate" && label != "severity" {
					labels = append(labels, label+"="+alert.Labels[label])
				}
			}
			w.fired[name] = firing{time.Since(w.since), strings.Join(labels, ", ")}
			progress("%4.0f s: %s fires at %s", time.Since(w.since).Seconds(), name, w.fired[name].labels)
		}
	}, time.Second)
}

// await waits until all of the alerts have fired.
func (w *watchman) await(ctx context.Context, names []string) error {
	var missing []string
	err := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		missing = slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, fired := w.fired[name]; return fired })
		return len(missing) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("no alert fires: %s: %w: %w", strings.Join(missing, ", "), err, w.last)
	}
	return nil
}
