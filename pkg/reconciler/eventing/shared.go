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
	"slices"

	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"

	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

// shared are the objects of one kind that several owners use together. Each user is an owner that does not control, so
// that Kubernetes takes the object away with the last of them and never before.
type shared[T children.Object] struct {
	// kind of the objects, for messages.
	kind string
	// objects that are known, and the client for those that are written.
	objects cache.Indexer
	client  children.Client[T]
	owner   Owner
}

// use makes sure that the shared object is there and has the owner among its users. What exists is not changed
// otherwise, and what is not ours not at all.
func (s *shared[T]) use(ctx context.Context, name string, makeObject func() T) (T, error) {
	var existing T
	found, ok, err := s.objects.GetByKey(s.owner.GetObjectMeta().GetNamespace() + "/" + name)
	if err != nil {
		return existing, fmt.Errorf("failed to get %s %q: %w", s.kind, name, err)
	}
	if ok {
		existing = found.(T)
	} else if existing, err = children.Create(ctx, s.owner, s.kind, s.client, makeObject()); err != nil {
		return existing, err
	}
	return s.join(ctx, existing)
}

// join adds the owner to the users.
func (s *shared[T]) join(ctx context.Context, existing T) (T, error) {
	err := s.retry(ctx, &existing, func() error {
		if !ours(existing) || existing.GetDeletionTimestamp() != nil || s.uses(existing) {
			return nil
		}
		changed := existing.DeepCopyObject().(T)
		changed.SetOwnerReferences(append(changed.GetOwnerReferences(), wiring.UserRef(s.owner)))
		updated, err := children.Update(ctx, s.owner, s.kind, s.client, existing, changed)
		if err == nil {
			existing = updated
		}
		return err
	})
	return existing, err
}

// retry tries again what met a conflict, with the object as it is by then: many come and go at the same time.
func (s *shared[T]) retry(ctx context.Context, existing *T, try func() error) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		err := try()
		if !apierrs.IsConflict(err) {
			return err
		}
		latest, failed := s.client.Get(ctx, (*existing).GetName(), metav1.GetOptions{})
		if failed != nil {
			return fmt.Errorf("failed to get %s %q: %w", s.kind, (*existing).GetName(), failed)
		}
		*existing = latest
		return err
	})
}

// release takes the owner from the users of all shared objects but the kept, and deletes what has no user left. A user
// that comes at the same time is not overlooked: the object is deleted and changed only as it was looked at.
func (s *shared[T]) release(ctx context.Context, kept map[string]struct{}) error {
	var errs []error
	namespace := s.owner.GetObjectMeta().GetNamespace()
	err := cache.ListAllByNamespace(s.objects, namespace, labels.SelectorFromSet(wiring.SharedLabels()), func(found any) {
		existing := found.(T)
		if _, ok := kept[existing.GetName()]; !ok {
			errs = append(errs, s.leave(ctx, existing))
		}
	})
	return errors.Join(append(errs, err)...)
}

// leave takes the owner from the users, or the object away where nobody else uses it.
func (s *shared[T]) leave(ctx context.Context, existing T) error {
	err := s.retry(ctx, &existing, func() error {
		if existing.GetDeletionTimestamp() != nil || !s.uses(existing) {
			return nil
		}
		users := slices.DeleteFunc(slices.Clone(existing.GetOwnerReferences()), s.is)
		if len(users) == 0 {
			version := existing.GetResourceVersion()
			return children.Remove(ctx, s.owner, s.kind, s.client, existing, &version)
		}
		changed := existing.DeepCopyObject().(T)
		changed.SetOwnerReferences(users)
		_, err := children.Update(ctx, s.owner, s.kind, s.client, existing, changed)
		return err
	})
	if apierrs.IsNotFound(err) {
		return nil
	}
	return err
}

func (s *shared[T]) uses(existing T) bool {
	return slices.ContainsFunc(existing.GetOwnerReferences(), s.is)
}

func (s *shared[T]) is(ref metav1.OwnerReference) bool {
	return ref.UID == s.owner.GetObjectMeta().GetUID()
}

// ours is true for what was made here. Others may have made an object of the same name.
func ours(existing metav1.Object) bool {
	return labels.SelectorFromSet(wiring.SharedLabels()).Matches(labels.Set(existing.GetLabels()))
}
