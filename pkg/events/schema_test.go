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

package events

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		eventType, data string
		want            []Violation
	}{
		"nothing": {eventType: BuildStart},
		"all":     {eventType: FunctionDeploy, data: `{"apiVersion":"lambda.knative.io/v1alpha1","kind":"LambdaFunction","metadata":{"name":"a"},"spec":{"source":{"type":"inline"}}}`},
		"numbers in quotes": {
			eventType: ServiceUpdate, data: `{"spec":{"source":{"type":"inline"},"timeoutSeconds":"30","scaling":{"minReplicas":1}}}`,
		},
		"missing": {eventType: FunctionDeploy, data: `{}`, want: []Violation{{"/spec", "it is missing"}}},
		"several": {
			eventType: BuildStart, data: `{"name":1,"a/b":2,"forceRebuild":"no"}`,
			want: []Violation{{"/a~1b", "there is no such field"}, {"/forceRebuild", "got string, want boolean"}, {"/name", "got number, want string"}},
		},
		"no JSON": {eventType: BuildStart, data: `{`, want: []Violation{{"", "this is not JSON: unexpected end of JSON input"}}},
		"twice":   {eventType: BuildStart, data: `{"name":"a","name":"b"}`, want: []Violation{{"", `duplicate field "name"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Check(tc.eventType, []byte(tc.data))
			if err != nil {
				t.Fatal("Check() =", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("Check() (-want, +got):", diff)
			}
		})
	}
	if _, err := Check("unknown", nil); err == nil {
		t.Error("Check() knows the schema of an unknown type")
	}
}

func TestAllSchemasCompile(t *testing.T) {
	for _, eventType := range slices.Concat(Commands(), Controls(), Lifecycle()) {
		if compiled()[eventType] == nil {
			t.Error("no schema of", eventType)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(FunctionDeploy, `{"spec":{"source":{"type":"inline"}}}`)
	f.Add(BuildStart, `{"name":1e400}`)
	f.Add(FunctionRollback, `{"a":{"b":[[[]]]}}`)
	f.Fuzz(func(t *testing.T, eventType, data string) {
		violations, err := Check(eventType, []byte(data))
		if err != nil && compiled()[eventType] != nil {
			t.Error("Check() =", err)
		}
		for _, v := range violations {
			if v.Message == "" || v.Pointer != "" && v.Pointer[0] != '/' {
				t.Errorf("Check() = %+v", v)
			}
		}
	})
}

func TestControlTypes(t *testing.T) {
	for eventType, want := range map[string]string{
		lambda.ControlDisable: lambda.ControlDisable, "com.example.guard.enable": lambda.ControlEnable,
		CommandPrefix + "agent.disable": "", BuildStart: "", FunctionReady: "", "com.example.disabled": "",
	} {
		if got, ok := Control(eventType); got != want || ok != (want != "") {
			t.Errorf("Control(%q) = %q, %t", eventType, got, ok)
		}
	}
}
