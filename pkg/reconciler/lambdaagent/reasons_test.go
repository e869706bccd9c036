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

package lambdaagent

import (
	"slices"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const declared = "../../apis/lambda/v1alpha1/lambdaagent_lifecycle.go"

// ofHealth are the reasons that whoever looks after models gives: here they are passed on.
var ofHealth = []string{
	v1alpha1.ReasonFallbackActive, v1alpha1.ReasonEndpointUnreachable, v1alpha1.ReasonEndpointForbidden, v1alpha1.ReasonEndpointTimeout,
	v1alpha1.ReasonEndpointFailed, v1alpha1.ReasonAPIKeyMissing, v1alpha1.ReasonAPIKeyUnreadable, v1alpha1.ReasonAPIKeyRejected,
}

// TestEveryReasonIsProduced holds that no reason of the API is there for nothing: a row has to want each one.
func TestEveryReasonIsProduced(t *testing.T) {
	var produced []string
	for _, table := range tables() {
		for _, row := range table {
			for _, update := range row.WantStatusUpdates {
				for _, condition := range update.Object.(*v1alpha1.LambdaAgent).Status.Conditions {
					produced = append(produced, condition.Reason)
				}
			}
		}
	}
	for name, reason := range ReasonConstants(t, declared) {
		if !slices.Contains(produced, reason) && !slices.Contains(ofHealth, reason) {
			t.Errorf("no row wants %s (%q)", name, reason)
		}
	}
}
