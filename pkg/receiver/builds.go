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
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// status is what commands look at of a function's.
type status struct {
	// observed is false before the controller has seen the present spec, and what annotation rebuild asks for.
	observed bool
	// build is the status of condition BuildReady: True, False, Unknown or "".
	build string
	// key is the build key.
	key string
}

const conditionBuildReady = "BuildReady"

func statusOf(fn *unstructured.Unstructured) status {
	observed, _, _ := unstructured.NestedInt64(fn.Object, "status", "observedGeneration")
	rebuild, _, _ := unstructured.NestedString(fn.Object, "status", "buildStatus", "rebuild")
	s := status{observed: observed == fn.GetGeneration() && rebuild == fn.GetAnnotations()[lambda.RebuildAnnotationKey]}
	s.key, _, _ = unstructured.NestedString(fn.Object, "status", "buildStatus", "key")
	s.build = conditionOf(fn, conditionBuildReady)
	return s
}

// conditionOf is the status of an object's condition: True, False, Unknown, or "" where it is not there.
func conditionOf(object *unstructured.Unstructured, conditionType string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == conditionType {
			status, _ := condition["status"].(string)
			return status
		}
	}
	return ""
}

// sourceType of functions that have nothing to build.
const sourceTypeImage = "image"

// build builds the function of a command, where its build failed or the command says so.
func (s *Server) build(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	current, err := s.find(ctx, user, o)
	if err != nil {
		return false, err
	}
	if journalOf(current).has(o.id) {
		return true, nil
	}
	if source, _, _ := unstructured.NestedString(current.Object, "spec", "source", "type"); source == sourceTypeImage {
		return false, refuse(http.StatusUnprocessableEntity, codeInvalidSpec, "", "LambdaFunction %q has source type image: there is nothing to build", o.name)
	}
	annotations := map[string]any{}
	// What the controller has not seen is built anyway.
	if is := statusOf(current); o.payload.ForceRebuild || is.observed && is.build == "False" {
		annotations[lambda.RebuildAnnotationKey] = o.id
	}
	return false, s.annotate(ctx, o, current, annotations)
}

// cancel stops the build of a function that goes on.
func (s *Server) cancel(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	current, err := s.find(ctx, user, o)
	if err != nil {
		return false, err
	}
	if journalOf(current).has(o.id) {
		return true, nil
	}
	is := statusOf(current)
	if !is.observed {
		return false, fmt.Errorf("%w: the controller has not seen the function's spec", errLater)
	}
	annotations := map[string]any{}
	if is.build == "Unknown" && is.key != "" {
		annotations[lambda.CancelBuildAnnotationKey] = is.key
	}
	return false, s.annotate(ctx, o, current, annotations)
}
