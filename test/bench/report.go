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

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// report collects the rows of the table, and what went wrong beyond being slow.
type report struct {
	rows   []row
	faults []error
}

// row compares a function with a yardstick. Columns that do not apply stay empty.
type row struct {
	what, function, yardstick, ratio string
}

func (r *report) add(what, function, yardstick, ratio string) {
	r.rows = append(r.rows, row{what, function, yardstick, ratio})
}

// compare adds a row of two samples.
func (r *report) compare(what string, function, yardstick sample) {
	ratio := ""
	if len(yardstick) > 0 {
		ratio = fmt.Sprintf("%.2f", float64(function.median())/float64(yardstick.median()))
	}
	r.add(what, function.String(), yardstick.String(), ratio)
}

func (r *report) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

func (r *report) verdict() error {
	return errors.Join(r.faults...)
}

func (r *report) print(out io.Writer) {
	fmt.Fprintln(out, "| what | function | yardstick | ratio of medians |")
	fmt.Fprintln(out, "|---|---|---|---|")
	for _, row := range r.rows {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", row.what, row.function, row.yardstick, row.ratio)
	}
}

// sample is the times of one thing that was done again and again.
type sample []time.Duration

func (s sample) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	if len(sorted)%2 == 1 {
		return sorted[len(sorted)/2]
	}
	return (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
}

// p95 is the smallest time that 95 of 100 do not exceed; of fewer than twenty it is the largest.
func (s sample) p95() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[(len(sorted)*95+99)/100-1]
}

// String implements fmt.Stringer.
func (s sample) String() string {
	if len(s) == 0 {
		return ""
	}
	return fmt.Sprintf("median %.2f s, p95 %.2f s, n=%d", s.median().Seconds(), s.p95().Seconds(), len(s))
}
