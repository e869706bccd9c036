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
	"encoding/json"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// write sends a function to the API server.
type write = func(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error)

func create(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error) {
	made, err := c.functions(fn.Namespace).Create(ctx, fn, metav1.CreateOptions{
		FieldManager: fieldManager, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
	})
	if apierrors.IsAlreadyExists(err) {
		return nil, failf("kn lambda update "+fn.Name+", or kn lambda apply "+fn.Name, "there is one of this name in namespace %q", fn.Namespace)
	}
	return made, err
}

// apply is a server-side apply. It is forced: who says apply wants it so, whoever set it before.
func apply(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error) {
	functions := c.functions(fn.Namespace)
	current, err := functions.Get(ctx, fn.Name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	if err == nil {
		// Fields that create and update have set are made those of apply, so that it can take them away.
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(current, sets.New(fieldManager), fieldManager)
		if err != nil {
			return nil, fmt.Errorf("failed to take over the fields: %w", err)
		}
		if len(patch) > 0 {
			if _, err := functions.Patch(ctx, fn.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: fieldManager, DryRun: dryRun}); err != nil {
				return nil, err
			}
		}
	}
	text, err := configuration(fn)
	if err != nil {
		return nil, err
	}
	return functions.Patch(ctx, fn.Name, types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: fieldManager, Force: ptr.To(true), DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
	})
}

// configuration is what an apply sends: a function or an agent without what only the cluster says.
func configuration(of runtime.Object) ([]byte, error) {
	text, err := json.Marshal(of)
	if err != nil {
		return nil, fmt.Errorf("failed to encode the function: %w", err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("failed to encode the function: %w", err)
	}
	delete(object, "status")
	if spec, ok := object["spec"].(map[string]any); ok {
		// An empty object would be a wish, too.
		for field, value := range spec {
			if value, ok := value.(map[string]any); ok && len(value) == 0 {
				delete(spec, field)
			}
		}
	}
	return json.Marshal(object)
}

// printYAML writes a function or an agent that no cluster has seen.
func printYAML(object runtime.Object, out io.Writer) error {
	text, err := configuration(object)
	if err != nil {
		return err
	}
	if text, err = yaml.JSONToYAML(text); err != nil {
		return fmt.Errorf("failed to encode the function: %w", err)
	}
	_, err = out.Write(text)
	return err
}
