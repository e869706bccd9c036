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

package diagnosis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgotesting "k8s.io/client-go/testing"
	"knative.dev/pkg/apis"
)

func TestExplainNothing(t *testing.T) {
	clients := newFakes(t, "").Clients
	for name, explain := range map[string]func(context.Context, Clients, string, string) (*Finding, error){"function": Explain, "agent": ExplainAgent} {
		if f, err := explain(t.Context(), clients, namespace, "none"); !apierrs.IsNotFound(err) || !strings.Contains(err.Error(), `"none" in namespace "shop"`) {
			t.Errorf("explaining %s = %v, %v, want that there is none", name, f, err)
		}
	}
}

// TestUnseen holds that what may not be read is said, and does not keep the rest from being told.
func TestUnseen(t *testing.T) {
	find := func(name string) golden {
		all := slices.Concat(faults(), others())
		return all[slices.IndexFunc(all, func(g golden) bool { return g.name == name })]
	}
	for _, tc := range []struct {
		name, golden, resource string
		verb                   string // all where it is empty
		everywhere             bool   // only what is asked of the whole cluster
		err                    error
		want                   []string
		cause                  string // the kind that the chain ends with
	}{
		{name: "task runs", golden: "wrong-type", resource: "taskruns", want: []string{"TaskRuns of namespace shop: you have no permission to read that"}, cause: "LambdaFunction"},
		{name: "builds", golden: "queued", resource: "taskruns", verb: "list", want: []string{
			"TaskRuns of the cluster: you have no permission to read that", "TaskRuns of namespace shop: you have no permission to read that",
		}, cause: "TaskRun"},
		{name: "builds of others", golden: "queued", resource: "taskruns", everywhere: true, want: []string{"TaskRuns of the cluster: you have no permission to read that"}, cause: "TaskRun"},
		{name: "the service", golden: "no-import", resource: "services", want: []string{"Knative Services of namespace shop: you have no permission to read that"}, cause: "LambdaFunction"},
		{name: "the configuration", golden: "no-import", resource: "configurations", want: []string{"Configurations of namespace shop: you have no permission to read that"}, cause: "Container"},
		{name: "the revision", golden: "no-import", resource: "revisions", want: []string{"Revisions of namespace shop: you have no permission to read that"}, cause: "Container"},
		{name: "pods", golden: "no-import", resource: "pods", want: []string{"Pods of namespace shop: you have no permission to read that"}, cause: "Deployment"},
		{name: "deployments", golden: "no-import", resource: "deployments", want: []string{"Deployments of namespace shop: you have no permission to read that"}, cause: "Container"},
		{name: "replica sets", golden: "limit-range", resource: "replicasets", want: []string{"ReplicaSets of namespace shop: you have no permission to read that"}, cause: "Deployment"},
		{name: "events", golden: "mount", resource: "events", want: []string{"Events of namespace shop: you have no permission to read that"}, cause: "Pod"},
		{name: "quotas", golden: "crowded", resource: "resourcequotas", want: []string{"ResourceQuotas of namespace shop: you have no permission to read that"}, cause: "TaskRun"},
		{name: "routes", golden: "no-ingress", resource: "routes", want: []string{"Routes of namespace shop: you have no permission to read that"}, cause: "Knative Service"},
		{name: "no time", golden: "no-import", resource: "pods", err: context.DeadlineExceeded, want: []string{"Pods of namespace shop: there was no time left"}, cause: "Deployment"},
		{name: "failure", golden: "no-import", resource: "pods", err: errors.New("disk full"), want: []string{"Pods of namespace shop: disk full"}, cause: "Deployment"},
		{name: "brokers", golden: "bad-broker", resource: "brokers", want: []string{"Brokers of namespace shop: you have no permission to read that"}, cause: "LambdaFunction"},
		{name: "triggers", golden: "no-subscriber", resource: "triggers", want: []string{"Triggers of namespace shop: you have no permission to read that"}, cause: "LambdaFunction"},
		{name: "subscriptions", golden: "unsubscribed", resource: "subscriptions", want: []string{"Subscriptions of namespace shop: you have no permission to read that"}, cause: "Trigger"},
		{name: "sources", golden: "no-ping", resource: "*sources", want: []string{
			"PingSources of namespace shop: you have no permission to read that", "ApiServerSources of namespace shop: you have no permission to read that",
		}, cause: "LambdaFunction"},
		{name: "the subscriber", golden: "no-subscriber", resource: "services", want: []string{"Knative Services of namespace shop: you have no permission to read that"}, cause: "Trigger"},
		{name: "the sink of dead letters", golden: "no-dead-letters", resource: "services", want: []string{
			"Services of namespace knative-lambda: you have no permission to read that", "Knative Services of namespace shop: you have no permission to read that",
		}, cause: "Trigger"},
		{name: "the operator", golden: "operator-down", resource: "deployments", want: []string{"Deployments of namespace knative-lambda: you have no permission to read that"}, cause: "LambdaFunction"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := find(tc.golden)
			clients := newFakes(t, g.log, g.objects...)
			err := tc.err
			if err == nil {
				err = apierrs.NewForbidden(schema.GroupResource{Resource: tc.resource}, "", errors.New("no"))
			}
			clients.refuse(cmp.Or(tc.verb, "*"), tc.resource, tc.everywhere, err)
			f, err := Explain(t.Context(), clients.Clients, namespace, tc.golden)
			if err != nil {
				t.Fatal("Explain() =", err)
			}
			if diff := gocmp.Diff(tc.want, f.Unseen); diff != "" {
				t.Errorf("Unseen (-want, +got):\n%s", diff)
			}
			if got := f.Problems[0].Cause().Kind; got != tc.cause {
				t.Errorf("Cause() is a %s, want %s", got, tc.cause)
			}
		})
	}
}

