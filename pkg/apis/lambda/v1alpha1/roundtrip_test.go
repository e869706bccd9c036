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
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	pkgfuzzer "knative.dev/pkg/apis/testing/fuzzer"
	"knative.dev/pkg/apis/testing/roundtrip"
	"sigs.k8s.io/randfill"
)

var fuzzerFuncs = fuzzer.MergeFuzzerFuncs(
	pkgfuzzer.Funcs,
	func(serializer.CodecFactory) []any {
		return []any{
			func(s *LambdaFunctionStatus, c randfill.Continue) {
				c.FillNoCustom(s)
				// Conditions of random types are in no order, and the set keeps them in one.
				s.SetConditions(nil)
				s.InitializeConditions()
				pkgfuzzer.FuzzConditions(&s.Status, c)
			},
			func(s *LambdaAgentStatus, c randfill.Continue) {
				c.FillNoCustom(s)
				s.SetConditions(nil)
				s.InitializeConditions()
				pkgfuzzer.FuzzConditions(&s.Status, c)
			},
			// What is kept as it is given is an object.
			func(r *runtime.RawExtension, c randfill.Continue) {
				r.Raw = []byte(`{"a":` + strconv.Itoa(c.Int()) + `}`)
			},
		}
	},
)

func TestRoundTripViaJSON(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal("AddToScheme() =", err)
	}
	roundtrip.ExternalTypesViaJSON(t, scheme, fuzzerFuncs)
}
