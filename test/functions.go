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

package test

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// NewPythonFunction returns a function of inline Python code, with little else set.
func NewPythonFunction(namespace, name, code string) *v1alpha1.LambdaFunction {
	return newInlineFunction(namespace, name, v1alpha1.LanguagePython, code)
}

// NewNodeFunction returns a function of inline code for Node.js, with little else set.
func NewNodeFunction(namespace, name, code string) *v1alpha1.LambdaFunction {
	return newInlineFunction(namespace, name, v1alpha1.LanguageNodeJS, code)
}

// NewGoFunction returns a function of inline Go code, with little else set.
func NewGoFunction(namespace, name, code string) *v1alpha1.LambdaFunction {
	return newInlineFunction(namespace, name, v1alpha1.LanguageGo, code)
}

func newInlineFunction(namespace, name string, language v1alpha1.Language, code string) *v1alpha1.LambdaFunction {
	return &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.LambdaFunctionSpec{
			Source: v1alpha1.SourceSpec{
				Type:   v1alpha1.SourceTypeInline,
				Inline: &v1alpha1.InlineSource{Code: code},
			},
			Runtime: v1alpha1.RuntimeSpec{Language: language},
			// A small node has to have room for the functions of several tests: they leave slowly.
			Resources: v1alpha1.ResourcesSpec{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m")}},
		},
	}
}

// Window is how long the autoscaler looks back where ShortenWindow says so, the least that it takes.
const Window = "6s"

// ShortenWindow makes the autoscaler look at the last seconds only, so that idle instances go soon, and waits until the
// Knative Service is ready with that. The annotation is a foreign one on it, which the controller has to leave there.
func (c *Clients) ShortenWindow(ctx context.Context, namespace, name string) error {
	const patch = `{"spec":{"template":{"metadata":{"annotations":{"` + autoscaling.WindowAnnotationKey + `":"` + Window + `"}}}}}`
	services := c.Serving.ServingV1().Services(namespace)
	patched, err := services.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("failed to patch Knative Service %q: %w", name, err)
	}
	_, err = AwaitOne(ctx, services, name, func(service *servingv1.Service) (bool, error) {
		return service.Generation >= patched.Generation && service.IsReady(), nil
	})
	return err
}

// ChildrenOf selects what a function is made of.
func ChildrenOf(fn *v1alpha1.LambdaFunction) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: lambda.FunctionLabelKey + "=" + fn.Name}
}

// CreateFunction creates a function.
func (c *Clients) CreateFunction(ctx context.Context, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	return c.Lambda.LambdaV1alpha1().LambdaFunctions(fn.Namespace).Create(ctx, fn, metav1.CreateOptions{})
}

// EditFunction changes a function as it is now, and tries again where somebody else was faster.
func (c *Clients) EditFunction(ctx context.Context, fn *v1alpha1.LambdaFunction, change func(*v1alpha1.LambdaFunction)) (*v1alpha1.LambdaFunction, error) {
	functions := c.Lambda.LambdaV1alpha1().LambdaFunctions(fn.Namespace)
	var edited *v1alpha1.LambdaFunction
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		present, err := functions.Get(ctx, fn.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(present)
		edited, err = functions.Update(ctx, present, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("failed to edit LambdaFunction %q: %w", fn.Name, err)
	}
	return edited, nil
}

// DeleteFunction deletes a function.
func (c *Clients) DeleteFunction(ctx context.Context, fn *v1alpha1.LambdaFunction) error {
	return c.Lambda.LambdaV1alpha1().LambdaFunctions(fn.Namespace).Delete(ctx, fn.Name, metav1.DeleteOptions{})
}

// AwaitFunction waits until the controller has seen the function's generation, or a later one, and done says so.
func (c *Clients) AwaitFunction(ctx context.Context, fn *v1alpha1.LambdaFunction, done func(*v1alpha1.LambdaFunction) (bool, error)) (*v1alpha1.LambdaFunction, error) {
	return AwaitOne(ctx, c.Lambda.LambdaV1alpha1().LambdaFunctions(fn.Namespace), fn.Name,
		func(present *v1alpha1.LambdaFunction) (bool, error) {
			// The first answer may come from a cache that has not heard of the latest edit.
			if present.UID != fn.UID || present.Generation < fn.Generation || present.Status.ObservedGeneration != present.Generation {
				return false, nil
			}
			return done(present)
		})
}

// AwaitReady waits until the function is ready. It fails as soon as the function does, but for want of room: others leave.
func (c *Clients) AwaitReady(ctx context.Context, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	return c.AwaitFunction(ctx, fn, func(present *v1alpha1.LambdaFunction) (bool, error) {
		if ready := present.Status.GetCondition(v1alpha1.ConditionReady); ready.IsFalse() && ready.GetReason() != v1alpha1.ReasonUnschedulable {
			return false, fmt.Errorf("it is not ready: %s: %s", ready.GetReason(), ready.GetMessage())
		}
		return present.IsReady(), nil
	})
}
