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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Resource is what every typed client can do for one kind of object.
type Resource[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// Await watches the selected objects until done says so of all of them together, or fails.
func Await[T, L runtime.Object](ctx context.Context, resource Resource[L], selected metav1.ListOptions, done func([]T) (bool, error)) error {
	var store cache.Store
	enough := func() (bool, error) {
		stored := store.List()
		objects := make([]T, 0, len(stored))
		for _, object := range stored {
			objects = append(objects, object.(T))
		}
		return done(objects)
	}
	// The type of the objects is the client's affair: nil lets all of them pass.
	_, err := watchtools.UntilWithSync(ctx, listerWatcher(resource, selected), nil,
		func(synced cache.Store) (bool, error) {
			store = synced
			return enough()
		},
		func(watch.Event) (bool, error) { return enough() })
	return err
}

// AwaitOne watches the named object until done says so of it, or fails. It returns the object as it is then. While
// there is no such object done is not asked.
func AwaitOne[T, L runtime.Object](ctx context.Context, resource Resource[L], name string, done func(T) (bool, error)) (T, error) {
	var last T
	err := Await(ctx, resource, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()},
		func(objects []T) (bool, error) {
			if len(objects) == 0 {
				return false, nil
			}
			last = objects[0]
			return done(last)
		})
	if err != nil {
		return last, fmt.Errorf("failed to wait for %T %q: %w", last, name, err)
	}
	return last, nil
}

// AwaitNone watches the selected objects until there are none.
func AwaitNone[L runtime.Object](ctx context.Context, resource Resource[L], selected metav1.ListOptions) error {
	var left []string
	err := Await(ctx, resource, selected, func(objects []runtime.Object) (bool, error) {
		left = left[:0]
		for _, object := range objects {
			key, err := cache.MetaNamespaceKeyFunc(object)
			if err != nil {
				return false, err
			}
			left = append(left, key)
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("failed to wait until %v are gone: %w", left, err)
	}
	return nil
}

func listerWatcher[L runtime.Object](resource Resource[L], selected metav1.ListOptions) cache.ListerWatcher {
	narrow := func(opts metav1.ListOptions) metav1.ListOptions {
		opts.LabelSelector, opts.FieldSelector = selected.LabelSelector, selected.FieldSelector
		return opts
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			return resource.List(ctx, narrow(opts))
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			return resource.Watch(ctx, narrow(opts))
		},
	}
}
