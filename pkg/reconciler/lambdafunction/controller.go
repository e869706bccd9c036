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

	tektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client"
	taskruninformer "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	configmapinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/configmap/filtered"
	podinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/pod/filtered"
	accountinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/serviceaccount/filtered"
	roleinformer "knative.dev/pkg/client/injection/kube/informers/rbac/v1/role/filtered"
	bindinginformer "knative.dev/pkg/client/injection/kube/informers/rbac/v1/rolebinding/filtered"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	servingclient "knative.dev/serving/pkg/client/injection/client"
	serviceinformer "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafunctioninformer "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdafunction"
	lambdafunctionreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdafunction"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// workers is how many functions are looked at at once. Most of the time of one is waiting for the API server and for the
// webhooks of Knative and Tekton that it asks.
const workers = 10

// isChild is true for what a function is the controller of.
var isChild = controller.FilterController(&v1alpha1.LambdaFunction{})

// NewController returns the controller of LambdaFunctions. The context needs the filtered informers' selector
// resources.ManagedSelector for Kubernetes' own kinds, TaskRuns and Knative Services.
func NewController(ctx context.Context, cmw configmap.Watcher) *controller.Impl {
	return newController(ctx, cmw, eventing.WatchKinds)
}

// newController has the kinds of Knative Eventing watched by watch, which is told what their objects wake, and what is
// to be done when a kind comes or goes.
func newController(ctx context.Context, cmw configmap.Watcher,
	watch func(ctx context.Context, handler func(eventing.Kind) cache.ResourceEventHandler, changed func()) eventing.Kinds,
) *controller.Impl {
	functionInformer := lambdafunctioninformer.Get(ctx)
	configMapInformer := configmapinformer.Get(ctx, resources.ManagedSelector)
	podInformer := podinformer.Get(ctx, resources.ManagedSelector)
	taskRunInformer := taskruninformer.Get(ctx, resources.ManagedSelector)
	serviceInformer := serviceinformer.Get(ctx, resources.ManagedSelector)
	wiring := eventing.NewReconciler(ctx)

	r := &Reconciler{
		kube:            kubeclient.Get(ctx),
		tekton:          tektonclient.Get(ctx),
		configMapLister: configMapInformer.Lister(),
		podLister:       podInformer.Lister(),
		taskRunLister:   taskRunInformer.Lister(),
		serving: &serving.Reconciler{
			Client: servingclient.Get(ctx), Services: serviceInformer.Lister(), Pods: podInformer.Lister(), Clock: clock.RealClock{},
		},
		eventing: wiring,
		clock:    clock.RealClock{},
		podLog:   newPodLog(kubeclient.Get(ctx)),
	}
	impl := lambdafunctionreconciler.NewImpl(ctx, r, func(impl *controller.Impl) controller.Options {
		// A changed base image or registry is a changed build of every function that uses it.
		resync := func(string, any) { impl.GlobalResync(functionInformer.Informer()) }
		store := config.NewStore(logging.FromContext(ctx).Named("config-store"), resync)
		store.WatchConfigs(cmw)
		return controller.Options{ConfigStore: store, Concurrency: workers}
	})
	r.enqueueAfter = impl.EnqueueAfter

	functionInformer.Informer().AddEventHandler(controller.HandleAll(impl.Enqueue))
	children := cache.FilteringResourceEventHandler{FilterFunc: isChild, Handler: controller.HandleAll(impl.EnqueueControllerOf)}
	configMapInformer.Informer().AddEventHandler(children)
	taskRunInformer.Informer().AddEventHandler(children)
	taskRunInformer.Informer().AddEventHandler(turns(func() { enqueueNext(taskRunInformer.Lister(), impl.EnqueueControllerOf) }))
	serviceInformer.Informer().AddEventHandler(children)
	accountinformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(children)
	roleinformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(children)
	bindinginformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(children)
	// A pod is owned by a ReplicaSet or a TaskRun: its label names the function.
	podInformer.Informer().AddEventHandler(controller.HandleAll(impl.EnqueueLabelOfNamespaceScopedResource("", lambda.FunctionLabelKey)))
	shared := controller.HandleAll(func(object any) { enqueueUsers(functionInformer.Lister(), object, impl.Enqueue) })
	wiring.Kinds = watch(ctx, func(kind eventing.Kind) cache.ResourceEventHandler {
		switch kind {
		case eventing.Brokers, eventing.RabbitMQConfigs:
			return shared
		case eventing.ServiceMonitors:
			return nil // functions are measured by one PodMonitor
		default:
			return children
		}
	}, func() { impl.GlobalResync(functionInformer.Informer()) })
	observe(ctx, cmw, impl, wiring.Kinds)
	return impl
}
