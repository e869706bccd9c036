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
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// measureColdStart times the first request to a function of which no instance is there. The yardstick is a small Go
// program as a bare Knative Service.
func measureColdStart(ctx context.Context, b *bench, r *report) error {
	if b.helloImage == "" {
		return errors.New("name the image of a small Go program by -hello-image")
	}
	functionURL, err := b.coldFunction(ctx, "cold-function")
	if err != nil {
		return err
	}
	hello, err := b.createService(ctx, "cold-hello", b.helloImage, map[string]string{
		autoscaling.WindowAnnotationKey:              test.Window,
		autoscaling.ScaleToZeroPodRetentionPeriodKey: "0s",
	})
	if err != nil {
		return err
	}
	var functions, yardstick sample
	for i := range b.coldStarts {
		kinds := []func() error{
			func() error { return b.timeColdStart(ctx, "cold-function", functionURL, &functions) },
			func() error { return b.timeColdStart(ctx, "cold-hello", hello.Status.URL.String(), &yardstick) },
		}
		if err := errors.Join(kinds[i%2](), kinds[1-i%2]()); err != nil {
			return err
		}
		progress("cold start %d of %d: function %v, yardstick %v", i+1, b.coldStarts, functions[i], yardstick[i])
	}
	r.compare("cold start", functions, yardstick)
	return nil
}

// coldFunction makes a function whose instances go as soon as they are idle, and returns its URL.
func (b *bench) coldFunction(ctx context.Context, name string) (string, error) {
	fn := b.function(name)
	fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
	fn, err := b.createReady(ctx, fn)
	if err != nil {
		return "", err
	}
	return fn.Status.URL.String(), b.clients.ShortenWindow(ctx, b.namespace, name)
}

func (b *bench) timeColdStart(ctx context.Context, service, url string, times *sample) error {
	if err := b.awaitZero(ctx, service); err != nil {
		return err
	}
	start := time.Now()
	if err := b.call(ctx, url); err != nil {
		return err
	}
	*times = append(*times, time.Since(start))
	return nil
}

// awaitZero waits until the service is scaled to zero, and no instance is left that could answer.
func (b *bench) awaitZero(ctx context.Context, service string) error {
	pods, instances := b.clients.Kube.CoreV1().Pods(b.namespace), metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + service}
	err := test.Await(ctx, pods, instances, func(pods []*corev1.Pod) (bool, error) {
		return !slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil }), nil
	})
	if err != nil {
		return err
	}
	// An instance on its way out still answers for half a minute, which nobody wants to wait for here.
	if err := b.clients.KillPods(ctx, b.namespace, instances.LabelSelector); err != nil {
		return err
	}
	return test.Await(ctx, pods, instances, func(pods []*corev1.Pod) (bool, error) { return len(pods) == 0, nil })
}
