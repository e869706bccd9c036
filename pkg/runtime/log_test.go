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

package runtime_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

// readableLines are lines of a log, and what is made of them; "" is nothing.
var readableLines = map[string]string{
	`{"time":"2026-03-01T12:00:00.5Z","level":"INFO","message":"heard","function":"hello","invocationId":"i"}`:                               "12:00:00.500 INFO  heard",
	`{"time":"2026-03-01T12:00:00Z","level":"ERROR","message":"KeyError: 'name'","stack":"Traceback:\n  line 2\n","fields":{"b":1,"a":"x"}}`: "12:00:00.000 ERROR KeyError: 'name' a=x b=1\n  Traceback:\n    line 2",
	`{"time":"yesterday","level":"INFO","message":"heard"}`:                                                                                  "",
	`{"time":"2026-03-01T12:00:00Z","message":"of another program"}`:                                                                         "",
	`{"time":"2026-03-01T12:00:00Z","level":30,"message":"pino's"}`:                                                                          "",
	`{"time":"2026-03-01T12:00:00Z","level":"INFO","message":"half`:                                                                          "",
	"plain": "",
	"null":  "",
	"":      "",
}

func TestReadableLine(t *testing.T) {
	for line, want := range readableLines {
		got, ok := runtime.ReadableLine([]byte(line))
		if ok && want != "" {
			// The machine that reads may be in any zone.
			_, text, _ := strings.Cut(got, " ")
			_, wanted, _ := strings.Cut(want, " ")
			clock, err := time.Parse("15:04:05.000", strings.TrimSuffix(got, " "+text))
			if err != nil || !strings.HasSuffix(want[:len("15:04:05.000")], clock.Format(".000")) || text != wanted {
				t.Errorf("ReadableLine(%s) = %q, want %q", line, got, want)
			}
		}
		if ok != (want != "") {
			t.Errorf("ReadableLine(%s) = %q, %t, want %q", line, got, ok, want)
		}
	}
}

func FuzzReadableLine(f *testing.F) {
	for line := range readableLines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if got, ok := runtime.ReadableLine([]byte(line)); ok != (got != "") {
			t.Errorf("ReadableLine(%q) = %q, %t", line, got, ok)
		}
	})
}
