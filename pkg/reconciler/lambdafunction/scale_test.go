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
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	servingapi "knative.dev/serving/pkg/apis/serving"
	autoscalinglisters "knative.dev/serving/pkg/client/listers/autoscaling/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

type autoscalerOption func(*v1alpha1.PodAutoscaler)

func autoscaler(namespace, name string, options ...autoscalerOption) *v1alpha1.PodAutoscaler {
	pa := &v1alpha1.PodAutoscaler{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{lambda.FunctionLabelKey: "hello"},
	}}
	for _, option := range options {
		option(pa)
	}
	return pa
}

func withScale(desired, actual int32) autoscalerOption {
	return func(pa *v1alpha1.PodAutoscaler) {
		pa.Status.DesiredScale, pa.Status.ActualScale = ptr.Int32(desired), ptr.Int32(actual)
	}
}

func withLimit(n int64) autoscalerOption {
	return func(pa *v1alpha1.PodAutoscaler) { pa.Spec.ContainerConcurrency = n }
}

// ofAgent is of no function.
func ofAgent(pa *v1alpha1.PodAutoscaler) { pa.Labels = map[string]string{lambda.AgentLabelKey: "chat"} }

func retired(pa *v1alpha1.PodAutoscaler) { pa.Spec.Reachability = v1alpha1.ReachabilityUnreachable }

func TestScales(t *testing.T) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, pa := range []*v1alpha1.PodAutoscaler{
		autoscaler("default", "hello-00001", withScale(0, 2), withLimit(5), retired),
		autoscaler("default", "hello-00002", withScale(3, 1), withLimit(7)),
		autoscaler("default", "hello-00003"), // nothing is decided yet
		autoscaler("other", "hello-00001", withScale(9, 9)),
		autoscaler("default", "chat-00001", withScale(9, 9), ofAgent),
	} {
		if pa.Name == "hello-00003" {
			pa.Labels[lambda.FunctionLabelKey] = "new"
		}
		if err := indexer.Add(pa); err != nil {
			t.Fatal(err)
		}
	}
	s := newScales(ledHere, autoscalinglisters.NewPodAutoscalerLister(indexer))
	want := map[types.NamespacedName]observability.Scale{
		{Namespace: "default", Name: "hello"}: {Desired: 3, Actual: 3, Limit: 7},
		{Namespace: "default", Name: "new"}:   {},
	}
	for key, want := range want {
		if got := s.Scale(key); got != want {
			t.Errorf("Scale(%v) = %+v, want %+v", key, got, want)
		}
	}
	if diff := cmp.Diff(want, s.Take()); diff != "" {
		t.Error("Take() (-want, +got):", diff)
	}
}

func TestScaleToZero(t *testing.T) {
	const counted = "knative.lambda.function.scale_to_zero{function=hello,namespace=default}"
	s := newScales(ledHere, nil)
	for name, tc := range map[string]struct {
		before, after *v1alpha1.PodAutoscaler
		want          measures
	}{
		"to zero":       {autoscaler("default", "r", withScale(0, 1)), autoscaler("default", "r", withScale(0, 0)), measures{counted: 1}},
		"down":          {autoscaler("default", "r", withScale(1, 2)), autoscaler("default", "r", withScale(1, 1)), nil},
		"up":            {autoscaler("default", "r", withScale(1, 0)), autoscaler("default", "r", withScale(1, 1)), nil},
		"at first":      {autoscaler("default", "r"), autoscaler("default", "r", withScale(0, 0)), nil},
		"old revision":  {autoscaler("default", "r", withScale(0, 1), retired), autoscaler("default", "r", withScale(0, 0), retired), nil},
		"an agent's":    {autoscaler("default", "r", withScale(0, 1), ofAgent), autoscaler("default", "r", withScale(0, 0), ofAgent), nil},
		"led elsewhere": {autoscaler("other", "r", withScale(0, 1)), autoscaler("other", "r", withScale(0, 0)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := measure(t)
			s.changed(tc.before, tc.after)
			if diff := cmp.Diff(tc.want, measure(t).less(before), cmpopts.EquateEmpty()); diff != "" {
				t.Error("measured (-want, +got):", diff)
			}
		})
	}
}

func TestInstances(t *testing.T) {
	var seen []string
	handler := instances(func(pod *corev1.Pod) { seen = append(seen, pod.Name) }, func(types.UID) {})
	for name, labels := range map[string]map[string]string{
		"function": {lambda.FunctionLabelKey: "hello", servingapi.RevisionLabelKey: "hello-00001"},
		"build":    {lambda.FunctionLabelKey: "hello"},
		"agent":    {lambda.AgentLabelKey: "chat", servingapi.RevisionLabelKey: "chat-00001"},
	} {
		handler.OnAdd(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, false)
	}
	if !slices.Equal(seen, []string{"function"}) {
		t.Errorf("pods that serve functions are %q", seen)
	}
}
