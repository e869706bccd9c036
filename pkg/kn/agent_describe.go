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
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func newAgentDescribeCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Show an agent: its conditions, model, permissions, Broker, Triggers and events",
		Example: "  # All that there is to say about an agent\n  kn lambda agent describe chat",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeAgent,
	}
	o := newOutput(cmd, formatURL)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		printer, err := o.printer()
		if err != nil {
			return err
		}
		c, namespace, err := s.open()
		if err != nil {
			return err
		}
		la, err := c.agents(namespace).Get(cmd.Context(), args[0], metav1.GetOptions{})
		switch {
		case err != nil:
			return agentError(err, "describe", namespace, args[0])
		case printer != nil:
			return printer.PrintObj(la, cmd.OutOrStdout())
		case o.is(""):
			return c.lookAtAgent(cmd.Context(), la).print(cmd.OutOrStdout(), s.now())
		case la.Status.URL == nil:
			return failf("kn lambda agent describe "+args[0], "agent %q has no URL yet", args[0])
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), la.Status.URL)
		return err
	}
	return cmd
}

// agentDetails are an agent and what belongs to it.
type agentDetails struct {
	details
	la *v1alpha1.LambdaAgent
}

// lookAtAgent reads what belongs to an agent.
func (c *clients) lookAtAgent(ctx context.Context, la *v1alpha1.LambdaAgent) *agentDetails {
	d := &agentDetails{la: la}
	var err error
	if d.triggers, err = c.diagnosis().Triggers(la.Namespace).List(ctx, metav1.ListOptions{LabelSelector: lambda.AgentLabelKey + "=" + la.Name}); err != nil {
		d.leaveOut("Triggers", err)
	}
	if d.events, err = c.eventsOf(ctx, "LambdaAgent", la); err != nil {
		d.leaveOut("events", err)
	}
	return d
}

// print writes the description.
func (d *agentDetails) print(out io.Writer, now time.Time) error {
	return printParts(out, now,
		d.printHead,
		func(w io.Writer, now time.Time) { printConditions(w, now, d.la, "agent") },
		func(w io.Writer, _ time.Time) { printCause(w, d.la, "") },
		d.printModel, d.printPermissions,
		func(w io.Writer, _ time.Time) {
			var status *v1alpha1.EventingStatus
			if d.la.Status.EventingStatus != nil {
				status = &d.la.Status.EventingStatus.EventingStatus
			}
			d.printEventing(w, status)
		},
		d.printEvents, d.printNotes)
}

func (d *agentDetails) printHead(w io.Writer, now time.Time) {
	la := d.la
	field(w, "Name", la.Name)
	field(w, "Namespace", la.Namespace)
	field(w, "Age", age(now, la.CreationTimestamp))
	field(w, "URL", urlOf(la.Status.URL))
	field(w, "Phase", string(la.Status.Phase))
	field(w, "Image", la.Spec.Image.Reference())
	field(w, "Scale", scaleOf(&la.Spec.Scaling))
	field(w, "Service account", la.Spec.ServiceAccountName)
	field(w, "Environment", strings.Join(environmentOf(la.Spec.Env, la.Spec.EnvFrom), ", "))
}

// printModel writes what the last health check found.
func (d *agentDetails) printModel(w io.Writer, now time.Time) {
	status := d.la.Status.AIStatus
	if status == nil {
		return
	}
	fmt.Fprintf(w, "\nModel:\n")
	field(w, "  Provider", string(status.Provider))
	field(w, "  Endpoint", status.Endpoint)
	field(w, "  Available", strings.TrimSpace(markOf(status.ModelAvailable)+" "+status.ActiveModel))
	field(w, "  Reason", status.Reason)
	field(w, "  Error", oneLine(status.Error))
	if status.LastHealthCheck != nil {
		field(w, "  Checked", age(now, *status.LastHealthCheck)+" ago")
	}
	if status.Latency != nil {
		field(w, "  Latency", status.Latency.Duration.String())
	}
	field(w, "  Failures", known(int(status.ConsecutiveFailures)))
}

// printPermissions writes what the agent may not do.
func (d *agentDetails) printPermissions(w io.Writer, now time.Time) {
	status := d.la.Status.PermissionStatus
	if status == nil {
		return
	}
	fmt.Fprintf(w, "\nMay not make:\n")
	for _, may := range []struct {
		disabled bool
		what     string
	}{{status.BrokerCreationDisabled, "Brokers"}, {status.TriggerCreationDisabled, "Triggers"}, {status.FunctionCreationDisabled, "functions"}} {
		if may.disabled {
			fmt.Fprintf(w, "  %s\n", may.what)
		}
	}
	for i := range status.DisabledByEvent {
		by := &status.DisabledByEvent[i]
		fmt.Fprintf(w, "  %s\tby event %s of %s, %s ago\t%s\n", by.Capability, by.EventID, by.DisabledBy, age(now, by.DisabledAt), oneLine(by.Reason))
	}
}
