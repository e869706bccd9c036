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

package lambdafunction

import (
	"context"

	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	autoscalinglisters "knative.dev/serving/pkg/client/listers/autoscaling/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
)

// scales are what Knative's autoscaler has decided of functions.
type scales struct{ lifecycle.Scales }

func newScales(leads leadership, autoscalers autoscalinglisters.PodAutoscalerLister) *scales {
	return &scales{lifecycle.Scales{Label: lambda.FunctionLabelKey, Leads: leads, Autoscalers: autoscalers}}
}

// changed counts when a revision that gets traffic has no instance any more.
func (s *scales) changed(before, after *v1alpha1.PodAutoscaler) {
	function, ours := s.Of(after)
	if !ours || after.Spec.Reachability == v1alpha1.ReachabilityUnreachable {
		return
	}
	if before.Status.GetActualScale() > 0 && after.Status.GetActualScale() == 0 {
		observability.CountScaleToZero(context.Background(), function)
	}
}