// refuse has reads of a resource fail: all, or those of the whole cluster.
func (f *fakes) refuse(verb, resource string, everywhere bool, err error) {
	react := func(action clientgotesting.Action) (bool, runtime.Object, error) {
		if everywhere && action.GetNamespace() != "" {
			return false, nil, nil
		}
		matches := action.GetResource().Resource == resource || resource == "*sources" && strings.HasSuffix(action.GetResource().Resource, "sources")
		return matches, nil, err
	}
	f.kube.PrependReactor(verb, "*", react)
	f.serving.PrependReactor(verb, "*", react)
	f.dynamic.PrependReactor(verb, "*", react)
}

func TestJSON(t *testing.T) {
	clients := newFakes(t, "", function("a", served), ready(knativeService("a", apis.Condition{}))).Clients
	f, err := Explain(t.Context(), clients, namespace, "a")
	if err != nil {
		t.Fatal("Explain() =", err)
	}
	got, err := json.Marshal(f)
	const want = `{"kind":"LambdaFunction","namespace":"shop","name":"a","state":"Ready","since":"2026-03-09T11:56:00Z","at":"2026-03-09T12:00:00Z",` +
		`"serving":{"revision":"a-00001","url":"http://a.shop.example.com"}}`
	if err != nil || string(got) != want {
		t.Errorf("Marshal() = %s, %v, want %s", got, err, want)
	}
}

// TestUnseenLog holds that a log that may not be read is said, and that of the container's end is told what there is.
func TestUnseenLog(t *testing.T) {
	g := crash("no-log", 1, "Error", "it exits", forbiddenLog)
	f, err := Explain(t.Context(), newFakes(t, g.log, g.objects...).Clients, namespace, g.name)
	if err != nil {
		t.Fatal("Explain() =", err)
	}
	want := []string{"the log of container user-container in pod no-log-00001-deployment-5d9 of namespace shop: you have no permission to read that"}
	if diff := gocmp.Diff(want, f.Unseen); diff != "" {
		t.Errorf("Unseen (-want, +got):\n%s", diff)
	}
	if cause := f.Problems[0].Cause(); cause.Message != "exit code 1: it exits" || cause.Log != nil {
		t.Errorf("Cause() = %+v", cause)
	}
}

// TestUndeliveredUnseen holds that what is ready is said to be, also where Triggers and their sinks may not be read.
func TestUndeliveredUnseen(t *testing.T) {
	for _, resource := range []string{"triggers", "services", "endpointslices"} {
		all := others()
		g := all[slices.IndexFunc(all, func(g golden) bool { return g.name == "letters-unkept" })]
		clients := newFakes(t, "", g.objects...)
		clients.refuse("*", resource, false, errors.New("disk full"))
		f, err := Explain(t.Context(), clients.Clients, namespace, g.name)
		if err != nil || f.State != StateReady || len(f.Problems) > 0 {
			t.Errorf("Explain() without %s = %+v, %v", resource, f, err)
			continue
		}
		if !slices.ContainsFunc(f.Unseen, func(s string) bool { return strings.HasSuffix(s, ": disk full") }) {
			t.Errorf("Unseen without %s = %q", resource, f.Unseen)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestPrintFails(t *testing.T) {
	if err := (&Finding{State: StateReady}).Print(full{}); err == nil {
		t.Error("Print() on a full disk succeeded")
	}
}

// TestPrintHostileText holds that what others write does not reach the terminal as commands.
func TestPrintHostileText(t *testing.T) {
	var got bytes.Buffer
	f := &Finding{State: StateFailed, Problems: []Problem{{Chain: []Link{{Kind: "Pod", Name: "a", Message: "\x1b[2Jgone\r\aright\tleft"}}}}}
	if err := f.Print(&got); err != nil || !strings.Contains(got.String(), "goneright left\n") {
		t.Errorf("Print() = %v, %q", err, got.String())
	}
}

// TestCause holds that the cause is the end of the chain.
func TestCause(t *testing.T) {
	p := Problem{Chain: []Link{{Name: "a"}, {Name: "b"}}}
	if got := p.Cause().Name; got != "b" {
		t.Errorf("Cause() = %s, want b", got)
	}
}

// TestRealClock holds that no clock is that of the machine.
func TestRealClock(t *testing.T) {
	clients := newFakes(t, "", function("a", served)).Clients
	clients.Clock = nil
	f, err := Explain(t.Context(), clients, namespace, "a")
	if err != nil || f.At.IsZero() {
		t.Errorf("Explain() = %+v, %v", f, err)
	}
}

func TestSeenAt(t *testing.T) {
	created, last := ago(time.Hour), ago(time.Minute)
	for _, tc := range []struct {
		name  string
		event corev1.Event
		want  metav1.Time
	}{
		{"a series", corev1.Event{Series: &corev1.EventSeries{LastObservedTime: metav1.MicroTime(last)}, EventTime: metav1.MicroTime(created)}, last},
		{"counted", corev1.Event{LastTimestamp: last}, last},
		{"once", corev1.Event{EventTime: metav1.MicroTime(last)}, last},
		{"nothing else", corev1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created}}, created},
	} {
		if got := seenAt(&tc.event); !got.Equal(&tc.want) {
			t.Errorf("seenAt() of %s = %v, want %v", tc.name, got, tc.want)
		}
	}
}
