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
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	return newListing(s, &cobra.Command{
		Use: "list [NAME...]", Aliases: []string{"ls"}, Short: "List agents",
		Example: "  # The agents of the namespace, and those of all\n  kn lambda agent list\n  kn lambda agent list -A -o wide",

		ValidArgsFunction: s.completeAgents,
	}, &listing[v1alpha1.LambdaAgent]{
		noun: "agents",
		none: "No agents found. Make one: kn lambda agent create --help",
		list: listAgents,
		url:  agentURL,
		columns: []column{
			{name: "Name"},
			{name: "URL", cut: true},
			{name: "Model", cut: true},
			{name: "Ready"},
			{name: "Reason", cut: true},
			{name: "Age"},
			{name: "Image", wide: true},
		},
		row: agentRow,
	})
}

func listAgents(ctx context.Context, c *clients, namespace string, opts metav1.ListOptions) (runtime.Object, *[]v1alpha1.LambdaAgent, error) {
	list, err := c.agents(namespace).List(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	return list, &list.Items, nil
}

func agentRow(la *v1alpha1.LambdaAgent, now time.Time) []string {
	model := ""
	if la.Spec.AI != nil {
		model = la.Spec.AI.Model
	}
	return []string{la.Name, urlOf(la.Status.URL), model, readyOf(la), reasonOf(la), age(now, la.CreationTimestamp), la.Spec.Image.Reference()}
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
