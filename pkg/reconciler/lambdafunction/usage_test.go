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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
	"knative.dev/pkg/configmap"
	logtesting "knative.dev/pkg/logging/testing"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// instance is a pod of function hello that has a node, with two containers.
func instance(namespace, uid string) *corev1.Pod {
	requests := func(cpu, memory string) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: uid, Namespace: namespace, UID: types.UID(uid),
			Labels: map[string]string{lambda.FunctionLabelKey: function().Name, serving.RevisionLabelKey: "hello-00001"},
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{requests("400m", "100"), requests("100m", "28")}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}},
	}
}

func TestUsages(t *testing.T) {
	listers := NewListers([]runtime.Object{function()})
	clock := clocktesting.NewFakePassiveClock(time.Unix(1700000000, 0))
	u := newUsages(ledHere, listers.LambdaFunctionLister(), clock)
	handler := u.handler()
	hello := types.NamespacedName{Namespace: "default", Name: function().Name}
	after := func(seconds int, want map[types.NamespacedName]observability.Usage) {
		t.Helper()
		clock.SetTime(clock.Now().Add(time.Duration(seconds) * time.Second))
		if diff := cmp.Diff(want, u.take()); diff != "" {
			t.Error("take() (-want, +got):", diff)
		}
	}
	of := func(instanceSeconds float64) map[types.NamespacedName]observability.Usage {
		return map[types.NamespacedName]observability.Usage{hello: {
			CoreSeconds: .5 * instanceSeconds, ByteSeconds: 128 * instanceSeconds, Cores: .5, Bytes: 128,
		}}
	}
	after(10, map[types.NamespacedName]observability.Usage{})

	unscheduled, build := instance("default", "u"), instance("default", "b")
	unscheduled.Status.Conditions = nil
	delete(build.Labels, serving.RevisionLabelKey)
	handler.OnAdd(unscheduled, false)
	handler.OnAdd(build, false)
	handler.OnAdd(instance("other", "o"), false)
	after(10, map[types.NamespacedName]observability.Usage{})

	handler.OnAdd(instance("default", "1"), true)
	after(10, of(10))
	handler.OnUpdate(unscheduled, instance("default", "u"))
	handler.OnUpdate(unscheduled, instance("default", "u"))
	after(10, of(30))
	handler.OnDelete(cache.DeletedFinalStateUnknown{Key: "1", Obj: instance("default", "1")})
	after(10, of(40))
	failed := instance("default", "u")
	failed.Status.Phase = corev1.PodFailed
	handler.OnUpdate(unscheduled, failed)
	handler.OnDelete(failed)
	after(10, of(40))

	none := NewListers(nil)
	u.functions = none.LambdaFunctionLister()
	after(10, map[types.NamespacedName]observability.Usage{})
	if len(u.past) > 0 {
		t.Error("a function that is gone is remembered")
	}
}

func TestWatchPrices(t *testing.T) {
	watcher := configmap.NewStaticWatcher(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: config.CostConfigName},
		Data:       map[string]string{"currency": "EUR", "cpu-core-hour": "1", "memory-gib-hour": "2", "million-requests": "3"},
	})
	want := &config.Cost{Currency: "EUR", CoreHour: 1, GiBHour: 2, MillionRequests: 3}
	if got := watchPrices(logtesting.TestLogger(t), watcher)(); *got != *want {
		t.Errorf("prices = %v, want %v", got, want)
	}
}
