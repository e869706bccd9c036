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

package receiver

import (
	"context"

	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
)

// remove deletes the function of a command. What is not there is deleted already.
func (s *Server) remove(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	if err := s.require(ctx, user, verbDelete, o); err != nil {
		return false, err
	}
	known, err := s.graves.find(ctx, o.namespace, o.name)
	if err != nil {
		return false, err
	}
	duplicate = known.done().has(o.id)
	var uid types.UID
	if duplicate {
		// What was not deleted then is deleted now, and no other of the name.
		uid = known.uid()
	} else {
		current, err := s.target(o).Get(ctx, o.name, metav1.GetOptions{})
		if err != nil && !apierrs.IsNotFound(err) {
			return false, err
		}
		done := known.done()
		if err == nil {
			uid = current.GetUID()
			done = done.with(journalOf(current)...)
		}
		if err := s.graves.dig(ctx, known, o.namespace, o.name, uid, done.with(o.id)); err != nil {
			return false, err
		}
	}
	if uid == "" {
		return duplicate, nil
	}
	err = s.target(o).Delete(ctx, o.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrs.IsNotFound(err) || apierrs.IsConflict(err) {
		return duplicate, nil // gone, or another by now
	}
	return duplicate, written(err)
}
