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

// Package names has the names of a LambdaFunction's children.
package names

import (
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// buildSuffixLength is how many hex digits of the build key the name of a build ends with.
const buildSuffixLength = 10

// Build is the name of the TaskRun, and of the ConfigMap with its plan, for a build key.
func Build(fn *v1alpha1.LambdaFunction, key string) string {
	return kmeta.ChildName(fn.Name, "-"+key[:buildSuffixLength])
}

// Service is the name of the Knative Service.
func Service(fn *v1alpha1.LambdaFunction) string {
	return fn.Name
}
