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
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const deleteExample = `
  # Delete a function, its builds and its Knative Service
  kn lambda delete hello

  # Delete all functions of a namespace, and wait until they are gone
  kn lambda delete --all --wait --namespace shop`

// removal is what delete does.
type removal struct {
	all, missing, wait bool
	timeout            time.Duration
}

// removable is what delete is told of a kind.
type removable struct {
	// what people call one of it.
	what    string
	names   names
	remove  func(ctx context.Context, c *clients, namespace, name string, options metav1.DeleteOptions) error
	gone    func(ctx context.Context, c *clients, namespace, name string, timeout time.Duration) error
	explain func(err error, verb, namespace, name string) error
}

func newDeleteCommand(s *session) *cobra.Command {
	return newRemovalCommand(s, &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete functions, with their builds and Knative Services",
		Example: deleteExample[1:],

		ValidArgsFunction: s.completeFunctions,
	}, &removable{
		what: "function", names: s.functionNames, explain: functionError,
		remove: func(ctx context.Context, c *clients, namespace, name string, options metav1.DeleteOptions) error {
			return c.functions(namespace).Delete(ctx, name, options)
		},
		gone: func(ctx context.Context, c *clients, namespace, name string, timeout time.Duration) error {
			return awaitGone(ctx, c, c.functions(namespace), &v1alpha1.LambdaFunction{}, "lambdafunction", name, timeout)
		},
	})
}

// newRemovalCommand completes a verb that deletes objects of a kind.
func newRemovalCommand(s *session, cmd *cobra.Command, of *removable) *cobra.Command {
	var r removal
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 0) != r.all {
			return usagef("name the %ss to delete, or say --all", of.what)
		}
		c, namespace, err := s.open()
		if err != nil {
			return err
		}
		if r.all {
			if args, err = of.names(cmd.Context()); err != nil {
				return fmt.Errorf("failed to list %ss: %w", of.what, err)
			}
		}
		var errs []error
		for _, name := range args {
			errs = append(errs, r.run(cmd.Context(), cmd.OutOrStdout(), c, of, namespace, name))
		}
		return errors.Join(errs...)
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.all, "all", false, fmt.Sprintf("Delete all %ss of the namespace.", of.what))
	flags.BoolVar(&r.missing, "ignore-not-found", false, "What is not there is deleted already.")
	flags.BoolVar(&r.wait, "wait", false, fmt.Sprintf("Wait until the %ss are gone, with all that belongs to them.", of.what))
	flags.DurationVar(&r.timeout, "wait-timeout", 10*time.Minute, fmt.Sprintf("The longest time to wait for one %s.", of.what))
	return cmd
}

func (r *removal) run(ctx context.Context, out io.Writer, c *clients, of *removable, namespace, name string) error {
	options := metav1.DeleteOptions{}
	if r.wait {
		options.PropagationPolicy = ptr.To(metav1.DeletePropagationForeground)
	}
	err := of.remove(ctx, c, namespace, name, options)
	if apierrors.IsNotFound(err) && r.missing {
		return nil
	}
	if err == nil && r.wait {
		err = of.gone(ctx, c, namespace, name, r.timeout)
	}
	if err != nil {
		return of.explain(err, "delete", namespace, name)
	}
	_, err = fmt.Fprintf(out, "%s '%s' successfully deleted in namespace '%s'.\n", strings.ToUpper(of.what[:1])+of.what[1:], name, namespace)
	return err
}
