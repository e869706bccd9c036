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
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

const window = "6s"

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
		autoscaling.WindowAnnotationKey:              window,
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
	services := b.clients.Serving.ServingV1().Services(b.namespace)
	patched, err := services.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil,
		`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, autoscaling.WindowAnnotationKey, window), metav1.PatchOptions{})
	if err != nil {
		return "", fmt.Errorf("failed to patch Knative Service %q: %w", name, err)
	}
	_, err = test.AwaitOne(ctx, services, name, func(present *servingv1.Service) (bool, error) {
		return present.Generation >= patched.Generation && present.IsReady(), nil
	})
	return fn.Status.URL.String(), err
}

// timeColdStart asks until an instance that was not there before has answered: one on its way out may still answer.
func (b *bench) timeColdStart(ctx context.Context, service, url string, times *sample) error {
	for {
		before, err := b.awaitZero(ctx, service)
		if err != nil {
			return err
		}
		start := time.Now()
		if err := b.call(ctx, url); err != nil {
			return err
		}
		took := time.Since(start)
		after, err := b.instances(ctx, service)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(after, func(pod corev1.Pod) bool { return ready(&pod) && !before.Has(pod.UID) }) {
			*times = append(*times, took)
			return nil
		}
		progress("%s: an instance on its way out answered, once more", service)
	}
}

// awaitZero waits until every instance is gone or on its way out, and returns those.
func (b *bench) awaitZero(ctx context.Context, service string) (leaving sets.Set[types.UID], err error) {
	err = test.Await(ctx, b.clients.Kube.CoreV1().Pods(b.namespace), instancesOf(service), func(pods []*corev1.Pod) (bool, error) {
		leaving = sets.New[types.UID]()
		for _, pod := range pods {
			if pod.DeletionTimestamp == nil || ready(pod) {
				return false, nil
			}
			leaving.Insert(pod.UID)
		}
		return true, nil
	})
	return leaving, err
}

func (b *bench) instances(ctx context.Context, service string) ([]corev1.Pod, error) {
	pods, err := b.clients.Kube.CoreV1().Pods(b.namespace).List(ctx, instancesOf(service))
	if err != nil {
		return nil, fmt.Errorf("failed to list the pods of %q: %w", service, err)
	}
	return pods.Items, nil
}

func instancesOf(service string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + service}
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
