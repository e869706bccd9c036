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

package eventing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/controller"
)

// object is what all kinds of children are.
type object interface {
	metav1.Object
	runtime.Object
}

// client is what every typed client can do for one kind of object in a namespace.
type client[T object] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, options metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

// goingError is the error of a child that is being deleted, and made anew once it is gone.
type goingError struct{ kind, name string }

func (e *goingError) Error() string {
	return fmt.Sprintf("%s %q is going away, to be made anew.", e.kind, e.name)
}

// notOwnedError is the error of a child whose name is taken.
type notOwnedError struct{ kind, name string }

func (e *notOwnedError) Error() string {
	return fmt.Sprintf("%s %q exists and belongs to somebody else", e.kind, e.name)
}

// refusedError is the error of a child that the API server does not take.
type refusedError struct {
	kind, name string
	err        error
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s %q is refused: %v", e.kind, e.name, e.err)
}

func (e *refusedError) Unwrap() error { return e.err }

// children are the objects of one kind that an owner has in its namespace.
type children[T object] struct {
	// kind of the objects, for messages.
	kind string
	// objects that are known, and the client for those that are written.
	objects cache.Indexer
	client  client[T]
	owner   Owner
	// apply writes onto a child what it is to be; other fields stay.
	apply func(existing, desired T)
	// anew is true where a child cannot be changed into what it is to be. Nil is never.
	anew func(existing, desired T) bool
	// annotations are those that are ours alone: they go where they are not desired.
	annotations []string
}

// reconcile makes sure that the child is there as it is desired, and returns it.
func (c *children[T]) reconcile(ctx context.Context, desired T) (T, error) {
	existing, err := get[T](c.objects, desired)
	if apierrs.IsNotFound(err) {
		existing, err = create(ctx, c.owner, c.kind, c.client, desired)
	}
	if err != nil {
		return existing, err
	}
	if !metav1.IsControlledBy(existing, c.owner.GetObjectMeta()) {
		return existing, &notOwnedError{kind: c.kind, name: desired.GetName()}
	}
	if existing.GetDeletionTimestamp() != nil {
		return existing, &goingError{kind: c.kind, name: existing.GetName()}
	}
	if c.anew != nil && c.anew(existing, desired) {
		if err := remove(ctx, c.owner, c.kind, c.client, existing, nil); err != nil {
			return existing, err
		}
		return existing, &goingError{kind: c.kind, name: existing.GetName()}
	}
	changed := existing.DeepCopyObject().(T)
	changed.SetLabels(merge(changed.GetLabels(), desired.GetLabels()))
	annotations := maps.Clone(changed.GetAnnotations())
	maps.DeleteFunc(annotations, func(key, _ string) bool { return slices.Contains(c.annotations, key) })
	changed.SetAnnotations(merge(annotations, desired.GetAnnotations()))
	c.apply(changed, desired)
	return update(ctx, c.owner, c.kind, c.client, existing, changed)
}

// prune deletes the owner's children that are not among the kept.
func (c *children[T]) prune(ctx context.Context, selector map[string]string, kept map[string]struct{}) error {
	var errs []error
	namespace := c.owner.GetObjectMeta().GetNamespace()
	err := cache.ListAllByNamespace(c.objects, namespace, labels.SelectorFromSet(selector), func(found any) {
		child := found.(T)
		if _, ok := kept[child.GetName()]; ok || !metav1.IsControlledBy(child, c.owner.GetObjectMeta()) || child.GetDeletionTimestamp() != nil {
			return
		}
		errs = append(errs, remove(ctx, c.owner, c.kind, c.client, child, nil))
	})
	return errors.Join(append(errs, err)...)
}

// get returns what is known under the name of the desired object.
func get[T object](objects cache.Indexer, desired T) (T, error) {
	var none T
	found, ok, err := objects.GetByKey(desired.GetNamespace() + "/" + desired.GetName())
	switch {
	case err != nil:
		return none, fmt.Errorf("failed to get %q: %w", desired.GetName(), err)
	case !ok:
		return none, apierrs.NewNotFound(corev1.Resource("objects"), desired.GetName())
	default:
		return found.(T), nil
	}
}

// create makes the object. One of its name that the informer does not know is returned as it is.
func create[T object](ctx context.Context, owner Owner, kind string, c client[T], desired T) (T, error) {
	recorder, name := controller.GetEventRecorder(ctx), desired.GetName()
	created, err := c.Create(ctx, desired, metav1.CreateOptions{})
	switch {
	case apierrs.IsAlreadyExists(err):
		if created, err = c.Get(ctx, name, metav1.GetOptions{}); err != nil {
			return created, fmt.Errorf("failed to get %s %q: %w", kind, name, err)
		}
		return created, nil
	case err != nil:
		recorder.Eventf(owner, corev1.EventTypeWarning, "CreationFailed", "Failed to create %s %q: %v", kind, name, err)
		return created, refusal(kind, name, fmt.Errorf("failed to create %s %q: %w", kind, name, err))
	}
	recorder.Eventf(owner, corev1.EventTypeNormal, "Created", "Created %s %q", kind, name)
	return created, nil
}

// update writes the object where it has changed.
func update[T object](ctx context.Context, owner Owner, kind string, c client[T], existing, changed T) (T, error) {
	if equality.Semantic.DeepEqual(existing, changed) {
		return existing, nil
	}
	updated, err := c.Update(ctx, changed, metav1.UpdateOptions{})
	if err != nil {
		return existing, refusal(kind, changed.GetName(), fmt.Errorf("failed to update %s %q: %w", kind, changed.GetName(), err))
	}
	controller.GetEventRecorder(ctx).Eventf(owner, corev1.EventTypeNormal, "Updated", "Updated %s %q", kind, changed.GetName())
	return updated, nil
}

// remove deletes the object that was looked at, and no other of its name. With a version it is deleted only as it was
// looked at.
func remove[T object](ctx context.Context, owner Owner, kind string, c client[T], existing T, version *string) error {
	uid := existing.GetUID()
	err := c.Delete(ctx, existing.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: version}})
	if apierrs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to delete %s %q: %w", kind, existing.GetName(), err)
	}
	controller.GetEventRecorder(ctx).Eventf(owner, corev1.EventTypeNormal, "Deleted", "Deleted %s %q", kind, existing.GetName())
	return nil
}

// Refused reports whether the API server would refuse the same object again, and it is for somebody to mend: not where the
// object's namespace is being deleted.
func Refused(err error) bool {
	refused := apierrs.IsBadRequest(err) || apierrs.IsInvalid(err) || apierrs.IsForbidden(err)
	return refused && !apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// refusal tells what another try does not mend from what it may, and from what nobody is to mend any more.
func refusal(kind, name string, err error) error {
	if Refused(err) {
		return &refusedError{kind: kind, name: name, err: err}
	}
	return err
}

func merge(into, from map[string]string) map[string]string {
	if len(from) == 0 {
		return into
	}
	merged := make(map[string]string, len(into)+len(from))
	maps.Copy(merged, into)
	maps.Copy(merged, from)
	return merged
}
