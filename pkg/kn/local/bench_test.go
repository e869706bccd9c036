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

package local_test

import (
	"testing"
	"time"
)

// BenchmarkRun measures what somebody waits for who writes a function: from the command to the first answer, and from a save to
// the first answer of what was saved.
func BenchmarkRun(b *testing.B) {
	for language, tc := range map[string]struct{ program, file, first, second string }{
		"python": {"python3", "main.py", "def handler(event):\n    return 'first'\n", "def handler(event):\n    return 'second'\n"},
		"nodejs": {"node", "index.js", "exports.handler = () => 'first';\n", "exports.handler = () => 'second';\n"},
		"go": {
			"go", "main.go", "package main\n\nfunc Handler() string { return \"first\" }\n",
			"package main\n\nfunc Handler() string { return \"second\" }\n",
		},
	} {
		b.Run(language, func(b *testing.B) {
			need(b, tc.program)
			var first, second time.Duration
			for b.Loop() {
				start := time.Now()
				r := run(b, map[string]string{tc.file: tc.first}, nil)
				r.expect(b, "first")
				first += time.Since(start)

				start = time.Now()
				r.save(b, tc.file, tc.second)
				for answer := ""; answer != "second"; _, answer = r.call(b) {
					time.Sleep(time.Millisecond) // It is measured how long that takes.
				}
				second += time.Since(start)
				if err := r.stop(); err != nil {
					b.Fatal("Run() =", err)
				}
			}
			b.ReportMetric(first.Seconds()*1000/float64(b.N), "ms/first-answer")
			b.ReportMetric(second.Seconds()*1000/float64(b.N), "ms/answer-after-save")
		})
	}
}
