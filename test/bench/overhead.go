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
	"sync"
	"time"

	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	overheadRounds  = 20
	overheadRound   = 3 * time.Second
	overheadCallers = 4
)

// measureOverhead calls a function that measures and traces every request, and tells a collector, beside one that does
// neither, in turns. The requests take the cluster's way: ingress, queue-proxy, function.
func measureOverhead(ctx context.Context, b *bench, r *report) error {
	if err := b.clients.StartServer(ctx, b.namespace, test.ServerOTLP, &test.ServerSettings{}); err != nil {
		return err
	}
	ways := []struct {
		name          string
		observability v1alpha1.ObservabilitySpec
		url           string
		times         sample
	}{
		{name: "bare", observability: v1alpha1.ObservabilitySpec{
			Tracing: &v1alpha1.TracingSpec{Enabled: ptr.Bool(false)}, Metrics: &v1alpha1.MetricsSpec{Enabled: ptr.Bool(false)},
		}},
		{name: "observed", observability: v1alpha1.ObservabilitySpec{
			Tracing: &v1alpha1.TracingSpec{Endpoint: test.ServerHost(b.namespace, test.ServerOTLP) + ":4318"},
		}},
	}
	for i := range ways {
		fn := test.NewPythonFunction(b.namespace, ways[i].name, version(0))
		fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
		fn.Spec.Observability = &ways[i].observability
		fn, err := b.createReady(ctx, fn)
		if err != nil {
			return err
		}
		ways[i].url = fn.Status.URL.String()
	}
	for round := range overheadRounds {
		for i := range ways {
			way := &ways[(i+round)%len(ways)]
			times, err := b.callForAWhile(ctx, way.url)
			if err != nil {
				return err
			}
			way.times = append(way.times, times.median())
			progress("round %d of %d: %s, %d requests, median %v", round+1, overheadRounds, way.name, len(times), times.median())
		}
	}
	bare, observed := ways[0].times.median(), ways[1].times.median()
	r.add(fmt.Sprintf("request with metrics and all traced, beside one with neither, median of %d rounds", overheadRounds),
		fmt.Sprintf("%.3f ms", observed.Seconds()*1000), fmt.Sprintf("%.3f ms", bare.Seconds()*1000), fmt.Sprintf("%.3f", float64(observed)/float64(bare)))
	return nil
}

// callForAWhile has a few callers call a function, each again when it has its answer, and returns how long the calls took.
func (b *bench) callForAWhile(ctx context.Context, url string) (all sample, err error) {
	end := time.Now().Add(overheadRound)
	var mu sync.Mutex
	var callers sync.WaitGroup
	for range overheadCallers {
		callers.Go(func() {
			var times sample
			var failed error
			for failed == nil && time.Now().Before(end) {
				start := time.Now()
				failed = b.call(ctx, url)
				times = append(times, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			if failed != nil {
				err = failed
			}
		})
	}
	callers.Wait()
	return all, err
}
