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

package eventing

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	eventingclientset "knative.dev/eventing/pkg/client/clientset/versioned"
	eventinginformers "knative.dev/eventing/pkg/client/informers/externalversions/eventing/v1"
	sourcesinformers "knative.dev/eventing/pkg/client/informers/externalversions/sources/v1"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

// Kind is a kind of objects that a cluster may have or not have: the name of its CustomResourceDefinition.
type Kind string

// The kinds of Knative Eventing that objects are wired with, and the one of the Prometheus Operator that they are measured
// with.
const (
	Brokers          Kind = "brokers.eventing.knative.dev"
	Triggers         Kind = "triggers.eventing.knative.dev"
	PingSources      Kind = "pingsources.sources.knative.dev"
	APIServerSources Kind = "apiserversources.sources.knative.dev"
	RabbitMQConfigs  Kind = "rabbitmqbrokerconfigs.eventing.knative.dev"
	ServiceMonitors  Kind = "servicemonitors.monitoring.coreos.com"
)

// ServiceMonitorResource is the resource of ServiceMonitors. They have no Go types here.
var ServiceMonitorResource = schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: "servicemonitors"}

// Presence says whether a cluster has a kind.
type Presence int

const (
	// Unseen : it has not been looked yet, or the objects are still being read.
	Unseen Presence = iota
	// Absent : the cluster does not have it.
	Absent
	// Present : the cluster has it, and its objects have been read.
	Present
)

// Kinds has the objects of the kinds that are there.
type Kinds interface {
	// Objects returns the objects of the kind. They are nil unless it is Present.
	Objects(kind Kind) (cache.Indexer, Presence)
}

// definitions is the resource of CustomResourceDefinitions.
var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Clients are what objects of Knative Eventing are read with.
type Clients struct {
	Eventing eventingclientset.Interface
	Dynamic  dynamic.Interface
	Metadata metadata.Interface
}

// Watcher follows the kinds of Knative Eventing that the cluster has. Informers that a controller waits for before it
// starts would keep it from starting where Knative Eventing is not installed. So each kind has an informer that is
// started when its definition appears, and stopped when that goes.
type Watcher struct {
	ctx       context.Context //nolint:containedctx // informers are started as long as the controller runs
	informers map[Kind]func() cache.SharedIndexInformer
	handler   func(Kind) cache.ResourceEventHandler
	changed   func()

	mu      sync.RWMutex
	looked  bool
	running map[Kind]*running
}

type running struct {
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
	synced   bool
}

var _ Kinds = (*Watcher)(nil)

// Watch begins to follow the kinds, until ctx ends. Of all kinds but Broker, only what selector selects is read. handler
// returns what is told of a kind's objects, or nil for a kind that is not followed, and changed is called when a kind is Present that was not, or the reverse.
func Watch(ctx context.Context, clients Clients, selector string, handler func(Kind) cache.ResourceEventHandler, changed func()) (*Watcher, error) {
	w := &Watcher{
		ctx: ctx, informers: informersOf(ctx, clients, selector), handler: handler, changed: changed,
		running: map[Kind]*running{},
	}
	// Metadata only: the schemas of all definitions together are many megabytes.
	informer := metadatainformer.NewFilteredMetadataInformer(clients.Metadata, definitions, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(definition any) { w.appeared(kindOf(definition)) },
		DeleteFunc: func(definition any) { w.disappeared(kindOf(definition)) },
	})
	if err != nil {
		return nil, err
	}
	go informer.RunWithContext(ctx)
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			w.mu.Lock()
			w.looked = true
			w.mu.Unlock()
			changed()
		}
	}()
	return w, nil
}

func informersOf(ctx context.Context, clients Clients, selector string) map[Kind]func() cache.SharedIndexInformer {
	resync, indexers := controller.GetResyncPeriod(ctx), cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	selected := func(options *metav1.ListOptions) { options.LabelSelector = selector }
	untyped := func(resource schema.GroupVersionResource) func() cache.SharedIndexInformer {
		return func() cache.SharedIndexInformer {
			return dynamicinformer.NewFilteredDynamicInformer(clients.Dynamic, resource, metav1.NamespaceAll, resync, indexers, selected).Informer()
		}
	}
	return map[Kind]func() cache.SharedIndexInformer{
		// There are few, and those that functions and agents name may not be ours.
		Brokers: func() cache.SharedIndexInformer {
			return eventinginformers.NewBrokerInformer(clients.Eventing, metav1.NamespaceAll, resync, indexers)
		},
		Triggers: func() cache.SharedIndexInformer {
			return eventinginformers.NewFilteredTriggerInformer(clients.Eventing, metav1.NamespaceAll, resync, indexers, selected)
		},
		PingSources: func() cache.SharedIndexInformer {
			return sourcesinformers.NewFilteredPingSourceInformer(clients.Eventing, metav1.NamespaceAll, resync, indexers, selected)
		},
		APIServerSources: func() cache.SharedIndexInformer {
			return sourcesinformers.NewFilteredApiServerSourceInformer(clients.Eventing, metav1.NamespaceAll, resync, indexers, selected)
		},
		RabbitMQConfigs: untyped(wiring.RabbitMQConfigResource),
		ServiceMonitors: untyped(ServiceMonitorResource),
	}
}

func kindOf(definition any) Kind {
	if unknown, ok := definition.(cache.DeletedFinalStateUnknown); ok {
		definition = unknown.Obj
	}
	object, ok := definition.(metav1.Object)
	if !ok {
		return ""
	}
	return Kind(object.GetName())
}

// Objects implements Kinds.
func (w *Watcher) Objects(kind Kind) (cache.Indexer, Presence) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	r, ok := w.running[kind]
	switch {
	case ok && r.synced:
		return r.informer.GetIndexer(), Present
	case ok || !w.looked:
		return nil, Unseen
	default:
		return nil, Absent
	}
}

func (w *Watcher) appeared(kind Kind) {
	newInformer, ok := w.informers[kind]
	if !ok {
		return
	}
	handler := w.handler(kind)
	if handler == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.running[kind]; ok {
		return
	}
	logger := logging.FromContext(w.ctx)
	ctx, stop := context.WithCancel(w.ctx)
	r := &running{informer: newInformer(), stop: stop}
	registration, err := r.informer.AddEventHandler(handler)
	if err != nil {
		// Only an informer that has stopped takes none.
		stop()
		logger.Errorw("Failed to watch "+string(kind), "error", err)
		return
	}
	w.running[kind] = r
	logger.Infof("The cluster has %s: they are watched from now on", kind)
	go r.informer.RunWithContext(ctx)
	go func() {
		if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			return
		}
		w.mu.Lock()
		r.synced = true
		w.mu.Unlock()
		w.changed()
	}()
}

func (w *Watcher) disappeared(kind Kind) {
	w.mu.Lock()
	r, ok := w.running[kind]
	delete(w.running, kind)
	w.mu.Unlock()
	if !ok {
		return
	}
	r.stop()
	logging.FromContext(w.ctx).Warnf("The cluster has %s no more", kind)
	w.changed()
}
