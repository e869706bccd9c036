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
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// describable is what describe is told of a kind.
type describable[T runtime.Object] struct {
	// what people call one of it.
	what    string
	get     func(ctx context.Context, c *clients, namespace, name string) (T, error)
	explain func(err error, verb, namespace, name string) error
	url     func(T) *apis.URL
	print   func(ctx context.Context, c *clients, of T, out io.Writer, now time.Time) error
}

// newDescription completes a verb that describes an object of a kind.
func newDescription[T runtime.Object](s *session, cmd *cobra.Command, d *describable[T]) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
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
		found, err := d.get(cmd.Context(), c, namespace, args[0])
		switch {
		case err != nil:
			return d.explain(err, "describe", namespace, args[0])
		case printer != nil:
			return printer.PrintObj(found, cmd.OutOrStdout())
		case o.is(""):
			return d.print(cmd.Context(), c, found, cmd.OutOrStdout(), s.now())
		case d.url(found) == nil:
			return failf(cmd.CommandPath()+" "+args[0], "%s %q has no URL yet", d.what, args[0])
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), d.url(found))
		return err
	}
	return cmd
}

// printAll writes the description of what: its head, its conditions, the parts that it alone has, and what is around it. more
// is what tells more of why it is not ready.
func (a *around) printAll(
	out io.Writer, now time.Time, of duckv1.KRShaped, what, more string, eventing *v1alpha1.EventingStatus, head part, own ...part,
) error {
	parts := append([]part{
		head,
		func(w io.Writer, now time.Time) { printConditions(w, now, of, what) },
		func(w io.Writer, _ time.Time) { printCause(w, of, more) },
	}, own...)
	return printParts(out, now, append(parts,
		func(w io.Writer, _ time.Time) { a.printEventing(w, eventing) },
		a.printEvents, a.printNotes)...)
}

// part of a description. Each has columns of its own widths.
type part = func(io.Writer, time.Time)

// printParts writes the parts of a description.
func printParts(out io.Writer, now time.Time, parts ...part) error {
	for _, part := range parts {
		w := printers.GetNewTabWriter(out)
		part(w, now)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
