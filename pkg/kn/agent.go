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
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func newAgentCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Make, see, call and delete agents",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAgentListCommand(s), newAgentDescribeCommand(s), newAgentCreateCommand(s), newAgentInvokeCommand(s), newAgentDeleteCommand(s))
	return cmd
}

func newAgentListCommand(s *session) *cobra.Command {
	var all bool
	var selector string
	cmd := &cobra.Command{
		Use: "list [NAME...]", Aliases: []string{"ls"}, Short: "List agents",
		Example: "  # The agents of the namespace, and those of all\n  kn lambda agent list\n  kn lambda agent list -A -o wide",

		ValidArgsFunction: s.completeAgents,
	}
	o := newOutput(cmd, formatWide, formatURL)
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "List the agents of all namespaces.")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "List the agents that have these labels, such as team=shop,stage!=dev.")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		printer, err := o.printer()
		if err != nil {
			return err
		}
		c, namespace, err := s.open()
		if err != nil {
			return err
		}
		if all {
			namespace = metav1.NamespaceAll
		}
		list, err := c.agents(namespace).List(cmd.Context(), metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return fmt.Errorf("failed to list agents: %w", err)
		}
		list.Items = keepNamed(list.Items, args, func(la *v1alpha1.LambdaAgent) string { return la.Name })
		switch {
		case printer != nil:
			for i := range list.Items {
				// The API server leaves it out of lists.
				list.Items[i].SetGroupVersionKind(list.Items[i].GetGroupVersionKind())
			}
			return o.printList(printer, list, cmd.OutOrStdout())
		case o.is(formatURL):
			return printURLs(list.Items, func(la *v1alpha1.LambdaAgent) *apis.URL { return la.Status.URL }, cmd.OutOrStdout())
		case len(list.Items) == 0:
			fmt.Fprintln(cmd.ErrOrStderr(), "No agents found.")
			return nil
		}
		return agentTable(list, s.now(), all).print(cmd.OutOrStdout(), o.is(formatWide))
	}
	return cmd
}

func agentTable(list *v1alpha1.LambdaAgentList, now time.Time, namespaces bool) *table {
	t := &table{columns: []column{
		{name: "Name"},
		{name: "URL", cut: true},
		{name: "Model", cut: true},
		{name: "Ready"},
		{name: "Reason", cut: true},
		{name: "Age"},
		{name: "Image", wide: true},
	}}
	if namespaces {
		t.columns = append([]column{{name: "Namespace"}}, t.columns...)
	}
	for i := range list.Items {
		la := &list.Items[i]
		model := ""
		if la.Spec.AI != nil {
			model = la.Spec.AI.Model
		}
		row := []string{la.Name, urlOf(la.Status.URL), model, readyOf(la), reasonOf(la), age(now, la.CreationTimestamp), la.Spec.Image.Reference()}
		if namespaces {
			row = append([]string{la.Namespace}, row...)
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func newAgentInvokeCommand(s *session) *cobra.Command {
	return newCallCommand(s, &cobra.Command{
		Use: "invoke NAME", Aliases: []string{"call"}, Short: "Call an agent, or send it an event",
		Long: "Call an agent and print its answer, as kn lambda invoke does with functions.",
		Example: `  # Send an agent an event
  kn lambda agent invoke chat --cloudevent --type com.example.chat.message -d '{"text": "hello"}'`,
		Args: cobra.ExactArgs(1),

		ValidArgsFunction: s.completeAgent,
	}, func(ctx context.Context, c *clients, namespace, name string) (*callee, error) {
		la, err := c.agents(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, agentError(err, "call", namespace, name)
		}
		describe := "kn lambda agent describe " + name
		return &callee{"agent", namespace, name, la.Status.URL, describe, describe}, nil
	})
}

func newAgentDeleteCommand(s *session) *cobra.Command {
	return newRemovalCommand(s, &cobra.Command{
		Use: "delete NAME...", Aliases: []string{"rm"}, Short: "Delete agents, with their Knative Services",
		Example: "  # Delete an agent, and wait until it is gone\n  kn lambda agent delete chat --wait",

		ValidArgsFunction: s.completeAgents,
	}, &removable{
		what: "agent", names: s.agentNames, explain: agentError,
		remove: func(ctx context.Context, c *clients, namespace, name string, options metav1.DeleteOptions) error {
			return c.agents(namespace).Delete(ctx, name, options)
		},
		gone: func(ctx context.Context, c *clients, namespace, name string, timeout time.Duration) error {
			return awaitGone(ctx, c, c.agents(namespace), &v1alpha1.LambdaAgent{}, "lambdaagent", name, timeout)
		},
	})
}
