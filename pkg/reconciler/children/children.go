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

// Package children makes the objects of one kind that an object of ours has, such as the Triggers of a LambdaFunction: it
// makes what is missing, repairs what has drifted, and takes away what is no longer wanted. What belongs to others it leaves
// alone.
package children

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
	"knative.dev/pkg/kmeta"
)

// Owner is an object of ours that has children.
type Owner interface {
	kmeta.OwnerRefable
	runtime.Object
}

// Object is what all kinds of children are.
type Object interface {
	metav1.Object
	runtime.Object
}

// Client is what every typed client can do for one kind of object in a namespace.
type Client[T Object] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, options metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

// GoingError is the error of a child that is being deleted, and made anew once it is gone.
type GoingError struct{ Kind, Name string }

func (e *GoingError) Error() string {
	return fmt.Sprintf("%s %q is going away, to be made anew.", e.Kind, e.Name)
}

// NotOwnedError is the error of a child whose name is taken.
type NotOwnedError struct{ Kind, Name string }

func (e *NotOwnedError) Error() string {
	return fmt.Sprintf("%s %q exists and belongs to somebody else", e.Kind, e.Name)
}

// RefusedError is the error of a child that the API server does not take.
type RefusedError struct {
	Kind, Name string
	Err        error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %q is refused: %v", e.Kind, e.Name, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Set is the objects of one kind that an owner has in its namespace.
type Set[T Object] struct {
	// Kind of the objects, for messages.
	Kind string
	// Objects that are known, and the Client for those that are written.
	Objects cache.Indexer
	Client  Client[T]
	Owner   Owner
	// Apply writes onto a child what it is to be; other fields stay.
	Apply func(existing, desired T)
	// Anew is true where a child cannot be changed into what it is to be. Nil is never.
	Anew func(existing, desired T) bool
	// Annotations are those that are ours alone: they go where they are not desired.
	Annotations []string
}

// Reconcile makes sure that the child is there as it is desired, and returns it.
func (c *Set[T]) Reconcile(ctx context.Context, desired T) (T, error) {
	existing, err := Get[T](c.Objects, desired)
	if apierrs.IsNotFound(err) {
		existing, err = Create(ctx, c.Owner, c.Kind, c.Client, desired)
	}
	if err != nil {
		return existing, err
	}
	if !metav1.IsControlledBy(existing, c.Owner.GetObjectMeta()) {
		return existing, &NotOwnedError{Kind: c.Kind, Name: desired.GetName()}
	}
	if existing.GetDeletionTimestamp() != nil {
		return existing, &GoingError{Kind: c.Kind, Name: existing.GetName()}
	}
	if c.Anew != nil && c.Anew(existing, desired) {
		if err := Remove(ctx, c.Owner, c.Kind, c.Client, existing, nil); err != nil {
			return existing, err
		}
		return existing, &GoingError{Kind: c.Kind, Name: existing.GetName()}
	}
	changed := existing.DeepCopyObject().(T)
	changed.SetLabels(Merge(changed.GetLabels(), desired.GetLabels()))
	annotations := maps.Clone(changed.GetAnnotations())
	maps.DeleteFunc(annotations, func(key, _ string) bool { return slices.Contains(c.Annotations, key) })
	changed.SetAnnotations(Merge(annotations, desired.GetAnnotations()))
	c.Apply(changed, desired)
	return Update(ctx, c.Owner, c.Kind, c.Client, existing, changed)
}

// Prune deletes the owner's children that are not among the kept.
func (c *Set[T]) Prune(ctx context.Context, selector map[string]string, kept map[string]struct{}) error {
	var errs []error
	namespace := c.Owner.GetObjectMeta().GetNamespace()
	err := cache.ListAllByNamespace(c.Objects, namespace, labels.SelectorFromSet(selector), func(found any) {
		child := found.(T)
		if _, ok := kept[child.GetName()]; ok || !metav1.IsControlledBy(child, c.Owner.GetObjectMeta()) || child.GetDeletionTimestamp() != nil {
			return
		}
		errs = append(errs, Remove(ctx, c.Owner, c.Kind, c.Client, child, nil))
	})
	return errors.Join(append(errs, err)...)
}

// Get returns what is known under the name of the desired object.
func Get[T Object](objects cache.Indexer, desired T) (T, error) {
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

// Create makes the object. One of its name that the informer does not know is returned as it is.
func Create[T Object](ctx context.Context, owner Owner, kind string, c Client[T], desired T) (T, error) {
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

// Update writes the object where it has changed.
func Update[T Object](ctx context.Context, owner Owner, kind string, c Client[T], existing, changed T) (T, error) {
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

// Remove deletes the object that was looked at, and no other of its name. With a version it is deleted only as it was
// looked at.
func Remove[T Object](ctx context.Context, owner Owner, kind string, c Client[T], existing T, version *string) error {
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
		return &RefusedError{Kind: kind, Name: name, Err: err}
	}
	return err
}

// Merge returns the labels or annotations of both; those of from win. Neither is changed.
func Merge(into, from map[string]string) map[string]string {
	if len(from) == 0 {
		return into
	}
	merged := make(map[string]string, len(into)+len(from))
	maps.Copy(merged, into)
	maps.Copy(merged, from)
	return merged
}
