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
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
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

func newDeleteCommand(s *session) *cobra.Command {
	var r removal
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete functions, with their builds and Knative Services",
		Example: deleteExample[1:],

		ValidArgsFunction: s.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) != r.all {
				return usagef("name the functions to delete, or say --all")
			}
			c, namespace, err := s.open()
			if err != nil {
				return err
			}
			if r.all {
				if args, err = s.functionNames(cmd.Context()); err != nil {
					return fmt.Errorf("failed to list functions: %w", err)
				}
			}
			var errs []error
			for _, name := range args {
				errs = append(errs, r.run(cmd.Context(), cmd.OutOrStdout(), c, namespace, name))
			}
			return errors.Join(errs...)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.all, "all", false, "Delete all functions of the namespace.")
	flags.BoolVar(&r.missing, "ignore-not-found", false, "A function that is not there is deleted already.")
	flags.BoolVar(&r.wait, "wait", false, "Wait until the functions are gone, with all that belongs to them.")
	flags.DurationVar(&r.timeout, "wait-timeout", 10*time.Minute, "The longest time to wait for one function.")
	return cmd
}

func (r *removal) run(ctx context.Context, out io.Writer, c *clients, namespace, name string) error {
	options := metav1.DeleteOptions{}
	if r.wait {
		options.PropagationPolicy = ptr.To(metav1.DeletePropagationForeground)
	}
	err := c.functions(namespace).Delete(ctx, name, options)
	if apierrors.IsNotFound(err) && r.missing {
		return nil
	}
	if err == nil && r.wait {
		err = c.awaitGone(ctx, namespace, name, r.timeout)
	}
	if err != nil {
		return functionError(err, "delete", namespace, name)
	}
	_, err = fmt.Fprintf(out, "Function '%s' successfully deleted in namespace '%s'.\n", name, namespace)
	return err
}
