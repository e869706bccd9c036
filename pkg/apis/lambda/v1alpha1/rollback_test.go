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

package v1alpha1

import (
	"testing"

	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

func TestRollbackEndsWithTheSpec(t *testing.T) {
	const key = lambda.RollbackAnnotationKey
	rolledBack := func(to string, change func(*LambdaFunction)) *LambdaFunction {
		fn := validFunction(change)
		fn.Annotations = map[string]string{"a": "b"}
		if to != "" {
			fn.Annotations[key] = to
		}
		fn.SetDefaults(apis.WithinCreate(t.Context()))
		return fn
	}
	another := func(fn *LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(7) }
	for name, tc := range map[string]struct {
		before, after *LambdaFunction
		want          string
	}{
		"nothing changes":                {rolledBack("hello-00001", nil), rolledBack("hello-00001", nil), "hello-00001"},
		"the spec changes":               {rolledBack("hello-00001", nil), rolledBack("hello-00001", another), ""},
		"both change":                    {rolledBack("hello-00001", nil), rolledBack("hello-00002", another), "hello-00002"},
		"it begins with a change":        {rolledBack("", nil), rolledBack("hello-00001", another), "hello-00001"},
		"it begins":                      {rolledBack("", nil), rolledBack("hello-00001", nil), "hello-00001"},
		"there is none":                  {rolledBack("", nil), rolledBack("", another), ""},
		"the stored one has no defaults": {validFunctionWith(key, "hello-00001"), rolledBack("hello-00001", nil), "hello-00001"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.after.SetDefaults(apis.WithinUpdate(t.Context(), tc.before))
			if got := tc.after.Annotations[key]; got != tc.want {
				t.Errorf("SetDefaults() leaves a rollback to %q, want %q", got, tc.want)
			}
			if tc.before.Annotations["a"] != tc.after.Annotations["a"] && tc.after.Annotations["a"] != "b" {
				t.Error("SetDefaults() takes other annotations away")
			}
		})
	}
}

func validFunctionWith(key, value string) *LambdaFunction {
	fn := validFunction(nil)
	fn.Annotations = map[string]string{key: value}
	return fn
}
