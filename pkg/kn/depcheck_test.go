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

package kn_test

import (
	"testing"

	"knative.dev/pkg/depcheck"
)

// The program is a client: nothing in it reconciles, speaks to a cloud, or reads sources from afar.
func TestDependencies(t *testing.T) {
	const module = "github.com/knative-lambda/knative-lambda-operator/"
	depcheck.AssertNoDependency(t, map[string][]string{
		module + "cmd/kn-lambda": {
			module + "pkg/client/injection/client",
			module + "pkg/reconciler/lambdafunction",
			module + "pkg/source/remote",
			"cloud.google.com/go/storage",
			"github.com/aws/aws-sdk-go-v2/aws",
			"gocloud.dev/blob",
			"knative.dev/pkg/injection",
			"knative.dev/pkg/injection/sharedmain",
		},
	})
}
