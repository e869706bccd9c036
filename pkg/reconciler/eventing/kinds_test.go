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

package eventing_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8swatch "k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	eventingfake "knative.dev/eventing/pkg/client/clientset/versioned/fake"
	"knative.dev/pkg/controller"
	logtesting "knative.dev/pkg/logging/testing"
	_ "knative.dev/pkg/reconciler/testing" // it turns off what the fakes cannot do

	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

const patience = 30 * time.Second

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// watched is a cluster whose kinds are watched.
type watched struct {
	*testing.T
	*eventing.Watcher

	eventing *eventingfake.Clientset
	metadata *metadatafake.FakeMetadataClient
	changes  chan struct{}
	objects  chan string
	// ignored is a kind that nobody follows.
	ignored eventing.Kind
}

func watch(t *testing.T, objects ...runtime.Object) *watched {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &watched{
		T: t, eventing: eventingfake.NewSimpleClientset(objects...), metadata: metadatafake.NewSimpleMetadataClient(scheme),
		changes: make(chan struct{}, 10), objects: make(chan string, 10),
	}
	handler := func(kind eventing.Kind) cache.ResourceEventHandler {
		if kind == w.ignored {
			return nil
		}
		return controller.HandleAll(func(object any) { w.objects <- string(kind) + " " + object.(metav1.Object).GetName() })
	}
	clients := eventing.Clients{
		Eventing: w.eventing, Metadata: w.metadata,
		Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, map[schema.GroupVersionResource]string{
			wiring.RabbitMQConfigResource: "RabbitmqBrokerConfigList", eventing.ServiceMonitorResource: "ServiceMonitorList",
		}),
	}
	// Of a definition that comes between the list and the watch, the fake tells nobody. It takes none before the watch has begun.
	looking := make(chan struct{})
	begun := sync.OnceFunc(func() { close(looking) })
	w.metadata.PrependWatchReactor("*", func(clientgotesting.Action) (bool, k8swatch.Interface, error) {
		begun()
		return false, nil, nil
	})
	ctx, cancel := context.WithCancel(logtesting.TestContextWithLogger(t))
	t.Cleanup(cancel)
	watcher, err := eventing.Watch(ctx, clients, "app=ours", handler, func() { w.changes <- struct{}{} })
	if err != nil {
		t.Fatal("Watch() =", err)
	}
	w.Watcher = watcher
	w.awaitChange("it has been looked")
	<-looking
	return w
}

func (w *watched) define(kind eventing.Kind) {
	w.Helper()
	definition := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{Name: string(kind)},
	}
	_, err := w.metadata.Resource(definitions).(metadatafake.MetadataClient).CreateFake(definition, metav1.CreateOptions{})
	if err != nil {
		w.Fatal("failed to define", kind, err)
	}
}

func (w *watched) awaitChange(what string) {
	w.Helper()
	select {
	case <-w.changes:
	case <-time.After(patience):
		w.Fatal("nobody was told that", what)
	}
}

func (w *watched) awaitObject(want string) {
	w.Helper()
	select {
	case got := <-w.objects:
		if got != want {
			w.Errorf("told of %s, want %s", got, want)
		}
	case <-time.After(patience):
		w.Fatal("nobody was told of", want)
	}
}

func (w *watched) want(kind eventing.Kind, want eventing.Presence, objects int) {
	w.Helper()
	indexer, got := w.Objects(kind)
	if got != want {
		w.Fatalf("presence of %s = %d, want %d", kind, got, want)
	}
	if (indexer != nil) != (want == eventing.Present) {
		w.Errorf("objects of %s = %v", kind, indexer)
	}
	if indexer != nil && len(indexer.List()) != objects {
		w.Errorf("%s = %v, want %d of them", kind, indexer.List(), objects)
	}
}

// TestWatcher has kinds come, go and come again.
func TestWatcher(t *testing.T) {
	broker := &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "theirs"}}
	w := watch(t, broker)
	w.want(eventing.Brokers, eventing.Absent, 0)

	w.define("somebody.else.example.com")
	w.define(eventing.Brokers)
	w.awaitChange("there are Brokers")
	w.awaitObject("brokers.eventing.knative.dev theirs")
	w.want(eventing.Brokers, eventing.Present, 1)
	w.want(eventing.Triggers, eventing.Absent, 0)

	for _, kind := range []eventing.Kind{eventing.Triggers, eventing.PingSources, eventing.APIServerSources, eventing.RabbitMQConfigs, eventing.ServiceMonitors} {
		w.define(kind)
		w.awaitChange("there are " + string(kind))
		w.want(kind, eventing.Present, 0)
	}
	// Of Triggers only those that are ours are read, and of Brokers all.
	for _, action := range w.eventing.Actions() {
		if list, ok := action.(clientgotesting.ListAction); ok {
			all := list.GetListRestrictions().Labels.Empty()
			if brokers := list.GetResource().Resource == "brokers"; all != brokers {
				t.Errorf("all of %s are read: %t", list.GetResource().Resource, all)
			}
		}
	}

	if err := w.metadata.Resource(definitions).Delete(t.Context(), string(eventing.Brokers), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.awaitChange("there are no Brokers any more")
	w.want(eventing.Brokers, eventing.Absent, 0)

	w.define(eventing.Brokers)
	w.awaitChange("there are Brokers again")
	w.want(eventing.Brokers, eventing.Present, 1)
}

// TestWatcherLeavesAlone holds that a kind is not read that nobody follows.
func TestWatcherLeavesAlone(t *testing.T) {
	w := watch(t)
	w.ignored = eventing.Triggers
	w.define(eventing.Triggers)
	w.define(eventing.Brokers)
	w.awaitChange("there are Brokers")
	w.want(eventing.Brokers, eventing.Present, 0)
	w.want(eventing.Triggers, eventing.Absent, 0)
}

// TestWatcherWaitsForObjects holds that a kind is not taken for empty whose objects cannot be read.
func TestWatcherWaitsForObjects(t *testing.T) {
	w := watch(t)
	tried, let := make(chan struct{}), make(chan struct{})
	w.eventing.PrependReactor("list", "triggers", func(clientgotesting.Action) (bool, runtime.Object, error) {
		select {
		case tried <- struct{}{}:
			return true, nil, errors.New("forbidden")
		case <-let:
			return false, nil, nil
		}
	})
	w.define(eventing.Triggers)
	select {
	case <-tried:
	case <-time.After(patience):
		t.Fatal("nobody reads Triggers")
	}
	w.want(eventing.Triggers, eventing.Unseen, 0)
	close(let)
	w.awaitChange("Triggers have been read")
	w.want(eventing.Triggers, eventing.Present, 0)
}
