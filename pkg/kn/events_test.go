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

package kn

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
)

func newEvent(apiVersion, kind, name string, since time.Duration, reason string) *corev1.Event {
	uid := types.UID(name)
	if kind == "Route" || kind == "ConfigMap" {
		uid = types.UID(kind)
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name + "." + reason, Namespace: "default"}, Type: corev1.EventTypeNormal, Reason: reason, Message: "Of " + name + ".\n",
		InvolvedObject: corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid}, LastTimestamp: ago(since),
	}
}

// someEvents are those of function hello and of others whose names begin alike.
func someEvents() *cluster {
	pod := instance("hello-00001-deployment-1-a", "hello-00001")
	return newCluster(newFunction("hello", failsToBuild), newFunction("hello-2", isReady), pod, newRevision("hello-00001", "hello", "1", "True"),
		taskRun("hello-0123456789", "hello", ago(0), nil),
		newEvent("lambda.knative.io/v1alpha1", "LambdaFunction", "hello", 10*time.Minute, "Created"),
		newEvent("lambda.knative.io/v1alpha1", "LambdaFunction", "hello-2", 9*time.Minute, "Foreign"),
		newEvent("serving.knative.dev/v1", "Route", "hello", 8*time.Minute, "Route"),
		newEvent("v1", "ConfigMap", "hello", 8*time.Minute, "Foreign"),
		newEvent("tekton.dev/v1", "TaskRun", "hello-0123456789", 7*time.Minute, "Started"),
		newEvent("v1", "Pod", "hello-00001-deployment-1-a", 6*time.Minute, "Pulled"),
		newEvent("v1", "Pod", "hello-00001-deployment-1-gone", 5*time.Minute, "Killing"),
		newEvent("serving.knative.dev/v1", "Revision", "hello-2-00001", 4*time.Minute, "Foreign"),
		newEvent("serving.knative.dev/v1", "Revision", "hello-00001", 3*time.Minute, "Ready"),
		newEvent("v1", "Pod", "other", 1*time.Minute, "Foreign"))
}

func TestEvents(t *testing.T) {
	got := someEvents().run(t.Context(), "events", "hello")
	if got.code != ExitOK || got.err != "" {
		t.Errorf("run() = %+v, want code 0", got)
	}
	golden(t, "events.txt", got.out)
	if got := newCluster().run(t.Context(), "events", "hello"); got.code != ExitFailure || !strings.Contains(got.err, "there is none of this name") {
		t.Errorf("run() = %+v, want that there is no function", got)
	}
}

func TestWatchEvents(t *testing.T) {
	c := someEvents()
	changed := newFunction("hello", isReady)
	c.becomes(changed)
	// Six events, four conditions that are there, and five that become others.
	ctx, cancel := context.WithCancel(t.Context())
	out := &stopAfter{lines: 15, cancel: cancel}
	if code := c.runTo(ctx, out, "events", "hello", "-w"); code != ExitInterrupted {
		t.Errorf("run() = %d, want %d: %s", code, ExitInterrupted, out.String())
	}
	for _, want := range []string{"2026-03-01T11:53:00Z  Normal     Started", "Condition  DependencyNotFound    lambdafunction/hello  Ready is False: No matching", "Ready is True"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output = %s, want %q in it", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "Foreign") {
		t.Errorf("output = %s, want nothing of others", out.String())
	}
}

func TestWatchEventsToTheEnd(t *testing.T) {
	c := newCluster(newFunction("hello"))
	c.deleted("hello")
	if got := c.run(t.Context(), "events", "hello", "-w"); got.code != ExitFailure || !strings.Contains(got.err, `function "hello" has been deleted`) {
		t.Errorf("run() = %+v, want that it ends", got)
	}
}

func TestEventsWithoutRights(t *testing.T) {
	c := someEvents()
	c.kube.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, context.DeadlineExceeded })
	if got := c.run(t.Context(), "events", "hello"); got.code != ExitFailure || !strings.Contains(got.err, `failed to list the events of namespace "default"`) {
		t.Errorf("run() = %+v, want that it fails", got)
	}
}
