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
	return newDescription(s, &cobra.Command{
		Use: "describe NAME", Short: "Show an agent: its conditions, model, permissions, Broker, Triggers and events",
		Example: "  # All that there is to say about an agent\n  kn lambda agent describe chat",

		ValidArgsFunction: s.completeAgent,
	}, &describable[*v1alpha1.LambdaAgent]{
		what: "agent", explain: agentError,
		get: func(ctx context.Context, c *clients, namespace, name string) (*v1alpha1.LambdaAgent, error) {
			return c.agents(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		url: agentURL,
		print: func(ctx context.Context, c *clients, la *v1alpha1.LambdaAgent, out io.Writer, now time.Time) error {
			d := &agentDetails{around: c.lookAround(ctx, la, "LambdaAgent", lambda.AgentLabelKey), la: la}
			return d.print(out, now)
		},
	})
}

// agentDetails are an agent and what belongs to it.
type agentDetails struct {
	around
	la *v1alpha1.LambdaAgent
}

// print writes the description.
func (d *agentDetails) print(out io.Writer, now time.Time) error {
	var eventing *v1alpha1.EventingStatus
	if status := d.la.Status.EventingStatus; status != nil {
		eventing = &status.EventingStatus
	}
	return d.printAll(out, now, d.la, "agent", "kn lambda why "+d.la.Name+" --agent", eventing, d.printHead, d.printModel, d.printPermissions)
}

func (d *agentDetails) printHead(w io.Writer, now time.Time) {
	la := d.la
	printName(w, now, la, la.Status.URL, la.Status.Phase)
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
