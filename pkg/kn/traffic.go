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
	"io"
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

const trafficExample = `
  # Which Revisions have which share of the calls
  kn lambda traffic hello

  # One call of ten to the newest Revision
  kn lambda traffic hello @latest=10 hello-00003=90`

// routeTimeout is how long it is waited until calls go where they shall.
const routeTimeout = time.Minute

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
	var noWait bool
	cmd := &cobra.Command{
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
			if len(shares) > 0 {
				if err := c.share(ctx, fn, shares, !noWait); err != nil {
					return fmt.Errorf("failed to change the traffic of function %q: %w", fn.Name, err)
				}
			}
			return c.printTraffic(ctx, fn, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "Do not wait until calls go there.")
	return cmd
}

// share gives Revisions their shares of a function's calls, and waits until Knative has done so where that is wanted.
func (c *clients) share(ctx context.Context, fn *v1alpha1.LambdaFunction, shares []share, wait bool) error {
	if to := fn.Annotations[lambda.RollbackAnnotationKey]; to != "" {
		return failf("kn lambda rollback "+fn.Name+" --to "+latestRevision, "it is rolled back to %s: all calls go there", to)
	}
	ready, err := c.readyRevisions(ctx, fn)
	if err != nil {
		return err
	}
	for _, s := range shares {
		if s.revision == latestRevision {
			continue
		}
		if err := wantReady(fn, ready, s.revision); err != nil {
			return err
		}
	}
	services := c.serving.ServingV1().Services(fn.Namespace)
	service, err := services.Get(ctx, fn.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	service.Spec.Traffic = withShares(service.Spec.Traffic, shares)
	if service, err = services.Update(ctx, service, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil || !wait {
		return err
	}
	return awaitRoute(ctx, fn, func(ctx context.Context) error { return c.awaitKnative(ctx, fn, service.Generation) })
}

// awaitRoute waits for what changes where a function's calls go, for as long as that may take.
func awaitRoute(ctx context.Context, fn *v1alpha1.LambdaFunction, changed func(context.Context) error) error {
	late := notReady("kn lambda why "+fn.Name, "the calls of function %q do not go there after %s", fn.Name, routeTimeout)
	return within(ctx, routeTimeout, late, changed)
}

// awaitKnative waits until calls go where the Knative Service says, of this generation of it or a later one.
func (c *clients) awaitKnative(ctx context.Context, fn *v1alpha1.LambdaFunction, generation int64) error {
	services := c.serving.ServingV1().Services(fn.Namespace)
	return watchObject(ctx, c, services, &servingv1.Service{}, fn.Name, func(service *servingv1.Service) (bool, error) {
		if service == nil {
			return false, failf("", "the Knative Service of function %q has been deleted meanwhile", fn.Name)
		}
		done, err := routed(service, generation)
		if err != nil {
			return false, notReady("kn lambda why "+fn.Name, "calls of function %q cannot go there: %w", fn.Name, err)
		}
		return done, nil
	})
}

// routed is true once calls go where a generation of a Knative Service says, or a later one. It fails where they cannot.
func routed(service *servingv1.Service, generation int64) (bool, error) {
	if service.Generation < generation || service.Status.ObservedGeneration != service.Generation {
		return false, nil // What it says of the route is of another spec.
	}
	routes := service.Status.GetCondition(servingv1.ServiceConditionRoutesReady)
	if routes.IsFalse() {
		return false, fmt.Errorf("%s: %s", routes.GetReason(), routes.GetMessage())
	}
	return routes.IsTrue(), nil
}

// printTraffic prints where a function's calls go.
func (c *clients) printTraffic(ctx context.Context, fn *v1alpha1.LambdaFunction, out io.Writer) error {
	service, err := c.serving.ServingV1().Services(fn.Namespace).Get(ctx, fn.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to read the Knative Service of function %q: %w", fn.Name, err)
	}
	revisions, err := c.revisions(ctx, fn.Namespace, fn.Name)
	if err != nil {
		return fmt.Errorf("failed to list the Revisions of function %q: %w", fn.Name, err)
	}
	return trafficTable(service.Status.Traffic, revisions).print(out, false)
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
