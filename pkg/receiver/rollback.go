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
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

var revisionResource = schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "revisions"}

// Labels of Revisions: whose they are, and their order.
const (
	serviceLabel    = "serving.knative.dev/service"
	generationLabel = "serving.knative.dev/configurationGeneration"
)

const conditionReady = "Ready"

const revisionPath = "/data/revision"

// rollBack sends a function's calls to the Revision of the command, or to the one before that which has them.
func (s *Server) rollBack(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	current, err := s.find(ctx, user, o)
	if err != nil {
		return false, err
	}
	if journalOf(current).has(o.id) {
		return true, nil
	}
	ready, err := s.readyRevisions(ctx, o)
	if err != nil {
		return false, err
	}
	to, err := choose(ready, o.payload.Revision, current.GetAnnotations()[lambda.RollbackAnnotationKey])
	if err != nil {
		return false, err
	}
	return false, s.annotate(ctx, o, current, map[string]any{lambda.RollbackAnnotationKey: to})
}

// readyRevisions are the names of a function's Revisions that are ready, the newest first.
func (s *Server) readyRevisions(ctx context.Context, o *order) ([]string, error) {
	list, err := s.client.Resource(revisionResource).Namespace(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: serviceLabel + "=" + o.name})
	if err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(r unstructured.Unstructured) bool {
		return conditionOf(&r, conditionReady) != "True" || r.GetDeletionTimestamp() != nil
	})
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int { return cmp.Compare(generationOf(&b), generationOf(&a)) })
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	return names, nil
}

func generationOf(revision *unstructured.Unstructured) int {
	n, err := strconv.Atoi(revision.GetLabels()[generationLabel])
	if err != nil {
		return 0 // Knative labels all
	}
	return n
}

// choose returns the Revision that is wanted, or that before the serving one: the one of an earlier rollback, else the newest.
func choose(ready []string, wanted, rolledBackTo string) (string, error) {
	if wanted != "" {
		if !slices.Contains(ready, wanted) {
			return "", refuse(http.StatusUnprocessableEntity, codeInvalidData, revisionPath, "the function has no ready Revision %q; it has: %s", wanted, strings.Join(ready, ", "))
		}
		return wanted, nil
	}
	serving := max(0, slices.Index(ready, rolledBackTo))
	if serving+1 >= len(ready) {
		return "", refuse(http.StatusUnprocessableEntity, codeInvalidData, revisionPath, "the function has no ready Revision before that which serves; it has: %s", strings.Join(ready, ", "))
	}
	return ready[serving+1], nil
}
