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
	"strconv"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const buildExample = `
  # Build a function again whose build failed or was cancelled
  kn lambda build hello

  # Build it although its image is there, to take in security updates of the base image
  kn lambda build hello --force

  # The builds that there are, and an end to the one that goes on
  kn lambda build list hello
  kn lambda build cancel hello`

func newBuildCommand(s *session) *cobra.Command {
	var force bool
	var waiting waitFlags
	cmd := &cobra.Command{
		Use:     "build NAME",
		Short:   "Build a function again, list its builds, or cancel one",
		Example: buildExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, fn, err := s.function(cmd.Context(), args[0], "build")
			if err != nil {
				return err
			}
			started, err := startBuild(cmd, s, c, fn, force)
			if err != nil {
				return functionError(err, "build", fn.Namespace, args[0])
			}
			if fn, err = waiting.await(cmd, s, c, started); err != nil || fn.Status.URL == nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), fn.Status.URL)
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "Build it also where its image is there.")
	waiting.add(cmd)
	cmd.AddCommand(newBuildListCommand(s), newBuildCancelCommand(s))
	return cmd
}

// startBuild asks for a build where the last one did not end well, or force says so.
func startBuild(cmd *cobra.Command, s *session, c *clients, fn *v1alpha1.LambdaFunction, force bool) (*v1alpha1.LambdaFunction, error) {
	if fn.Spec.Source.Type == v1alpha1.SourceTypeImage {
		return nil, failf("kn lambda update "+fn.Name+" --image IMAGE", "its image is there already: there is nothing to build")
	}
	built := fn.Status.GetCondition(v1alpha1.ConditionBuildReady)
	switch {
	case force, observed(fn) && built.IsFalse():
		now := strconv.FormatInt(s.now().UnixNano(), 10)
		return c.annotate(cmd.Context(), fn, lambda.RebuildAnnotationKey, &now)
	case observed(fn) && built.IsTrue():
		return nil, failf("kn lambda build "+fn.Name+" --force", "its image is there, and nothing has changed since")
	}
	// What the operator has not seen is built anyway.
	fmt.Fprintf(cmd.ErrOrStderr(), "Function '%s' is being built.\n", fn.Name)
	return fn, nil
}

// observed is false before the operator has seen the present spec, and what annotation rebuild asks for.
func observed(fn *v1alpha1.LambdaFunction) bool {
	rebuild := ""
	if fn.Status.BuildStatus != nil {
		rebuild = fn.Status.BuildStatus.Rebuild
	}
	return fn.Status.ObservedGeneration == fn.Generation && rebuild == fn.Annotations[lambda.RebuildAnnotationKey]
}

// annotate sets an annotation of a function, or takes it away where value is nil. It fails where somebody has changed the
// function since it was read.
func (c *clients) annotate(ctx context.Context, fn *v1alpha1.LambdaFunction, key string, value *string) (*v1alpha1.LambdaFunction, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": fn.ResourceVersion, "annotations": map[string]any{key: value},
	}})
	if err != nil {
		return nil, fmt.Errorf("failed to encode the annotation: %w", err)
	}
	return c.functions(fn.Namespace).Patch(ctx, fn.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: annotationManager})
}

// annotationManager has the annotations that verbs write. They are no fields of an apply, which would take them away.
const annotationManager = fieldManager + "-verbs"

func newBuildCancelCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "cancel NAME",
		Short:   "End the build of a function that goes on or waits",
		Long:    "End the build of a function that goes on or waits. The function keeps its last image, until it changes or is built again.",
		Example: "  kn lambda build cancel hello",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, fn, err := s.function(cmd.Context(), args[0], "cancel the build of")
			if err != nil {
				return err
			}
			if !observed(fn) {
				return failf("do it again in a moment", "the operator has not seen the present spec of function %q", args[0])
			}
			if !fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsUnknown() || fn.Status.BuildStatus == nil || fn.Status.BuildStatus.Key == "" {
				return failf("kn lambda build list "+args[0], "no build of function %q goes on", args[0])
			}
			if _, err := c.annotate(cmd.Context(), fn, lambda.CancelBuildAnnotationKey, &fn.Status.BuildStatus.Key); err != nil {
				return functionError(err, "cancel the build of", fn.Namespace, args[0])
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Build '%s' is being cancelled.\n", fn.Status.BuildStatus.JobName)
			return err
		},
	}
}

func newBuildListCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "list NAME",
		Aliases: []string{"ls"},
		Short:   "List the builds of a function, the newest first",
		Example: "  kn lambda build list hello",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, namespace, err := s.open()
			if err != nil {
				return err
			}
			builds, err := c.builds(cmd.Context(), namespace, args[0])
			if err != nil {
				return fmt.Errorf("failed to list the builds of function %q: %w", args[0], err)
			}
			if len(builds) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "No builds of function '%s' found in namespace '%s'.\n", args[0], namespace)
				return nil
			}
			t := &table{columns: []column{{name: "Name"}, {name: "Succeeded"}, {name: "Reason", cut: true}, {name: "Key"}, {name: "Attempt"}, {name: "Age"}, {name: "Took"}}}
			for i := range builds {
				b := &builds[i]
				status, reason := stateOf(b)
				t.rows = append(t.rows, []string{
					b.Name, string(status), reason, b.Labels[lambda.BuildKeyLabelKey], b.Annotations[lambda.BuildAttemptAnnotationKey],
					age(s.now(), b.CreationTimestamp), tookOf(b, s.now()),
				})
			}
			return t.print(cmd.OutOrStdout(), false)
		},
	}
}
