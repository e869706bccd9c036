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
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

const topLong = `Show how often functions were called in the last while, how many of the calls failed, how long they took, how many had to
wait for an instance to start, and what all of it cost. The numbers are those of a Prometheus that scrapes functions and
operator. What it has no samples of is shown as a dash: a function that nobody called, one whose image serves no metrics,
and a cost without prices.

Prometheus is asked directly, not through the API server: its URL is that of --prometheus, else that of the environment
variable ` + prometheusVariable + `. What comes before an @ is the login, as in https://USER:PASSWORD@HOST.`

const topExample = `
  # The functions of the namespace in the last hour, those with the most calls first
  kubectl --namespace monitoring port-forward service/prometheus-operated 9090 &
  export KN_LAMBDA_PROMETHEUS=http://127.0.0.1:9090
  kn lambda top

  # What costs most, of all namespaces, in a day
  kn lambda top -A --since 24h --sort cost`

// The formats of --output of top; the first is the table.
var topFormats = []string{"", formatWide, "json", "yaml"}

// topColumns are what --sort takes. All but the name are sorted from the largest down.
var topColumns = map[string]func(*measured) *float64{
	"calls":       func(m *measured) *float64 { return m.Calls },
	"errors":      func(m *measured) *float64 { return m.ErrorRatio },
	"p95":         func(m *measured) *float64 { return m.P95Seconds },
	"cold-starts": func(m *measured) *float64 { return m.ColdStarts },
	"cost":        func(m *measured) *float64 { return m.Cost },
	"name":        func(*measured) *float64 { return nil },
}

// topSorts are the names of topColumns, in the order of the table.
var topSorts = []string{"name", "calls", "errors", "p95", "cold-starts", "cost"}

// measured is what is known of a function in the window. What there are no samples of is nil.
type measured struct {
	Namespace      string   `json:"namespace"`
	Name           string   `json:"name"`
	Calls          *float64 `json:"calls,omitempty"`
	CallsPerSecond *float64 `json:"callsPerSecond,omitempty"`
	// ErrorRatio is from 0 to 1.
	ErrorRatio *float64 `json:"errorRatio,omitempty"`
	P95Seconds *float64 `json:"p95Seconds,omitempty"`
	ColdStarts *float64 `json:"coldStarts,omitempty"`
	Cost       *float64 `json:"cost,omitempty"`
	Currency   string   `json:"currency,omitempty"`

	failed float64
}

// count adds the calls that ended with a status.
func (m *measured) count(status string, calls float64) {
	if m.Calls == nil {
		m.Calls = new(float64)
	}
	*m.Calls += calls
	if status == "error" {
		m.failed += calls
	}
}

// share reckons what follows from the calls that there were in a while.
func (m *measured) share(since time.Duration) {
	if m.Calls == nil {
		return
	}
	m.CallsPerSecond = ptr.To(*m.Calls / since.Seconds())
	if *m.Calls > 0 {
		m.ErrorRatio = ptr.To(m.failed / *m.Calls)
	}
}

// top is the verb, with its flags.
type top struct {
	address, sort, output string
	all                   bool
	since, timeout        time.Duration
}

