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
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// object is a function or an agent.
type object interface {
	comparable
	metav1.Object
	runtime.Object
}

// conditioned is an object with conditions.
type conditioned interface {
	object
	duckv1.KRShaped
}

// objects are the functions or the agents of a namespace.
type objects[T object, L runtime.Object] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// watchFunction is watchObject for a function.
func (c *clients) watchFunction(ctx context.Context, namespace, name string, changed func(*v1alpha1.LambdaFunction) (bool, error)) error {
	return watchObject(ctx, c, c.functions(namespace), &v1alpha1.LambdaFunction{}, name, changed)
}

// watchObject calls changed with the object as it is, and after each change, until that returns true or an error. One that is
// not there, or not any more, is nil. kind is any object of the kind.
func watchObject[T object, L runtime.Object](ctx context.Context, c *clients, all objects[T, L], kind T, name string, changed func(T) (bool, error)) error {
	var none T
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			return all.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return all.Watch(ctx, options)
		},
	}
	// One that is gone before it is watched makes no event.
	missing := func(store cache.Store) (bool, error) {
		for _, object := range store.List() {
			if found, ok := object.(T); ok && found.GetName() == name {
				return false, nil
			}
		}
		// The first list may be of a cache that has not heard of it yet.
		if _, err := all.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return false, err
		}
		return changed(none)
	}
	_, err := watchtools.UntilWithSync(ctx, cache.ToListWatcherWithWatchListSemantics(lw, c.lambda), kind, missing, func(event watch.Event) (bool, error) {
		found, ok := event.Object.(T)
		if !ok || found.GetName() != name {
			return false, nil
		}
		if event.Type == watch.Deleted {
			found = none
		}
		return changed(found)
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // which the watch's own error does not wrap
	}
	return err
}

// awaitGone waits until something is not there any more. kind is any object of its kind, and resource what kubectl calls it.
func awaitGone[T object, L runtime.Object](ctx context.Context, c *clients, all objects[T, L], kind T, resource, name string, timeout time.Duration) error {
	late := notReady("kubectl get "+resource+" "+name+" -o yaml # metadata.finalizers says who holds it", "it is not gone after %s", timeout)
	return within(ctx, timeout, late, func(ctx context.Context) error {
		var none T
		return watchObject(ctx, c, all, kind, name, func(found T) (bool, error) { return found == none, nil })
	})
}

// within waits no longer than the timeout. Where that is not long enough, it is late.
func within(ctx context.Context, timeout time.Duration, late error, wait func(context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := wait(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return late
	}
	return err
}
