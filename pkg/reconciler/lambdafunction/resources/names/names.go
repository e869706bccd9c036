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
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const (
	// buildSuffixLength is how many hex digits of the build key the name of a build ends with.
	buildSuffixLength = 10
	// filterSuffixLength is how many hex digits of its filter the name of a Trigger ends with.
	filterSuffixLength = 8
)

// Build is the name of the TaskRun, and of the ConfigMap with its plan, for a build key.
func Build(fn *v1alpha1.LambdaFunction, key string) string {
	return kmeta.ChildName(fn.Name, "-"+key[:buildSuffixLength])
}

// BuildPod is the name that Tekton gives the pod of a TaskRun (pkg/pod, Builder.Build).
func BuildPod(taskRun string) string {
	return kmeta.ChildName(taskRun, "-pod")
}

// Service is the name of the Knative Service.
func Service(fn *v1alpha1.LambdaFunction) string {
	return fn.Name
}

// Trigger is the name of the Trigger of events that are addressed to the function.
func Trigger(fn *v1alpha1.LambdaFunction) string {
	return kmeta.ChildName(prefix(fn), "-trigger")
}

// SourcesTrigger is the name of the Trigger of events of the function's own sources.
func SourcesTrigger(fn *v1alpha1.LambdaFunction) string {
	return kmeta.ChildName(prefix(fn), "-sources")
}

// FurtherTrigger is the name of the Trigger of one of spec.triggers: of its Broker and a hash of its filter, so that it
// keeps it where others are added and removed.
func FurtherTrigger(fn *v1alpha1.LambdaFunction, t *v1alpha1.TriggerSpec) string {
	hash := sha256.New()
	for _, attribute := range slices.Sorted(maps.Keys(t.Filter)) {
		// In quotes, so that no two filters are the same text.
		fmt.Fprintf(hash, "%q:%q,", attribute, t.Filter[attribute])
	}
	return kmeta.ChildName(prefix(fn)+"-"+t.Broker, "-"+hex.EncodeToString(hash.Sum(nil))[:filterSuffixLength])
}

// Schedule is the name of the PingSource of a schedule.
func Schedule(fn *v1alpha1.LambdaFunction, s *v1alpha1.ScheduleSpec) string {
	return kmeta.ChildName(prefix(fn), "-schedule-"+s.Name)
}

// APISource is the name of the ApiServerSource, its ServiceAccount, Role and RoleBinding.
func APISource(fn *v1alpha1.LambdaFunction) string {
	return kmeta.ChildName(prefix(fn), "-api-source")
}

func prefix(fn *v1alpha1.LambdaFunction) string {
	if fn.Spec.Eventing == nil {
		return fn.Name
	}
	return cmp.Or(fn.Spec.Eventing.ResourcePrefix, fn.Name)
}
