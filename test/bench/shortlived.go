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
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	shortLived = 10 // functions at once
	calls      = 3  // of each instance
)

// measureShortLived has instances come for a few calls and go again, and looks whether a collector knows of every call:
// the last are told of when an instance is told to go.
func measureShortLived(ctx context.Context, b *bench, r *report) error {
	if err := b.clients.StartServer(ctx, b.namespace, test.ServerOTLP, &test.ServerSettings{}); err != nil {
		return err
	}
	functions := make([]*v1alpha1.LambdaFunction, 0, shortLived)
	for i := range shortLived {
		fn := test.NewPythonFunction(b.namespace, fmt.Sprint("short-lived-", i), version(i))
		fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
		fn.Spec.Observability = &v1alpha1.ObservabilitySpec{
			Tracing: &v1alpha1.TracingSpec{Endpoint: test.ServerHost(b.namespace, test.ServerOTLP) + ":4318"},
		}
		fn, err := b.createReady(ctx, fn)
		if err != nil {
			return err
		}
		if err := b.clients.ShortenWindow(ctx, b.namespace, fn.Name); err != nil {
			return err
		}
		functions = append(functions, fn)
	}
	// Those that came with the functions are nobody's.
	if err := b.awaitGone(ctx, functions); err != nil {
		return err
	}
	var lives sample
	for begun := 0; begun < b.instances; begun += len(functions) {
		start := time.Now()
		for _, fn := range functions {
			for range calls {
				if err := b.call(ctx, fn.Status.URL.String()); err != nil {
					return err
				}
			}
		}
		if err := b.awaitGone(ctx, functions); err != nil {
			return err
		}
		lives = append(lives, time.Since(start))
		progress("%d instances have come and gone", begun+len(functions))
	}
	counters, err := b.clients.Counters(ctx, b.namespace)
	if err != nil {
		return err
	}
	var known int64
	for name, value := range counters {
		if strings.HasPrefix(name, "knative.lambda.function.invocations[") {
			known += value
		}
	}
	made := int64(len(lives) * len(functions) * calls)
	if known != made {
		r.fault("a collector knows of %d of %d calls", known, made)
	}
	r.add(fmt.Sprintf("calls of %d instances that live %.0f s, which a collector knows of", len(lives)*len(functions), lives.median().Seconds()),
		fmt.Sprintf("%d of %d", known, made), "", "")
	return nil
}

// awaitGone waits until no instance is left, each of which has ended by itself.
func (b *bench) awaitGone(ctx context.Context, functions []*v1alpha1.LambdaFunction) error {
	for _, fn := range functions {
		err := test.Await(ctx, b.clients.Kube.CoreV1().Pods(b.namespace), metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + fn.Name},
			func(pods []*corev1.Pod) (bool, error) { return len(pods) == 0, nil })
		if err != nil {
			return err
		}
	}
	return nil
}
