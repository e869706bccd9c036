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
	"errors"
	"slices"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// service is one of a version, which is ready or not.
func service(version string, generation int64, ready bool) *servingv1.Service {
	s := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{
		Name: "hello", Namespace: "default", UID: "s", ResourceVersion: version, Generation: generation,
		OwnerReferences: []metav1.OwnerReference{{Name: "hello", Controller: new(true)}},
	}}
	if s.Status.ObservedGeneration = generation; ready {
		s.Status.SetConditions(apis.Conditions{{Type: apis.ConditionReady, Status: "True"}})
	}
	return s
}

// newTeller tells of default/hello, which is gone already.
func newTeller() (_ *Teller, told func() []string) {
	var seen []string
	everything := func(any) bool { return true }
	return &Teller{
		OwnerOf: func(child metav1.Object) (types.NamespacedName, bool) {
			return OwnerOf(child, everything, func(key types.NamespacedName) bool { return key.Namespace == "default" })
		},
		Get:    func(types.NamespacedName) (metav1.Object, error) { return nil, errors.New("gone") },
		Scale:  func(types.NamespacedName) observability.Scale { return observability.Scale{} },
		Wanted: func() bool { return true },
		Emit:   func(e *event.Event) { seen = append(seen, e.Type()) },
		Logger: zap.NewNop().Sugar(),
	}, func() []string { return seen }
}

func TestServices(t *testing.T) {
	elsewhere := service("1", 1, false)
	elsewhere.Namespace = "other"
	for name, tc := range map[string]struct {
		happens func(cache.ResourceEventHandler)
		want    []string
	}{
		"made":            {func(h cache.ResourceEventHandler) { h.OnAdd(service("1", 1, false), false) }, []string{events.ServiceCreated}},
		"there before":    {func(h cache.ResourceEventHandler) { h.OnAdd(service("1", 1, false), true) }, nil},
		"led elsewhere":   {func(h cache.ResourceEventHandler) { h.OnAdd(elsewhere, false) }, nil},
		"of another kind": {func(h cache.ResourceEventHandler) { h.OnAdd("service", false) }, nil},
		"edited":          {func(h cache.ResourceEventHandler) { h.OnUpdate(service("1", 1, true), service("2", 2, true)) }, []string{events.ServiceUpdated}},
		"ready":           {func(h cache.ResourceEventHandler) { h.OnUpdate(service("1", 1, false), service("2", 1, true)) }, []string{events.ServiceReady}},
		"seen again":      {func(h cache.ResourceEventHandler) { h.OnUpdate(service("1", 1, false), service("1", 1, true)) }, nil},
		"gone":            {func(h cache.ResourceEventHandler) { h.OnDelete(service("1", 1, true)) }, []string{events.ServiceDeleted}},
		"gone, and unseen": {func(h cache.ResourceEventHandler) {
			h.OnDelete(cache.DeletedFinalStateUnknown{Obj: service("1", 1, true)})
		}, []string{events.ServiceDeleted}},
		"gone, nobody knew": {func(h cache.ResourceEventHandler) { h.OnDelete(cache.DeletedFinalStateUnknown{}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			teller, told := newTeller()
			tc.happens(teller.Services())
			if !slices.Equal(told(), tc.want) {
				t.Errorf("told are %v, want %v", told(), tc.want)
			}
		})
	}
	teller, told := newTeller()
	teller.Wanted = func() bool { return false }
	teller.Services().OnAdd(service("1", 1, false), false)
	if len(told()) > 0 {
		t.Errorf("told are %v, which nobody wants", told())
	}
}

func TestOwnerOf(t *testing.T) {
	nothing := func(any) bool { return false }
	if key, ok := OwnerOf(service("1", 1, true), nothing, func(types.NamespacedName) bool { return true }); ok {
		t.Errorf("OwnerOf() = %v", key)
	}
}
