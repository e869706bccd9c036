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
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
)

// listing is what the lists of one kind of objects differ in from those of another.
type listing[T any] struct {
	// noun is what people call the objects, and none what is said where there are none.
	noun, none string
	// list returns a list, and the items that are in it.
	list    func(ctx context.Context, c *clients, namespace string, opts metav1.ListOptions) (list runtime.Object, items *[]T, err error)
	url     func(*T) *apis.URL
	columns []column
	row     func(item *T, now time.Time) []string
}

// listed is an item of a list.
type listed[T any] interface {
	*T
	metav1.Object
	GetGroupVersionKind() schema.GroupVersionKind
	SetGroupVersionKind(kind schema.GroupVersionKind)
}

// newListing has a verb list objects.
func newListing[T any, P listed[T]](s *session, cmd *cobra.Command, l *listing[T]) *cobra.Command {
	var all bool
	var selector string
	o := newOutput(cmd, formatWide, formatURL)
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "List the "+l.noun+" of all namespaces.")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "List the "+l.noun+" that have these labels, such as team=shop,stage!=dev.")
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
		list, items, err := l.list(cmd.Context(), c, namespace, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return fmt.Errorf("failed to list %s: %w", l.noun, err)
		}
		*items = slices.DeleteFunc(*items, func(item T) bool { return len(args) > 0 && !slices.Contains(args, P(&item).GetName()) })
		switch {
		case printer != nil:
			for i := range *items {
				// The API server leaves it out of lists.
				item := P(&(*items)[i])
				item.SetGroupVersionKind(item.GetGroupVersionKind())
			}
			return o.printList(printer, list, cmd.OutOrStdout())
		case o.is(formatURL):
			return l.printURLs(*items, cmd.OutOrStdout())
		case len(*items) == 0:
			// As kubectl has it: what reads the output gets none.
			fmt.Fprintln(cmd.ErrOrStderr(), l.none)
			return nil
		}
		return tableOf[T, P](l, *items, s.now(), all).print(cmd.OutOrStdout(), o.is(formatWide))
	}
	return cmd
}

func (l *listing[T]) printURLs(items []T, out io.Writer) error {
	for i := range items {
		if url := l.url(&items[i]); url != nil {
			if _, err := fmt.Fprintln(out, url); err != nil {
				return err
			}
		}
	}
	return nil
}

// tableOf makes the table of a list, with a column for namespaces where there are several.
func tableOf[T any, P listed[T]](l *listing[T], items []T, now time.Time, namespaces bool) *table {
	t := &table{columns: l.columns}
	if namespaces {
		t.columns = append([]column{{name: "Namespace"}}, t.columns...)
	}
	for i := range items {
		row := l.row(&items[i], now)
		if namespaces {
			row = append([]string{P(&items[i]).GetNamespace()}, row...)
		}
		t.rows = append(t.rows, row)
	}
	return t
}
