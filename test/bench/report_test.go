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
	"strings"
	"testing"
	"time"
)

func TestSample(t *testing.T) {
	upTo := func(n int) (s sample) {
		// Not in order, as measured.
		for i := n; i > 0; i-- {
			s = append(s, time.Duration(i)*time.Second)
		}
		return s
	}
	for name, tc := range map[string]struct {
		sample      sample
		median, p95 time.Duration
	}{
		"one":     {upTo(1), time.Second, time.Second},
		"odd":     {upTo(3), 2 * time.Second, 3 * time.Second},
		"even":    {upTo(10), 5500 * time.Millisecond, 10 * time.Second},
		"twenty":  {upTo(20), 10500 * time.Millisecond, 19 * time.Second},
		"hundred": {upTo(100), 50500 * time.Millisecond, 95 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.sample.median(); got != tc.median {
				t.Errorf("median() = %v, want %v", got, tc.median)
			}
			if got := tc.sample.p95(); got != tc.p95 {
				t.Errorf("p95() = %v, want %v", got, tc.p95)
			}
		})
	}
}

func TestReport(t *testing.T) {
	var r report
	r.compare("cold start", sample{3 * time.Second}, sample{2 * time.Second})
	r.compare("edit", sample{time.Second}, nil)
	var out strings.Builder
	r.print(&out)
	const want = `| what | function | yardstick | ratio of medians |
|---|---|---|---|
| cold start | median 3.00 s, p95 3.00 s, n=1 | median 2.00 s, p95 2.00 s, n=1 | 1.50 |
| edit | median 1.00 s, p95 1.00 s, n=1 |  |  |
`
	if got := out.String(); got != want {
		t.Errorf("print() = %s, want %s", got, want)
	}
	if err := r.verdict(); err != nil {
		t.Errorf("verdict() = %v, want nil", err)
	}
	r.fault("%d requests failed", 2)
	if err := r.verdict(); err == nil {
		t.Error("verdict() = nil, want an error")
	}
}