func newTopCommand(s *session) *cobra.Command {
	t := &top{}
	cmd := &cobra.Command{
		Use: "top [NAME...]", Short: "Show calls, errors, response times, cold starts and cost of functions", Long: topLong, Example: topExample[1:],
		ValidArgsFunction: s.completeFunctions,
		RunE:              func(cmd *cobra.Command, args []string) error { return t.run(cmd, s, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&t.address, "prometheus", "", "URL of Prometheus. By default that of the environment variable "+prometheusVariable+".")
	flags.DurationVar(&t.since, "since", time.Hour, "How far back to look, such as 10m or 24h.")
	flags.DurationVar(&t.timeout, "timeout", 30*time.Second, "Longest time that Prometheus may take.")
	flags.StringVar(&t.sort, "sort", "calls", "What the functions are sorted by. One of: "+strings.Join(topSorts, ", ")+".")
	flags.BoolVarP(&t.all, "all-namespaces", "A", false, "Show the functions of all namespaces.")
	flags.StringVarP(&t.output, "output", "o", "", "Output format. One of: "+strings.Join(topFormats[1:], ", ")+".")
	complete(cmd, "sort", oneOf(topSorts...))
	complete(cmd, "output", oneOf(topFormats[1:]...))
	return cmd
}

func (t *top) run(cmd *cobra.Command, s *session, names []string) error {
	switch {
	case !slices.Contains(topFormats, t.output):
		return usagef("--output %q: it is none of %s", t.output, strings.Join(topFormats[1:], ", "))
	case !slices.Contains(topSorts, t.sort):
		return usagef("--sort %q: it is none of %s", t.sort, strings.Join(topSorts, ", "))
	case t.since < time.Second:
		return usagef("--since %v: write a second or more", t.since)
	}
	p, err := newPrometheus(cmp.Or(t.address, os.Getenv(prometheusVariable)), s.now(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	c, namespace, err := s.open()
	if err != nil {
		return err
	}
	if t.all {
		namespace = metav1.NamespaceAll
	}
	functions, err := topFunctions(cmd.Context(), c, namespace, names)
	if err != nil {
		return err
	}
	if len(functions) == 0 && t.output != "json" && t.output != "yaml" {
		fmt.Fprintln(cmd.ErrOrStderr(), "No functions found.")
		return nil
	}
	if len(functions) > 0 {
		if err := t.measure(cmd.Context(), p, namespace, len(names) > 0, functions); err != nil {
			return err
		}
	}
	t.order(functions)
	return t.print(cmd.OutOrStdout(), functions)
}

// topFunctions returns the functions of a namespace; where there are names, those of them. It fails where there is none of a
// name.
func topFunctions(ctx context.Context, c *clients, namespace string, names []string) ([]measured, error) {
	_, items, err := listFunctions(ctx, c, namespace, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to list functions: %w", err)
	}
	functions := make([]measured, 0, len(*items))
	for i := range *items {
		if fn := &(*items)[i]; len(names) == 0 || slices.Contains(names, fn.Name) {
			functions = append(functions, measured{Namespace: fn.Namespace, Name: fn.Name})
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(functions, func(fn measured) bool { return fn.Name == name }) {
			return nil, failf("kn lambda list --all-namespaces", "there is no function %q to look at", name)
		}
	}
	return functions, nil
}

// measure asks Prometheus about functions. named are some of their namespace only.
func (t *top) measure(ctx context.Context, p *prometheus, namespace string, named bool, functions []measured) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	of := make(map[types.NamespacedName]*measured, len(functions))
	var names []string
	for i := range functions {
		fn := &functions[i]
		of[types.NamespacedName{Namespace: fn.Namespace, Name: fn.Name}] = fn
		if named {
			names = append(names, fn.Name)
		}
	}
	w := newWindow(namespace, names, t.since)
	for _, asked := range []struct {
		what, query string
		take        func(fn *measured, labels model.Metric, value float64)
	}{
		{"calls", w.calls(), func(fn *measured, labels model.Metric, calls float64) { fn.count(string(labels[statusLabel]), calls) }},
		{"response times", w.p95(), func(fn *measured, _ model.Metric, seconds float64) { fn.P95Seconds = &seconds }},
		{"cold starts", w.coldStarts(), func(fn *measured, _ model.Metric, starts float64) { fn.ColdStarts = &starts }},
		{"cost", w.cost(), func(fn *measured, labels model.Metric, cost float64) {
			fn.Cost, fn.Currency = &cost, string(labels[currencyLabel])
		}},
	} {
		if err := p.query(ctx, asked.what, asked.query, func(name types.NamespacedName, labels model.Metric, value float64) {
			// Prometheus remembers functions that are gone.
			if fn := of[name]; fn != nil {
				asked.take(fn, labels, value)
			}
		}); err != nil {
			return err
		}
	}
	for i := range functions {
		functions[i].share(t.since)
	}
	return nil
}

// order sorts functions. Those of which it is not known are last.
func (t *top) order(functions []measured) {
	of := topColumns[t.sort]
	slices.SortFunc(functions, func(a, b measured) int {
		return cmp.Or(cmp.Compare(ptr.Deref(of(&b), -1), ptr.Deref(of(&a), -1)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// print writes functions in one of topFormats.
func (t *top) print(out io.Writer, functions []measured) error {
	if t.output == "json" || t.output == "yaml" {
		return printJSON(out, map[string]any{"since": model.Duration(t.since), "functions": functions}, t.output)
	}
	printed := &table{columns: []column{
		{name: "Name", cut: true},
		{name: "Calls"},
		{name: "Errors"},
		{name: "P95"},
		{name: "Cold starts"},
		{name: "Cost"},
		{name: "Calls/s", wide: true},
	}}
	if t.all {
		printed.columns = append([]column{{name: "Namespace", cut: true}}, printed.columns...)
	}
	for i := range functions {
		fn := &functions[i]
		row := []string{
			fn.Name, orDash(fn.Calls, count), orDash(fn.ErrorRatio, percent), orDash(fn.P95Seconds, seconds), orDash(fn.ColdStarts, count),
			orDash(fn.Cost, fn.money), orDash(fn.CallsPerSecond, perSecond),
		}
		if t.all {
			row = append([]string{fn.Namespace}, row...)
		}
		printed.rows = append(printed.rows, row)
	}
	return printed.print(out, t.output == formatWide)
}

// orDash writes what is known. What is not known is no 0.
func orDash(value *float64, write func(float64) string) string {
	if value == nil {
		return "-"
	}
	return write(*value)
}

func count(n float64) string       { return strconv.FormatFloat(math.Round(n), 'f', 0, 64) }
func percent(ratio float64) string { return strconv.FormatFloat(ratio*100, 'f', 1, 64) + "%" }
func perSecond(n float64) string   { return strconv.FormatFloat(n, 'g', 3, 64) }

// seconds writes a time with three digits: Prometheus reckons it from buckets, and knows no more.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	for unit := time.Second; unit >= time.Microsecond; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Microsecond).String()
}

// money writes a cost, of which little is not nothing.
func (m *measured) money(cost float64) string {
	if cost > 0 && cost < 0.0001 {
		return "<0.0001 " + m.Currency
	}
	return strconv.FormatFloat(cost, 'f', 4, 64) + " " + m.Currency
}
