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

package kn

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// watchFunction calls changed with the function as it is, and after each change, until that returns true or an error. A
// function that is not there, or not any more, is nil.
func (c *clients) watchFunction(ctx context.Context, namespace, name string, changed func(*v1alpha1.LambdaFunction) (bool, error)) error {
	functions, selector := c.functions(namespace), fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			return functions.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return functions.Watch(ctx, options)
		},
	}
	// One that is gone before it is watched makes no event.
	missing := func(store cache.Store) (bool, error) {
		for _, object := range store.List() {
			if fn, ok := object.(*v1alpha1.LambdaFunction); ok && fn.Name == name {
				return false, nil
			}
		}
		// The first list may be of a cache that has not heard of it yet.
		if _, err := functions.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return false, err
		}
		return changed(nil)
	}
	_, err := watchtools.UntilWithSync(ctx, cache.ToListWatcherWithWatchListSemantics(lw, c.lambda), &v1alpha1.LambdaFunction{}, missing, func(event watch.Event) (bool, error) {
		fn, ok := event.Object.(*v1alpha1.LambdaFunction)
		if !ok || fn.Name != name {
			return false, nil
		}
		if event.Type == watch.Deleted {
			fn = nil
		}
		return changed(fn)
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // which the watch's own error does not wrap
	}
	return err
}

// awaitGone waits until a function is not there any more.
func (c *clients) awaitGone(ctx context.Context, namespace, name string, timeout time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := c.watchFunction(waiting, namespace, name, func(fn *v1alpha1.LambdaFunction) (bool, error) { return fn == nil, nil })
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return &commandError{
			error: fmt.Errorf("it is not gone after %s", timeout),
			next:  "kubectl get lambdafunction " + name + " -o yaml # metadata.finalizers says who holds it", code: ExitNotReady,
		}
	}
	return err
}
