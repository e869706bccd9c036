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

package lifecycle

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	autoscalinglisters "knative.dev/serving/pkg/client/listers/autoscaling/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// Scales are what Knative's autoscaler has decided of objects of one kind. A PodAutoscaler is of a revision, of which it has
// the labels.
type Scales struct {
	// Label has the name of the object.
	Label       string
	Leads       func(types.NamespacedName) bool
	Autoscalers autoscalinglisters.PodAutoscalerLister
}

// Take adds up the revisions of each object that this replica leads.
func (s *Scales) Take() map[types.NamespacedName]observability.Scale {
	autoscalers, err := s.Autoscalers.List(labels.Everything())
	if err != nil {
		return nil // It lists a cache, which does not fail.
	}
	all := map[types.NamespacedName]observability.Scale{}
	for _, pa := range autoscalers {
		key, ours := s.Of(pa)
		if !ours {
			continue
		}
		all[key] = with(all[key], pa)
	}
	return all
}

// Scale adds up the revisions of one object.
func (s *Scales) Scale(key types.NamespacedName) observability.Scale {
	autoscalers, err := s.Autoscalers.PodAutoscalers(key.Namespace).List(labels.SelectorFromSet(labels.Set{s.Label: key.Name}))
	if err != nil {
		return observability.Scale{} // It lists a cache, which does not fail.
	}
	var scale observability.Scale
	for _, pa := range autoscalers {
		scale = with(scale, pa)
	}
	return scale
}

// with adds what has been decided of a further revision.
func with(scale observability.Scale, pa *v1alpha1.PodAutoscaler) observability.Scale {
	scale.Desired += int64(max(0, pa.Status.GetDesiredScale())) // it is -1 before there is a decision
	scale.Actual += int64(max(0, pa.Status.GetActualScale()))
	if pa.Spec.Reachability != v1alpha1.ReachabilityUnreachable {
		scale.Limit = pa.Spec.ContainerConcurrency
	}
	return scale
}

// Of returns the object that a PodAutoscaler is of, and false where it is of another kind or led by another replica.
func (s *Scales) Of(pa *v1alpha1.PodAutoscaler) (types.NamespacedName, bool) {
	key := types.NamespacedName{Namespace: pa.Namespace, Name: pa.Labels[s.Label]}
	return key, key.Name != "" && s.Leads(key)
}
