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
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const rollbackExample = `
  # Send all calls to the Revision before the one that serves
  kn lambda rollback hello

  # To a certain one, and forward to the newest again
  kn lambda rollback hello --to hello-00003
  kn lambda rollback hello --to @latest`

const trafficExample = `
  # Which Revisions have which share of the calls
  kn lambda traffic hello

  # One call of ten to the newest Revision
  kn lambda traffic hello @latest=10 hello-00003=90`

// rollbackTimeout is how long it is waited until the operator has carried out a rollback.
const rollbackTimeout = time.Minute

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
				if err := c.awaitRollback(ctx, told, annotation != nil); err != nil {
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
	revisions, err := c.revisions(ctx, fn.Namespace, fn.Name)
	if err != nil {
		return "", err
	}
	var ready []string
	for i := range revisions {
		if revisions[i].IsReady() && revisions[i].DeletionTimestamp == nil {
			ready = append(ready, revisions[i].Name)
		}
	}
	next := "kn lambda describe " + fn.Name
	if wanted != "" {
		if !slices.Contains(ready, wanted) {
			return "", failf(next, "it has no ready Revision %q; it has: %s", wanted, strings.Join(ready, ", "))
		}
		return wanted, nil
	}
	serving := max(0, slices.Index(ready, fn.Annotations[lambda.RollbackAnnotationKey]))
	if serving+1 >= len(ready) {
		return "", failf(next, "it has no ready Revision before that which serves; it has: %s", strings.Join(ready, ", "))
	}
	return ready[serving+1], nil
}

// awaitRollback waits until the operator says that a rollback is carried out, or ended.
func (c *clients) awaitRollback(ctx context.Context, fn *v1alpha1.LambdaFunction, rolledBack bool) error {
	waiting, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	revision := fn.Annotations[lambda.RollbackAnnotationKey]
	err := c.watchFunction(waiting, fn.Namespace, fn.Name, func(state *v1alpha1.LambdaFunction) (bool, error) {
		if state == nil {
			return false, failf("", "function %q has been deleted meanwhile", fn.Name)
		}
		condition := state.Status.GetCondition(v1alpha1.ConditionServiceReady)
		if !rolledBack {
			return condition.IsTrue() && condition.GetReason() != v1alpha1.ReasonRolledBack, nil
		}
		// The message of an earlier rollback names another one.
		return condition.IsTrue() && condition.GetReason() == v1alpha1.ReasonRolledBack && strings.Contains(condition.GetMessage(), strconv.Quote(revision)), nil
	})
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return notReady("kn lambda why "+fn.Name, "function %q is not rolled back after %s", fn.Name, rollbackTimeout)
	}
	return err
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

// completeShares completes the name of a function, and after it its Revisions with the sign before a share.
func (s *session) completeShares(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return s.completeFunction(cmd, args, toComplete)
	}
	found, directive := s.completeRevisions(cmd, args, toComplete)
	for i := range found {
		found[i] += "="
	}
	return found, directive | cobra.ShellCompDirectiveNoSpace
}

func newTrafficCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "traffic NAME [REVISION=PERCENT...]",
		Short:   "Show or change which share of a function's calls each Revision has",
		Example: trafficExample[1:],
		Args:    cobra.MinimumNArgs(1),

		ValidArgsFunction: s.completeShares,
		RunE: func(cmd *cobra.Command, args []string) error {
			shares, err := parseShares(args[1:])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			c, fn, err := s.function(ctx, args[0], "read the traffic of")
			if err != nil {
				return err
			}
			service, err := c.serving.ServingV1().Services(fn.Namespace).Get(ctx, args[0], metav1.GetOptions{})
			if err != nil {
				return fmt.Errorf("failed to read the Knative Service of function %q: %w", args[0], err)
			}
			if len(shares) == 0 {
				revisions, err := c.revisions(ctx, fn.Namespace, args[0])
				if err != nil {
					return fmt.Errorf("failed to list the Revisions of function %q: %w", args[0], err)
				}
				return trafficTable(service.Status.Traffic, revisions).print(cmd.OutOrStdout(), false)
			}
			if to := fn.Annotations[lambda.RollbackAnnotationKey]; to != "" {
				return failf("kn lambda rollback "+args[0]+" --to "+latestRevision, "function %q is rolled back to %s: all calls go there", args[0], to)
			}
			service.Spec.Traffic = withShares(service.Spec.Traffic, shares)
			if service, err = c.serving.ServingV1().Services(fn.Namespace).Update(ctx, service, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
				return fmt.Errorf("failed to change the traffic of function %q: %w", args[0], err)
			}
			return trafficTable(service.Spec.Traffic, nil).print(cmd.OutOrStdout(), false)
		},
	}
}

