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
	"strings"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// imageDigest is the result of a build that says what was pushed.
const imageDigest = "IMAGE_DIGEST"

// measureApply times a function from apply to Ready. The yardstick is what one would do by hand: a TaskRun with the
// same steps on the same source, and then a Knative Service with the image.
func measureApply(ctx context.Context, b *bench, r *report) error {
	model, err := b.createReady(ctx, b.function("model"))
	if err != nil {
		return err
	}
	build, err := b.clients.Tekton.TektonV1().TaskRuns(b.namespace).Get(ctx, model.Status.BuildStatus.JobName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to get the TaskRun of %q: %w", model.Name, err)
	}
	var functions, byHand sample
	for i := range b.runs {
		kinds := []func() error{
			func() error { return b.timeFunction(ctx, fmt.Sprintf("function-%d", i), &functions) },
			func() error { return b.timeByHand(ctx, fmt.Sprintf("by-hand-%d", i), model, build, &byHand) },
		}
		// By turns, so that neither is always the one that comes after the other.
		if err := errors.Join(kinds[i%2](), kinds[1-i%2]()); err != nil {
			return err
		}
		progress("apply %d of %d: function %v, by hand %v", i+1, b.runs, functions[i], byHand[i])
	}
	r.compare("apply to Ready", functions, byHand)
	return b.clients.DeleteFunction(ctx, model)
}

func (b *bench) timeFunction(ctx context.Context, name string, times *sample) error {
	start := time.Now()
	fn, err := b.createReady(ctx, b.function(name))
	if err != nil {
		return err
	}
	*times = append(*times, time.Since(start))
	if err := b.call(ctx, fn.Status.URL.String()); err != nil {
		return err
	}
	return b.clients.DeleteFunction(ctx, fn)
}

func (b *bench) timeByHand(ctx context.Context, name string, model *v1alpha1.LambdaFunction, build *tektonv1.TaskRun, times *sample) error {
	repository, _, _ := strings.Cut(model.Status.BuildStatus.ImageURI, "@")
	ownRepository := strings.TrimSuffix(repository, model.Name) + name
	taskRuns := b.clients.Tekton.TektonV1().TaskRuns(b.namespace)

	start := time.Now()
	taskRun, err := taskRuns.Create(ctx, copyOfBuild(build, name, repository, ownRepository), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("failed to create TaskRun %q: %w", name, err)
	}
	var digest string
	if _, err := test.AwaitOne(ctx, taskRuns, taskRun.Name, func(present *tektonv1.TaskRun) (_ bool, err error) {
		digest, err = builtDigest(present)
		return digest != "", err
	}); err != nil {
		return err
	}
	service, err := b.createService(ctx, name, ownRepository+"@"+digest, nil)
	if err != nil {
		return err
	}
	*times = append(*times, time.Since(start))
	if err := b.call(ctx, service.Status.URL.String()); err != nil {
		return err
	}
	return errors.Join(
		b.clients.Serving.ServingV1().Services(b.namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		taskRuns.Delete(ctx, name, metav1.DeleteOptions{}))
}

// copyOfBuild is the same build without the operator, pushed elsewhere.
func copyOfBuild(build *tektonv1.TaskRun, name, repository, ownRepository string) *tektonv1.TaskRun {
	own := &tektonv1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: build.Namespace, Name: name},
		Spec:       *build.Spec.DeepCopy(),
	}
	for _, step := range own.Spec.TaskSpec.Steps {
		for i, arg := range step.Args {
			step.Args[i] = strings.ReplaceAll(arg, repository, ownRepository)
		}
	}
	return own
}

// builtDigest is empty as long as the build goes on.
func builtDigest(taskRun *tektonv1.TaskRun) (string, error) {
	switch succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded); {
	case succeeded.IsFalse():
		return "", fmt.Errorf("TaskRun %q failed: %s", taskRun.Name, succeeded.GetMessage())
	case !succeeded.IsTrue():
		return "", nil
	}
	for _, result := range taskRun.Status.Results {
		if result.Name == imageDigest {
			return result.Value.StringVal, nil
		}
	}
	return "", fmt.Errorf("TaskRun %q has no result %s", taskRun.Name, imageDigest)
}

// createService creates a Knative Service with nothing set but the image and the Revision's annotations, and returns
// it as it is when it is ready.
func (b *bench) createService(ctx context.Context, name, image string, annotations map[string]string) (*servingv1.Service, error) {
	services := b.clients.Serving.ServingV1().Services(b.namespace)
	service := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name}}
	service.Spec.Template.Annotations = annotations
	service.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
	if _, err := services.Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("failed to create Knative Service %q: %w", name, err)
	}
	return test.AwaitOne(ctx, services, name, func(present *servingv1.Service) (bool, error) {
		if ready := present.Status.GetCondition(servingv1.ServiceConditionReady); ready.IsFalse() {
			return false, fmt.Errorf("it is not ready: %s", ready.GetMessage())
		}
		return present.IsReady(), nil
	})
}
