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

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
	"knative.dev/pkg/apis"
)

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// delivery is how a verb sends a function or an agent, and what it prints of it.
type delivery struct {
	waiting waitFlags
	dryRun  string
	output  *output
}

// addDelivery adds the flags of a delivery.
func (d *delivery) addDelivery(cmd *cobra.Command) {
	d.waiting.add(cmd)
	cmd.Flags().StringVar(&d.dryRun, "dry-run", dryRunNone, "none; client, to print what would be sent; or server, to have it checked and print what it would become.")
	complete(cmd, "dry-run", oneOf(dryRunNone, dryRunClient, dryRunServer))
	d.output = newOutput(cmd, formatURL)
}

// target is open, but for --dry-run=client, which needs no cluster.
func (s *session) target(dryRun string) (*clients, string, error) {
	switch dryRun {
	case dryRunNone, dryRunServer:
		return s.open()
	case dryRunClient:
		namespace, err := s.namespace()
		return nil, namespace, err
	}
	return nil, "", usagef("--dry-run %q: it is none of none, client, server", dryRun)
}

// place puts what a file says into the namespace that is meant. what people call it.
func (s *session) place(of metav1.Object, what, file, namespace string) error {
	if of.GetNamespace() != "" && *s.flags.Namespace != "" && of.GetNamespace() != namespace {
		return usagef("the %s in %s is of namespace %q, and --namespace says %q", what, file, of.GetNamespace(), namespace)
	}
	of.SetNamespace(cmp.Or(of.GetNamespace(), namespace))
	return nil
}

// sending is what is different for functions and agents.
type sending[T conditioned] struct {
	// what people call it, and what is done to it, such as Created.
	what, done string
	send       func(ctx context.Context, c *clients, of T, dryRun []string) (T, error)
	await      func(c *clients, sent T) (T, error)
	url        func(T) *apis.URL
}

// deliver sends a function or an agent, and waits until it is ready.
func deliver[T conditioned](cmd *cobra.Command, s *session, d *delivery, of T, how *sending[T]) error {
	printer, err := d.output.printer()
	if err != nil {
		return err
	}
	c, _, err := s.target(d.dryRun)
	if err != nil {
		return err
	}
	if d.dryRun == dryRunClient {
		return printDry(cmd, printer, of)
	}
	var dryRun []string
	if d.dryRun == dryRunServer {
		dryRun = []string{metav1.DryRunAll}
	}
	sent, err := how.send(cmd.Context(), c, of, dryRun)
	if err != nil {
		return err
	}
	if d.dryRun == dryRunServer {
		return printDry(cmd, printer, sent)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s %s '%s' in namespace '%s'.\n", how.done, how.what, sent.GetName(), sent.GetNamespace())
	if sent, err = how.await(c, sent); err != nil {
		return err
	}
	if printer != nil {
		return printer.PrintObj(sent, cmd.OutOrStdout())
	}
	if url := how.url(sent); url != nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), url)
	}
	return err
}

// printDry prints what was not done, as YAML where no format is asked for.
func printDry[T conditioned](cmd *cobra.Command, printer printers.ResourcePrinter, of T) error {
	if printer == nil {
		of.SetManagedFields(nil) // As kubectl leaves them out.
		return printYAML(of, cmd.OutOrStdout())
	}
	return printer.PrintObj(of, cmd.OutOrStdout())
}
