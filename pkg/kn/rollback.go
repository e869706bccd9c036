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
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const rollbackExample = `
  # Send all calls to the Revision before the one that serves
  kn lambda rollback hello

  # To a certain one, and forward to the newest again
  kn lambda rollback hello --to hello-00003
  kn lambda rollback hello --to @latest`

func newRollbackCommand(s *session) *cobra.Command {
	var to string
	var noWait bool
	cmd := &cobra.Command{
		Use:     "rollback NAME",
		Short:   "Send all calls of a function to an earlier Revision",
		Long:    "Send all calls of a function to an earlier Revision. It stays so until the function changes.",
		Example: rollbackExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, fn, err := s.function(ctx, args[0], "roll back")
			if err != nil {
				return err
			}
			revision, err := c.chooseRevision(ctx, fn, to)
			if err != nil {
				return fmt.Errorf("failed to roll back function %q: %w", args[0], err)
			}
			var annotation *string
			if revision != latestRevision {
				annotation = &revision
			}
			told, err := c.annotate(ctx, fn, lambda.RollbackAnnotationKey, annotation)
			if err != nil {
				return functionError(err, "roll back", fn.Namespace, args[0])
			}
			if !noWait {
				if err := c.awaitRollback(ctx, told); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "All calls of function '%s' go to %s.\n", args[0], revision)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "Revision, or @latest for the newest one. By default the one before that which serves.")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "Do not wait until it is carried out.")
	complete(cmd, "to", s.completeRevisions)
	return cmd
}

// chooseRevision returns the Revision that is wanted, or the one before that which serves: that of an earlier rollback, else
// the newest.
func (c *clients) chooseRevision(ctx context.Context, fn *v1alpha1.LambdaFunction, wanted string) (string, error) {
	if wanted == latestRevision {
		return wanted, nil
	}
	ready, err := c.readyRevisions(ctx, fn)
	if err != nil {
		return "", err
	}
	if wanted != "" {
		return wanted, wantReady(fn, ready, wanted)
	}
	serving := max(0, slices.Index(ready, fn.Annotations[lambda.RollbackAnnotationKey]))
	if serving+1 >= len(ready) {
		return "", failf("kn lambda describe "+fn.Name, "it has no ready Revision before that which serves; it has: %s", strings.Join(ready, ", "))
	}
	return ready[serving+1], nil
}

// readyRevisions are the names of the Revisions that calls can go to, the newest first.
func (c *clients) readyRevisions(ctx context.Context, fn *v1alpha1.LambdaFunction) ([]string, error) {
	revisions, err := c.revisions(ctx, fn.Namespace, fn.Name)
	var ready []string
	for i := range revisions {
		if revisions[i].IsReady() && revisions[i].DeletionTimestamp == nil {
			ready = append(ready, revisions[i].Name)
		}
	}
	return ready, err
}

func wantReady(fn *v1alpha1.LambdaFunction, ready []string, revision string) error {
	if slices.Contains(ready, revision) {
		return nil
	}
	return failf("kn lambda describe "+fn.Name, "it has no ready Revision %q; it has: %s", revision, strings.Join(ready, ", "))
}

// awaitRollback waits until a rollback is carried out, or its end.
func (c *clients) awaitRollback(ctx context.Context, fn *v1alpha1.LambdaFunction) error {
	return awaitRoute(ctx, fn, func(ctx context.Context) error {
		if err := c.awaitOperator(ctx, fn); err != nil {
			return err
		}
		return c.awaitKnative(ctx, fn, 0)
	})
}

// awaitOperator waits until the operator has told Knative of a rollback, or of its end.
func (c *clients) awaitOperator(ctx context.Context, fn *v1alpha1.LambdaFunction) error {
	revision := fn.Annotations[lambda.RollbackAnnotationKey]
	return c.watchFunction(ctx, fn.Namespace, fn.Name, func(state *v1alpha1.LambdaFunction) (bool, error) {
		if state == nil {
			return false, failf("", "function %q has been deleted meanwhile", fn.Name)
		}
		condition := state.Status.GetCondition(v1alpha1.ConditionServiceReady)
		rolledBack := condition.GetReason() == v1alpha1.ReasonRolledBack
		if revision != "" {
			// The message of an earlier rollback names another one.
			rolledBack = rolledBack && strings.Contains(condition.GetMessage(), strconv.Quote(revision))
		}
		return condition.IsTrue() && rolledBack == (revision != ""), nil
	})
}

// completeRevisions completes the names of a function's Revisions.
func (s *session) completeRevisions(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completion(cmd, func(ctx context.Context) ([]string, error) {
		c, namespace, err := s.open()
		if err != nil {
			return nil, err
		}
		revisions, err := c.revisions(ctx, namespace, args[0])
		found := []string{latestRevision}
		for i := range revisions {
			found = append(found, revisions[i].Name)
		}
		return found, err
	})
}
