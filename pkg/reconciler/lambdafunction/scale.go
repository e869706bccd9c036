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

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	autoscalinglisters "knative.dev/serving/pkg/client/listers/autoscaling/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// scales are what Knative's autoscaler has decided of functions. A PodAutoscaler is of a revision, of which it has the
// labels.
type scales struct {
	leads       leadership
	autoscalers autoscalinglisters.PodAutoscalerLister
}

// take adds up the revisions of each function.
func (s *scales) take() map[types.NamespacedName]observability.Scale {
	autoscalers, err := s.autoscalers.List(labels.Everything())
	if err != nil {
		return nil // It lists a cache, which does not fail.
	}
	all := map[types.NamespacedName]observability.Scale{}
	for _, pa := range autoscalers {
		function := labelledFunction(pa)
		if function.Name == "" || !s.leads(function) { // without a name it is an agent's
			continue
		}
		scale := all[function]
		scale.Desired += int64(max(0, pa.Status.GetDesiredScale())) // it is -1 before there is a decision
		scale.Actual += int64(max(0, pa.Status.GetActualScale()))
		if pa.Spec.Reachability != v1alpha1.ReachabilityUnreachable {
			scale.Limit = pa.Spec.ContainerConcurrency
		}
		all[function] = scale
	}
	return all
}

// changed counts when a revision that gets traffic has no instance any more.
func (s *scales) changed(before, after *v1alpha1.PodAutoscaler) {
	function := labelledFunction(after)
	if function.Name == "" || after.Spec.Reachability == v1alpha1.ReachabilityUnreachable || !s.leads(function) {
		return
	}
	if before.Status.GetActualScale() > 0 && after.Status.GetActualScale() == 0 {
		observability.CountScaleToZero(context.Background(), function)
	}
}
