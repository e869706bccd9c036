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
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	lambdascheme "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/scheme"
)

// The formats of --output that are not kubectl's.
const (
	formatURL  = "url"
	formatWide = "wide"
)

// output is the flag --output: what kubectl has, and formats of the verb's own.
type output struct {
	format  string
	own     []string
	kubectl []formatFlags
}

// formatFlags are some formats of kubectl's. go-template is not among them: it calls methods by their names, so that the linker
// keeps all methods of all types, and the program is half as large again.
type formatFlags interface {
	ToPrinter(format string) (printers.ResourcePrinter, error)
}

// newOutput adds the flag to a verb.
func newOutput(cmd *cobra.Command, own ...string) *output {
	objects := genericclioptions.NewJSONYamlPrintFlags()
	objects.AddFlags(cmd)
	cmd.Flags().Lookup("show-managed-fields").Hidden = true // It is kubectl's, and rarely wanted.
	o := &output{own: own, kubectl: []formatFlags{
		objects, genericclioptions.NewNamePrintFlags(""), genericclioptions.NewJSONPathPrintFlags("", true),
	}}
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "Output format. One of: "+strings.Join(o.formats(), ", ")+".")
	complete(cmd, "output", oneOf(o.formats()...))
	return o
}

// formats are those that are told of.
func (o *output) formats() []string {
	return append(slices.Clone(o.own), "yaml", "json", "name", "jsonpath=")
}

// is is true where --output is a format of the verb's own, "" included.
func (o *output) is(format string) bool {
	return o.format == format
}

// printer returns what prints objects in a format of kubectl's, and nil where it is one of the verb's own.
func (o *output) printer() (printers.ResourcePrinter, error) {
	if o.is("") || slices.Contains(o.own, o.format) {
		return nil, nil
	}
	for _, flags := range o.kubectl {
		printer, err := flags.ToPrinter(o.format)
		switch {
		case err == nil:
			return printers.NewTypeSetter(lambdascheme.Scheme).ToPrinter(printer), nil
		case !genericclioptions.IsNoCompatiblePrinterError(err):
			return nil, usagef("--output %q: %v", o.format, err)
		}
	}
	return nil, usagef("--output %q: it is none of %s", o.format, strings.Join(o.formats(), ", "))
}

// printList writes a list. Names are printed one by one: kubectl's printer does not take lists of them.
func (o *output) printList(printer printers.ResourcePrinter, list runtime.Object, out io.Writer) error {
	if !o.is("name") {
		return printer.PrintObj(list, out)
	}
	return meta.EachListItem(list, func(item runtime.Object) error { return printer.PrintObj(item, out) })
}

// printJSON writes what can be JSON as that, or as YAML.
func printJSON(out io.Writer, value any, format string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("failed to encode the answer: %w", err)
	}
	encoded := text.Bytes()
	if format == "yaml" {
		var err error
		if encoded, err = yaml.JSONToYAML(encoded); err != nil {
			return fmt.Errorf("failed to encode the answer: %w", err)
		}
	}
	_, err := out.Write(encoded)
	return err
}
