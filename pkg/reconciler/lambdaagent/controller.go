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

package lambdaagent

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	admissionlisters "k8s.io/client-go/listers/admissionregistration/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	bindinginformer "knative.dev/pkg/client/injection/kube/informers/admissionregistration/v1/validatingadmissionpolicybinding/filtered"
	podinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/pod/filtered"
	k8sserviceinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/service/filtered"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection/clients/dynamicclient"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"
	servingclient "knative.dev/serving/pkg/client/injection/client"
	podautoscalerinformer "knative.dev/serving/pkg/client/injection/informers/autoscaling/v1alpha1/podautoscaler/filtered"
	serviceinformer "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered"
	autoscalinglisters "knative.dev/serving/pkg/client/listers/autoscaling/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdaagentinformer "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdaagent"
	lambdaagentreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdaagent"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// workers is how many agents are looked at at once.
const workers = 10

// isChild is true for what an agent is the controller of.
var isChild = controller.FilterController(&v1alpha1.LambdaAgent{})

// NewController returns the controller of LambdaAgents. The context needs the filtered informers' selector
// lambda.ManagedSelector for Kubernetes' own kinds and Knative Services.
func NewController(ctx context.Context, cmw configmap.Watcher) *controller.Impl {
	return newController(ctx, cmw, eventing.WatchKinds)
}

// newController is NewController with what finds out which kinds the cluster has.
func newController(
	ctx context.Context, cmw configmap.Watcher,
	watch func(context.Context, func(eventing.Kind) cache.ResourceEventHandler, func()) eventing.Kinds,
) *controller.Impl {
	agentInformer, serviceInformer := lambdaagentinformer.Get(ctx), serviceinformer.Get(ctx, lambda.ManagedSelector)
	podInformer, k8sServiceInformer := podinformer.Get(ctx, lambda.ManagedSelector), k8sserviceinformer.Get(ctx, lambda.ManagedSelector)
	bindingInformer := bindinginformer.Get(ctx, lambda.ManagedSelector)

	r := &Reconciler{
		kube:        kubeclient.Get(ctx),
		dynamic:     dynamicclient.Get(ctx),
		agentLister: agentInformer.Lister(),
		services:    k8sServiceInformer.Informer().GetIndexer(),
		bindings:    bindingInformer.Lister(),
		serving: &serving.Reconciler{
			Client: servingclient.Get(ctx), Services: serviceInformer.Lister(), Pods: podInformer.Lister(), Clock: clock.RealClock{},
		},
		eventing: eventing.NewReconciler(ctx),
		clock:    clock.RealClock{},
	}
	var store *config.Store
	var bindingChanged func(any)
	impl := lambdaagentreconciler.NewImpl(ctx, r, func(impl *controller.Impl) controller.Options {
		resync := func(string, any) { impl.GlobalResync(agentInformer.Informer()) }
		store = config.NewStore(logging.FromContext(ctx).Named("config-store"), resync)
		store.WatchConfigs(cmw)
		bindingChanged = impl.EnqueueLabelOfNamespaceScopedResource(lambda.AgentNamespaceLabelKey, lambda.AgentLabelKey)
		return controller.Options{
			ConfigStore: store, Concurrency: workers,
			PromoteFunc: func(reconciler.Bucket) { eachBinding(bindingInformer.Lister(), bindingChanged) },
		}
	})
	r.enqueueAfter = impl.EnqueueAfter
	r.models = newModelHealth(ctx, store.Load, impl.EnqueueKey)
	observe(ctx, impl, agentInformer.Lister())

	agentInformer.Informer().AddEventHandler(controller.HandleAll(impl.Enqueue))
	w := &wakes{agents: agentInformer.Lister(), enqueue: impl.EnqueueKey}
	agentInformer.Informer().AddEventHandler(controller.HandleAll(w.agentChanged))
	agentInformer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: r.forgetModel})
	children := cache.FilteringResourceEventHandler{
		FilterFunc: isChild,
		Handler:    controller.HandleAll(impl.EnqueueControllerOf),
	}
	serviceInformer.Informer().AddEventHandler(children)
	k8sServiceInformer.Informer().AddEventHandler(children)
	bindingInformer.Informer().AddEventHandler(controller.HandleAll(bindingChanged))
	// A pod is owned by a ReplicaSet: its label names the agent.
	podInformer.Informer().AddEventHandler(controller.HandleAll(impl.EnqueueLabelOfNamespaceScopedResource("", lambda.AgentLabelKey)))
	r.eventing.Kinds = watch(ctx, func(kind eventing.Kind) cache.ResourceEventHandler {
		return w.handler(kind, children)
	}, func() { impl.GlobalResync(agentInformer.Informer()) })
	return impl
}

// eachBinding calls changed with all bindings. A replica that begins to lead looks at all agents that there are, and has to look
// at those too that are gone and have left a binding behind.
func eachBinding(bindings admissionlisters.ValidatingAdmissionPolicyBindingLister, changed func(any)) {
	all, err := bindings.List(labels.Everything())
	if err != nil {
		return // It lists a cache, which does not fail.
	}
	for _, binding := range all {
		changed(binding)
	}
}

