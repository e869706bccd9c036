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
	"encoding/json"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/utils/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// The names by which the API server knows whose fields are whose: those of an event's function are the one's, what commands
// add besides is the other's, so that the next function.deploy does not take it away.
const (
	fieldManager        = "knative-lambda-receiver"
	commandFieldManager = "knative-lambda-receiver-commands"
)

// apiVersion of what events have.
const apiVersion = "v1alpha1"

var (
	functionResource = lambda.LambdaFunctionsResource.WithVersion(apiVersion)
	agentResource    = lambda.LambdaAgentsResource.WithVersion(apiVersion)
)

// kind is what a command is about.
type kind struct {
	// name is LambdaFunction, noun what people call it.
	name, noun string
	resource   schema.GroupVersionResource
}

var (
	functions = kind{"LambdaFunction", "function", functionResource}
	agents    = kind{"LambdaAgent", "agent", agentResource}
)

// target has the objects that are of the command's kind, in its namespace.
func (s *Server) target(o *order) dynamic.ResourceInterface {
	return s.client.Resource(o.kind.resource).Namespace(o.namespace)
}

// find returns the object of a command, after it was made sure that the sender may do with it what the command says.
func (s *Server) find(ctx context.Context, user *access.User, o *order) (*unstructured.Unstructured, error) {
	current, err := s.target(o).Get(ctx, o.name, metav1.GetOptions{})
	switch {
	case errors.IsNotFound(err):
		if err := s.require(ctx, user, verbPatch, o); err != nil {
			return nil, err
		}
		return nil, o.notFound()
	case err != nil:
		return nil, err
	}
	return current, s.require(ctx, user, verbPatch, o)
}

// apply creates the function of a command, or changes it to be as the command has it.
func (s *Server) apply(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	current, err := s.target(o).Get(ctx, o.name, metav1.GetOptions{})
	switch {
	case errors.IsNotFound(err):
		return s.create(ctx, user, o)
	case err != nil:
		return false, err
	}
	if err := s.require(ctx, user, verbPatch, o); err != nil {
		return false, err
	}
	done := journalOf(current)
	if done.has(o.id) {
		return true, nil
	}
	if current.GetDeletionTimestamp() != nil {
		return false, fmt.Errorf("%w: the function is being deleted", errLater)
	}
	if current, err = s.takeOver(ctx, o, current); err != nil {
		return false, err
	}
	desired := o.object(ctx, done.with(o.id), current.GetAnnotations()[createdAnnotation] != "")
	// Whoever changed it meanwhile is not overwritten unseen.
	desired.SetResourceVersion(current.GetResourceVersion())
	text, err := desired.MarshalJSON()
	if err != nil {
		return false, fmt.Errorf("failed to encode the function: %w", err)
	}
	_, err = s.target(o).Patch(ctx, o.name, types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: fieldManager, Force: ptr.To(true), FieldValidation: metav1.FieldValidationStrict,
	})
	return false, written(err)
}

// create makes the function. It fails where somebody else has made it meanwhile, which an apply would not tell.
func (s *Server) create(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	if err := s.require(ctx, user, verbCreate, o); err != nil {
		return false, err
	}
	if err := s.requireCapable(ctx, user); err != nil {
		return false, err
	}
	grave, err := s.graves.find(ctx, o.namespace, o.name)
	if err != nil {
		return false, err
	}
	if grave.done().has(o.id) {
		return true, nil
	}
	desired := o.object(ctx, grave.done().with(o.id), true)
	_, err = s.target(o).Create(ctx, desired, metav1.CreateOptions{FieldManager: fieldManager, FieldValidation: metav1.FieldValidationStrict})
	return false, written(err)
}

// takeOver has the fields of a function that create has made belong to apply, so that those which a later command does not
// have are removed. The API server keeps the two apart.
func (s *Server) takeOver(ctx context.Context, o *order, current *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(current, sets.New(fieldManager), fieldManager)
	if err != nil {
		return nil, fmt.Errorf("failed to take over the fields: %w", err)
	}
	if len(patch) == 0 {
		return current, nil
	}
	return s.target(o).Patch(ctx, o.name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
}

// object is the function of a command.
func (o *order) object(ctx context.Context, done journal, created bool) *unstructured.Unstructured {
	annotations := map[string]string{
		idAnnotation: o.event.ID(), sourceAnnotation: o.event.Source(), journalAnnotation: done.String(),
		lambda.CorrelationAnnotationKey: correlationOf(o.event),
	}
	if created {
		annotations[createdAnnotation] = "true"
	}
	if carried := observability.Carry(ctx); carried != "" {
		annotations[lambda.TraceAnnotationKey] = carried
	}
	maps.Copy(annotations, o.payload.Metadata.Annotations)
	object := &unstructured.Unstructured{Object: map[string]any{"spec": o.payload.Spec}}
	object.SetAPIVersion(lambda.GroupName + "/" + apiVersion)
	object.SetKind(o.kind.name)
	object.SetNamespace(o.namespace)
	object.SetName(o.name)
	object.SetAnnotations(annotations)
	if len(o.payload.Metadata.Labels) > 0 {
		object.SetLabels(o.payload.Metadata.Labels)
	}
	return object
}

// annotate writes annotations of an object together with the command that they are of. Nil removes one.
func (s *Server) annotate(ctx context.Context, o *order, current *unstructured.Unstructured, annotations map[string]any) error {
	all := map[string]any{
		journalAnnotation:               journalOf(current).with(o.id).String(),
		lambda.CorrelationAnnotationKey: correlationOf(o.event),
	}
	maps.Copy(all, annotations)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": current.GetResourceVersion(), "annotations": all,
	}})
	if err != nil {
		return fmt.Errorf("failed to encode the annotations: %w", err)
	}
	_, err = s.target(o).Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: commandFieldManager})
	return written(err)
}
