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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	record "k8s.io/client-go/tools/record/util"
	clocktesting "k8s.io/utils/clock/testing"
	servingapi "knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// A step is what is told of a pod, so many milliseconds after the step before.
type startStep struct {
	after           int
	scheduled, runs bool
	pulled          string // said by the kubelet, before this
	started         string // the container that the kubelet says of that it runs, after this
	late            int    // how many milliseconds after it does
	deleted         bool
}

func TestStarts(t *testing.T) {
	const phase = "knative.lambda.function.cold_start.duration{function=hello,namespace=default,phase="
	began := time.Unix(1700000000, 0)
	for name, tc := range map[string]struct {
		age       time.Duration // when it is seen first
		namespace string
		build     bool
		steps     []startStep
		want      measures
	}{
		"all phases": {
			steps: []startStep{
				{},
				{after: 30, scheduled: true},
				{after: 100, scheduled: true},
				{after: 400, scheduled: true, runs: true, pulled: `Successfully pulled image "a" in 300ms (350ms including waiting). Image size: 7 bytes.`},
				{after: 9000, scheduled: true, runs: true},
			},
			want: measures{phase + "schedule}": .03, phase + "pull}": .3, phase + "create}": .2},
		},
		"image that is there": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true, pulled: `Container image "a" already present on machine`}},
			want:  measures{phase + "schedule}": .01, phase + "create}": .5},
		},
		"pull that took longer than it can have": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true, pulled: `Successfully pulled image "a" in 1.5s (2s including waiting)`}},
			want:  measures{phase + "schedule}": .01, phase + "pull}": .5},
		},
		"pull whose time nobody can read": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true, pulled: `Successfully pulled image "a" in 1.5.2s (2s)`}},
			want:  measures{phase + "schedule}": .01, phase + "create}": .5},
		},
		"the kubelet says that it runs": {
			steps: []startStep{
				{},
				{after: 10, scheduled: true},
				{after: 100, scheduled: true, started: "containers{queue-proxy}"},
				{after: 0, scheduled: true, started: "initContainers{prepare}"},
				{after: 200, scheduled: true, started: "containers{user-container}"},
				{after: 900, scheduled: true, runs: true},
			},
			want: measures{phase + "schedule}": .01, phase + "create}": .3},
		},
		"the kubelet is heard late": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 200, scheduled: true, started: "containers{user-container}", late: 150}},
			want:  measures{phase + "schedule}": .01, phase + "create}": .05},
		},
		"the clock of the kubelet's node is behind": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 200, scheduled: true, started: "containers{user-container}", late: 3000}},
			want:  measures{phase + "schedule}": .01, phase + "create}": .2},
		},
		"the clock of the kubelet's node is ahead": {
			steps: []startStep{{}, {after: 10, scheduled: true}, {after: 200, scheduled: true, started: "containers{user-container}", late: -3000}},
			want:  measures{phase + "schedule}": .01, phase + "create}": .2},
		},
		"the kubelet is heard of before the scheduler": {
			steps: []startStep{{}, {after: 100, started: "containers{user-container}"}, {after: 10, scheduled: true}},
			want:  measures{phase + "schedule}": .1},
		},
		"seen late":                {age: time.Minute, steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true}}},
		"seen when it has a node":  {steps: []startStep{{scheduled: true}, {after: 500, scheduled: true, runs: true}}},
		"gone before it runs":      {steps: []startStep{{}, {after: 10, scheduled: true}, {after: 10, deleted: true}}},
		"of a function of another": {namespace: "other", steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true}}},
		"of a build":               {build: true, steps: []startStep{{}, {after: 10, scheduled: true}, {after: 500, scheduled: true, runs: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(began.Add(tc.age))
			s := newStarts(ledHere, clock)
			handler := s.handler()
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: "p", Namespace: "default", UID: "p", CreationTimestamp: metav1.NewTime(began),
				Labels: map[string]string{lambda.FunctionLabelKey: "hello", servingapi.RevisionLabelKey: "hello-00001"},
			}}
			if tc.namespace != "" {
				pod.Namespace = tc.namespace
			}
			if tc.build {
				delete(pod.Labels, servingapi.RevisionLabelKey)
			}
			before := measure(t)
			for i, step := range tc.steps {
				clock.SetTime(clock.Now().Add(time.Duration(step.after) * time.Millisecond))
				pod = pod.DeepCopy()
				pod.Status = corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: serving.QueueProxy, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
				if step.scheduled {
					pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
				}
				if step.runs {
					pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses,
						corev1.ContainerStatus{Name: "user-container", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
				}
				if step.pulled != "" {
					s.said(&corev1.Event{Reason: eventPulled, InvolvedObject: corev1.ObjectReference{UID: "another"}, Message: step.pulled})
					s.said(&corev1.Event{Reason: eventPulled, InvolvedObject: corev1.ObjectReference{UID: pod.UID}, Message: step.pulled})
				}
				switch {
				case step.deleted:
					handler.OnDelete(cache.DeletedFinalStateUnknown{Key: "p", Obj: pod})
				case i == 0:
					handler.OnAdd(pod, false)
				default:
					handler.OnUpdate(pod, pod)
				}
				if step.started != "" {
					event := &corev1.Event{Reason: eventStarted, InvolvedObject: corev1.ObjectReference{UID: "another", FieldPath: "spec." + step.started}}
					if step.late != 0 {
						at := clock.Now().Add(-time.Duration(step.late) * time.Millisecond)
						event.Name = record.GenerateEventName(pod.Name, at.UnixNano())
					}
					s.said(event)
					event.InvolvedObject.UID = pod.UID
					s.said(event)
				}
			}
			if diff := cmp.Diff(tc.want, measure(t).less(before), cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Error("measured (-want, +got):", diff)
			}
			if len(s.pending) > 0 {
				t.Error("it waits for a pod that is over")
			}
		})
	}
}

// TestWatchEvents hears of an event that happens later.
func TestWatchEvents(t *testing.T) {
	kube := fake.NewSimpleClientset()
	heard, watched := make(chan *corev1.Event, 1), make(chan struct{})
	begun := sync.OnceFunc(func() { close(watched) })
	// Of an event that comes between the list and the watch, the fake tells nobody. It takes none before the watch has begun.
	kube.PrependWatchReactor("events", func(clienttesting.Action) (bool, watch.Interface, error) {
		begun()
		return false, nil, nil
	})
	watchEvents(t.Context(), kube, eventPulled, func(event *corev1.Event) { heard <- event })
	<-watched
	said := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "a"}, Reason: "Pulled",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", UID: "p"}, Message: "Successfully pulled",
	}
	if _, err := kube.CoreV1().Events("a").Create(t.Context(), said, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if event := <-heard; event.InvolvedObject.UID != "p" || event.Message != said.Message {
		t.Errorf("heard of %v", event)
	}
}
