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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

func TestFromEnv(t *testing.T) {
	defaults, err := runtime.FromEnv()
	if err != nil {
		t.Fatal("FromEnv() =", err)
	}
	for name, tc := range map[string]struct {
		env    map[string]string
		change func(*runtime.Options)
		err    string
	}{
		"port":             {map[string]string{"PORT": "9000"}, func(o *runtime.Options) { o.Addr = ":9000" }, ""},
		"envelope":         {map[string]string{"LAMBDA_RESPONSE": "envelope"}, func(o *runtime.Options) { o.Envelope = true }, ""},
		"unknown response": {map[string]string{"LAMBDA_RESPONSE": "letter"}, nil, `LAMBDA_RESPONSE: "letter" is neither raw nor envelope`},
		"log for people":   {map[string]string{"LAMBDA_LOG_FORMAT": "text"}, func(o *runtime.Options) { o.LogText = true }, ""},
		"unknown log":      {map[string]string{"LAMBDA_LOG_FORMAT": "xml"}, nil, `LAMBDA_LOG_FORMAT: "xml" is neither json nor text`},
		"concurrency":      {map[string]string{"LAMBDA_CONCURRENCY": "3", "LAMBDA_QUEUE": "4"}, func(o *runtime.Options) { o.Concurrency, o.Queue = 3, 4 }, ""},
		"no number":        {map[string]string{"LAMBDA_CONCURRENCY": "x"}, nil, `LAMBDA_CONCURRENCY: "x" is not a whole number of at least 0`},
		"no time":          {map[string]string{"TIMEOUT_SECONDS": "0"}, nil, `TIMEOUT_SECONDS: "0" is not a whole number of at least 1`},
		"negative queue":   {map[string]string{"LAMBDA_QUEUE": "-1"}, nil, "LAMBDA_QUEUE"},
		"no size":          {map[string]string{"LAMBDA_MAX_BODY_BYTES": "1M"}, nil, "LAMBDA_MAX_BODY_BYTES"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range tc.env {
				t.Setenv(variable, value)
			}
			got, err := runtime.FromEnv()
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("FromEnv() = %v, want %q", err, tc.err)
				}
				return
			}
			want := defaults
			tc.change(&want)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(runtime.Options{}, "Output")); err != nil || diff != "" {
				t.Errorf("unexpected options (-want, +got): %s%v", diff, err)
			}
		})
	}
}
