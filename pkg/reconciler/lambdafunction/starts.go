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
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// starts measures how long the cluster takes to start instances of functions: the first phases of a cold start, of which
// the runtime in the instance knows the others. Times are those at which the operator learns of what happened, where the
// API has whole seconds only.
type starts struct {
	leads leadership
	clock clock.PassiveClock

	mu      sync.Mutex
	pending map[types.UID]*pendingStart
}

// pendingStart is of a pod whose function does not run yet.
type pendingStart struct {
	function types.NamespacedName
	pod      string

	created, scheduled, ran time.Time     // the last two are zero before it is and does
	pulled                  time.Duration // what the pulls of its images took
}

// fresh is how old a pod may be that is seen for the first time: what happened to an older one was missed.
const fresh = 5 * time.Second

func newStarts(leads leadership, c clock.PassiveClock) *starts {
	return &starts{leads: leads, clock: c, pending: map[types.UID]*pendingStart{}}
}

// handler is told of pods.
func (s *starts) handler() cache.ResourceEventHandler {
	return instances(func(pod *corev1.Pod) {
		if s.leads(labelledFunction(pod)) {
			s.seen(pod)
		}
	}, s.forget)
}

// seen looks how far a pod is.
func (s *starts) seen(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	start := s.pending[pod.UID]
	if start == nil {
		if now.Sub(pod.CreationTimestamp.Time) > fresh || runs(pod) || serving.PodCondition(pod, corev1.PodScheduled).Status == corev1.ConditionTrue {
			return
		}
		start = &pendingStart{function: labelledFunction(pod), pod: pod.Name, created: now}
		s.pending[pod.UID] = start
	}
	if start.scheduled.IsZero() && serving.PodCondition(pod, corev1.PodScheduled).Status == corev1.ConditionTrue {
		start.scheduled = now
	}
	if start.ran.IsZero() && runs(pod) {
		start.ran = now
	}
	s.settle(pod.UID, start)
}

// settle records a start of which all is known.
func (s *starts) settle(uid types.UID, start *pendingStart) {
	if start.scheduled.IsZero() || start.ran.IsZero() {
		return
	}
	delete(s.pending, uid)
	observability.RecordStart(context.Background(), &observability.Start{
		Function: start.function, Pod: start.pod, Created: start.created, Scheduled: start.scheduled, Ran: start.ran, Pulled: start.pulled,
	})
}

// runs is true once the function's own container does.
func runs(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name != serving.QueueProxy && status.State.Running != nil {
			return true
		}
	}
	return false
}

func (s *starts) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, uid)
}

// pullTook finds how long a pull was in what the kubelet says of it. It says nothing where the image was there.
var pullTook = regexp.MustCompile(`^Successfully pulled image .* in ([0-9.a-zµ]+) \(`)

// The reasons of what the kubelet says when it has an image, and when a container runs.
const (
	eventPulled  = "Pulled"
	eventStarted = "Started"
)

// said takes what the kubelet says of a pod.
func (s *starts) said(event *corev1.Event) {
	switch event.Reason {
	case eventPulled:
		s.pulled(event)
	case eventStarted:
		s.started(event)
	}
}

// started takes that a container runs. In the status of its pod it is found up to a second later: the kubelet looks as often.
func (s *starts) started(event *corev1.Event) {
	container, ok := strings.CutPrefix(event.InvolvedObject.FieldPath, "spec.containers{")
	if !ok || container == serving.QueueProxy+"}" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if start := s.pending[event.InvolvedObject.UID]; start != nil && start.ran.IsZero() {
		start.ran = s.clock.Now()
		// On a busy node the event comes late.
		if at := happened(event); at.After(start.created) && at.Before(start.ran) {
			start.ran = at
		}
		s.settle(event.InvolvedObject.UID, start)
	}
}

// happened is when an event of a client-go recorder, such as the kubelet's, happened: its timestamps have whole seconds, but
// its name ends in the nanoseconds since 1970 (client-go's record/util.GenerateEventName). It is zero for other names.
func happened(event *corev1.Event) time.Time {
	nanos, err := strconv.ParseInt(event.Name[strings.LastIndexByte(event.Name, '.')+1:], 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, nanos)
}

func (s *starts) pulled(event *corev1.Event) {
	found := pullTook.FindStringSubmatch(event.Message)
	if found == nil {
		return
	}
	took, err := time.ParseDuration(found[1])
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if start := s.pending[event.InvolvedObject.UID]; start != nil {
		start.pulled += took
	}
}

// watchEvents tells of the events of a reason that the cluster's pods have, until ctx is done.
func watchEvents(ctx context.Context, kube kubernetes.Interface, reason string, said func(*corev1.Event)) {
	selector := fields.Set{"reason": reason, "involvedObject.kind": "Pod"}.String()
	events := kube.CoreV1().Events(metav1.NamespaceAll)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				options.FieldSelector = selector
				return events.List(ctx, options)
			},
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				options.FieldSelector = selector
				return events.Watch(ctx, options)
			},
		},
		ObjectType: &corev1.Event{},
		Handler: cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
			if event, ok := object.(*corev1.Event); ok {
				said(event)
			}
		}},
		// Nobody asks for them again: their names do.
		Transform: func(object any) (any, error) {
			if event, ok := object.(*corev1.Event); ok {
				return &corev1.Event{
					ObjectMeta:     metav1.ObjectMeta{Name: event.Name, Namespace: event.Namespace, ResourceVersion: event.ResourceVersion},
					InvolvedObject: corev1.ObjectReference{UID: event.InvolvedObject.UID, FieldPath: event.InvolvedObject.FieldPath},
					Reason:         event.Reason, Message: event.Message,
				}, nil
			}
			return object, nil
		},
	})
	go informer.RunWithContext(ctx)
}