// share of calls that a Revision has.
type share struct {
	revision string
	percent  int64
}

const wholePercent = 100

// parseShares reads REVISION=PERCENT. All of them are 100 together, as Knative wants it.
func parseShares(args []string) ([]share, error) {
	var shares []share
	total := int64(0)
	for _, arg := range args {
		revision, number, _ := strings.Cut(arg, "=")
		percent, err := strconv.ParseInt(strings.TrimSuffix(number, "%"), 10, 8)
		if err != nil || revision == "" || percent < 0 || percent > wholePercent {
			return nil, usagef("%q: write REVISION=PERCENT, such as hello-00001=10 or @latest=90", arg)
		}
		if slices.ContainsFunc(shares, func(s share) bool { return s.revision == revision }) {
			return nil, usagef("%q: the Revision has a share already", arg)
		}
		shares = append(shares, share{revision, percent})
		total += percent
	}
	if len(shares) > 0 && total != wholePercent {
		return nil, usagef("the shares are %d percent together: they have to be 100", total)
	}
	return shares, nil
}

// withShares returns the targets that have the shares. Tags stay where they are, without calls of their own.
func withShares(present []servingv1.TrafficTarget, shares []share) []servingv1.TrafficTarget {
	var targets []servingv1.TrafficTarget
	for _, s := range shares {
		target := servingv1.TrafficTarget{Percent: ptr.To(s.percent), LatestRevision: ptr.To(s.revision == latestRevision)}
		if s.revision != latestRevision {
			target.RevisionName = s.revision
		}
		targets = append(targets, target)
	}
	for i := range present {
		if present[i].Tag == "" {
			continue
		}
		tagged := *present[i].DeepCopy()
		tagged.Percent, tagged.URL = ptr.To[int64](0), nil
		targets = append(targets, tagged)
	}
	return targets
}

// trafficTable has a line for each target, and one for each Revision that no call goes to.
func trafficTable(targets []servingv1.TrafficTarget, revisions []servingv1.Revision) *table {
	t := &table{columns: []column{{name: "Revision"}, {name: "Percent"}, {name: "Latest"}, {name: "Tag"}, {name: "Ready"}}}
	status := map[string]string{}
	for i := range revisions {
		status[revisions[i].Name] = string(corev1.ConditionUnknown)
		if c := revisions[i].Status.GetCondition(servingv1.RevisionConditionReady); c != nil {
			status[revisions[i].Name] = string(c.Status)
		}
	}
	named := map[string]bool{}
	for i := range targets {
		target := &targets[i]
		named[target.RevisionName] = true
		latest := ""
		if ptr.Deref(target.LatestRevision, false) {
			latest = "true"
		}
		t.rows = append(t.rows, []string{
			cmp.Or(target.RevisionName, latestRevision), strconv.FormatInt(ptr.Deref(target.Percent, 0), 10) + "%", latest, target.Tag, status[target.RevisionName],
		})
	}
	for i := range revisions {
		if name := revisions[i].Name; !named[name] {
			t.rows = append(t.rows, []string{name, "0%", "", "", status[name]})
		}
	}
	return t
}
