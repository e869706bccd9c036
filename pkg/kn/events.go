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
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const eventsExample = `
  # What happened to a function, its builds, Revisions and instances
  kn lambda events hello

  # And what happens from now on
  kn lambda events hello --watch`

func newEventsCommand(s *session) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "events NAME",
		Short: "Show what happened to a function, its builds, Revisions and instances",
		Long: `Show what happened to a function: Kubernetes' events of it and of all that belongs to it, and the changes of its
conditions. Kubernetes forgets events after an hour, unless it is set up otherwise.`,
		Example: eventsExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, fn, err := s.function(ctx, args[0], "read the events of")
			if err != nil {
				return err
			}
			h := &history{clients: c, fn: fn, mine: sets.New(fn.UID), foreign: sets.New[types.UID]()}
			if follow {
				return h.watch(ctx, cmd.OutOrStdout())
			}
			list, err := c.kube.CoreV1().Events(fn.Namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return fmt.Errorf("failed to list the events of namespace %q: %w", fn.Namespace, err)
			}
			happened := h.conditions(fn)
			for i := range list.Items {
				if h.isMine(ctx, &list.Items[i]) {
					happened = append(happened, newHappening(&list.Items[i]))
				}
			}
			slices.SortStableFunc(happened, func(a, b happening) int { return a.at.Compare(b.at) })
			return eventsTable(happened, s.now()).print(cmd.OutOrStdout(), false)
		},
	}
	cmd.Flags().BoolVarP(&follow, "watch", "w", false, "Go on with what happens from now on.")
	return cmd
}

// happening is an event, or the last change of a condition.
type happening struct {
	at                            time.Time
	kind, object, reason, message string
}

func newHappening(e *corev1.Event) happening {
	return happening{seen(e).Time, e.Type, strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name, e.Reason, oneLine(e.Message)}
}

// conditionKind stands where events have Normal or Warning.
const conditionKind = "Condition"

// history tells the events of a function from those of others.
type history struct {
	*clients
	fn *v1alpha1.LambdaFunction
	// mine and foreign are objects that are known to belong to the function, or not.
	mine, foreign sets.Set[types.UID]
	// names are those of the function's Revisions.
	names []string
}

// conditions are the last changes of the function's conditions.
func (h *history) conditions(fn *v1alpha1.LambdaFunction) []happening {
	changes := make([]happening, 0, len(fn.Status.Conditions))
	for i := range fn.Status.Conditions {
		c := &fn.Status.Conditions[i]
		said := string(c.Type) + " is " + string(c.Status)
		if c.Message != "" {
			said += ": " + oneLine(c.Message)
		}
		changes = append(changes, happening{c.LastTransitionTime.Inner.Time, conditionKind, "lambdafunction/" + fn.Name, c.Reason, said})
	}
	return changes
}

// isMine is true for events of the function and of what belongs to it. All of that has a name that begins with the function's.
func (h *history) isMine(ctx context.Context, e *corev1.Event) bool {
	of := &e.InvolvedObject
	switch {
	case h.mine.Has(of.UID):
		return true
	case h.foreign.Has(of.UID), !strings.HasPrefix(of.Name, h.fn.Name):
		return false
	case of.Name == h.fn.Name:
		// The Knative Service, its Configuration and its Route.
		return strings.HasPrefix(of.APIVersion, "serving.knative.dev/")
	}
	h.learn(ctx)
	if !h.mine.Has(of.UID) && !h.ofRevision(of.Name) {
		h.foreign.Insert(of.UID)
		return false
	}
	h.mine.Insert(of.UID)
	return true
}

// learn looks up what belongs to the function. What cannot be read is taken for another's.
func (h *history) learn(ctx context.Context) {
	namespace, name := h.fn.Namespace, h.fn.Name
	if pods, err := h.kube.CoreV1().Pods(namespace).List(ctx, childrenOf(name)); err == nil {
		for i := range pods.Items {
			h.mine.Insert(pods.Items[i].UID)
		}
	}
	if builds, err := h.builds(ctx, namespace, name); err == nil {
		for i := range builds {
			h.mine.Insert(builds[i].UID)
		}
	}
	if revisions, err := h.revisions(ctx, namespace, name); err == nil {
		h.names = nil
		for i := range revisions {
			h.mine.Insert(revisions[i].UID)
			h.names = append(h.names, revisions[i].Name)
		}
	}
}

// ofRevision is true for what has a Revision's name: its Deployment, ReplicaSets, PodAutoscaler and pods that are gone.
func (h *history) ofRevision(name string) bool {
	return slices.ContainsFunc(h.names, func(revision string) bool { return name == revision || strings.HasPrefix(name, revision+"-") })
}

func eventsTable(happened []happening, now time.Time) *table {
	t := &table{columns: []column{{name: "Age"}, {name: "Type"}, {name: "Reason"}, {name: "Object", cut: true}, {name: "Message", cut: true}}}
	for _, h := range happened {
		t.rows = append(t.rows, []string{age(now, metav1.NewTime(h.at)), h.kind, h.reason, h.object, h.message})
	}
	return t
}

// watch prints events as they come, and changes of conditions, until it is interrupted.
func (h *history) watch(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	happened := make(chan happening)
	tell := func(what happening) {
		select {
		case happened <- what:
		case <-ctx.Done():
		}
	}
	go func() { cancel(h.watchEvents(ctx, tell)) }()
	go func() { cancel(h.watchConditions(ctx, tell)) }()
	for {
		select {
		case what := <-happened:
			fmt.Fprintf(out, "%s  %-9s  %-20s  %s  %s\n", what.at.UTC().Format(time.RFC3339), what.kind, what.reason, what.object, what.message)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (h *history) watchEvents(ctx context.Context, tell func(happening)) error {
	events := h.kube.CoreV1().Events(h.fn.Namespace)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return events.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return events.Watch(ctx, options)
		},
	}
	_, err := watchtools.UntilWithSync(ctx, cache.ToListWatcherWithWatchListSemantics(lw, h.kube), &corev1.Event{}, nil, func(event watch.Event) (bool, error) {
		if e, ok := event.Object.(*corev1.Event); ok && event.Type != watch.Deleted && h.isMine(ctx, e) {
			tell(newHappening(e))
		}
		return false, nil
	})
	return err
}

// watchConditions tells each condition as it is, and again whenever it changes.
func (h *history) watchConditions(ctx context.Context, tell func(happening)) error {
	told := map[happening]bool{}
	return h.watchFunction(ctx, h.fn.Namespace, h.fn.Name, func(fn *v1alpha1.LambdaFunction) (bool, error) {
		if fn == nil {
			return true, failf("", "function %q has been deleted", h.fn.Name)
		}
		for _, change := range h.conditions(fn) {
			if !told[change] {
				told[change] = true
				tell(change)
			}
		}
		return false, nil
	})
}