// observe has reconciles of agents counted, measured and traced, and what happens to agents told.
func observe(ctx context.Context, impl *controller.Impl, agents lambdalisters.LambdaAgentLister) {
	leader, ok := impl.Reconciler.(observability.Leader)
	if !ok {
		logging.FromContext(ctx).Panicf("%T is no reconciler of a leader", impl.Reconciler)
	}
	impl.Reconciler = observability.NewReconciler(leader, func(key types.NamespacedName) observability.Object {
		la, err := agents.LambdaAgents(key.Namespace).Get(key.Name)
		if err != nil || la.DeletionTimestamp != nil {
			return observability.Object{Phase: string(v1alpha1.PhaseDeleting)}
		}
		if la.Status.Phase == "" {
			return observability.Object{Phase: string(v1alpha1.PhasePending)}
		}
		return observability.Object{Phase: string(la.Status.Phase)}
	})
	announce(ctx, leader.IsLeaderFor, agents)
}

// announce has what happens to agents' Knative Services told, where the controller of functions has the events go.
func announce(ctx context.Context, leads func(types.NamespacedName) bool, agents lambdalisters.LambdaAgentLister) {
	emitter := events.EmitterFrom(ctx)
	teller := newTeller(agents, leads, podautoscalerinformer.Get(ctx, lambda.ManagedSelector).Lister())
	teller.Wanted, teller.Emit, teller.Logger = emitter.Wanted, emitter.Emit, logging.FromContext(ctx)
	serviceinformer.Get(ctx, lambda.ManagedSelector).Informer().AddEventHandler(teller.Services())
}

func newTeller(
	agents lambdalisters.LambdaAgentLister, leads func(types.NamespacedName) bool, autoscalers autoscalinglisters.PodAutoscalerLister,
) *lifecycle.Teller {
	scales := &lifecycle.Scales{Label: lambda.AgentLabelKey, Leads: leads, Autoscalers: autoscalers}
	return &lifecycle.Teller{
		OwnerOf: func(child metav1.Object) (types.NamespacedName, bool) {
			return lifecycle.OwnerOf(child, isChild, leads)
		},
		Get: func(key types.NamespacedName) (metav1.Object, error) {
			return agents.LambdaAgents(key.Namespace).Get(key.Name)
		},
		Scale: scales.Scale,
	}
}

// forgetModel ends what is done for the model of an agent that is gone.
func (r *Reconciler) forgetModel(object any) {
	if la, err := kmeta.DeletionHandlingAccessor(object); err == nil {
		r.models.Forget(types.NamespacedName{Namespace: la.GetNamespace(), Name: la.GetName()})
	}
}

// wakes has agents reconciled when something changes that is not their child.
type wakes struct {
	agents  lambdalisters.LambdaAgentLister
	enqueue func(types.NamespacedName)
}

// handler is what follows objects of a kind that the cluster may have; nil where agents have none.
func (w *wakes) handler(kind eventing.Kind, children cache.ResourceEventHandler) cache.ResourceEventHandler {
	switch kind {
	case eventing.Brokers:
		return controller.HandleAll(w.brokerChanged)
	case eventing.RabbitMQConfigs:
		return controller.HandleAll(w.settingsChanged)
	case eventing.Triggers, eventing.ServiceMonitors:
		return children
	default:
		return nil
	}
}

// agentChanged wakes the agents that forward to the agent.
func (w *wakes) agentChanged(object any) {
	if changed, err := kmeta.DeletionHandlingAccessor(object); err == nil {
		w.forwarding(changed.GetNamespace(), func(target string) bool { return target == changed.GetName() })
	}
}

// brokerChanged wakes the agent whose Broker it is, and those that forward to it.
func (w *wakes) brokerChanged(object any) {
	broker, err := kmeta.DeletionHandlingAccessor(object)
	if err != nil {
		return
	}
	is := func(agent string) bool { return names.Broker(agent) == broker.GetName() }
	w.named(broker.GetNamespace(), is)
	w.forwarding(broker.GetNamespace(), is)
}

// settingsChanged wakes the users of a Broker's settings.
func (w *wakes) settingsChanged(object any) {
	settings, err := kmeta.DeletionHandlingAccessor(object)
	if err != nil {
		return
	}
	for _, ref := range settings.GetOwnerReferences() {
		if ref.Kind == "LambdaAgent" {
			w.enqueue(types.NamespacedName{Namespace: settings.GetNamespace(), Name: ref.Name})
		}
	}
}

// named wakes the agents of the namespace whose names are asked for.
func (w *wakes) named(namespace string, is func(agent string) bool) {
	agents, err := w.agents.LambdaAgents(namespace).List(labels.Everything())
	if err != nil {
		return // It lists a cache, which does not fail.
	}
	for _, la := range agents {
		if is(la.Name) {
			w.enqueue(types.NamespacedName{Namespace: la.Namespace, Name: la.Name})
		}
	}
}

// forwarding wakes the agents that forward to agents of the namespace whose names are asked for.
func (w *wakes) forwarding(namespace string, is func(agent string) bool) {
	agents, err := w.agents.List(labels.Everything())
	if err != nil {
		return // as above
	}
	for _, la := range agents {
		if !la.EventingEnabled() {
			continue
		}
		for i := range la.Spec.Eventing.Forwards {
			if target := resources.TargetOf(&la.Spec.Eventing.Forwards[i]); target.Namespace == namespace && is(target.Name) {
				w.enqueue(types.NamespacedName{Namespace: la.Namespace, Name: la.Name})
				break
			}
		}
	}
}
