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

package source_test

import (
	"testing"

	"knative.dev/pkg/depcheck"
)

// The image of the fetch step is pulled on each node that builds: it stays small.
func TestDependencies(t *testing.T) {
	const fetch = "github.com/knative-lambda/knative-lambda-operator/cmd/fetch"
	depcheck.AssertNoDependency(t, map[string][]string{
		fetch: {
			"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1",
			"k8s.io/api/core/v1",
			"k8s.io/apimachinery/pkg/runtime",
			"k8s.io/client-go/rest",
			"knative.dev/pkg/apis",
			"knative.dev/serving/pkg/apis/serving/v1",
		},
	})
}
