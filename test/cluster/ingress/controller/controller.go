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

// Package controller keeps the proxy's routing table in step with the Ingress objects, and tells Knative which of
// them are served.
package controller

import (
	"context"

	"go.uber.org/zap"
	"k8s.io/client-go/tools/cache"
	"knative.dev/networking/pkg/apis/networking"
	ingressinformer "knative.dev/networking/pkg/client/injection/informers/networking/v1alpha1/ingress"
	ingressreconciler "knative.dev/networking/pkg/client/injection/reconciler/networking/v1alpha1/ingress"
	serviceinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/service"
	endpointsliceinformer "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/endpoints"
	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

// IngressClass is the value of config-network's ingress-class that hands Ingresses to this controller.
const IngressClass = "lambda.ingress.networking.knative.dev"

// New returns the constructor of the controller, which begins to serve once it knows all Ingresses there are.
func New(server *proxy.Server) injection.ControllerConstructor {
	return func(ctx context.Context, _ configmap.Watcher) *controller.Impl {
		logger := logging.FromContext(ctx)
		resolver, err := endpoints.NewResolver(ctx)
		if err != nil {
			logger.Fatalw("Failed to create the resolver", zap.Error(err))
		}
		ingresses := ingressinformer.Get(ctx)
		r := &Reconciler{lister: ingresses.Lister(), proxy: proxy.New(resolver, logger)}
		impl := ingressreconciler.NewImpl(ctx, r, IngressClass)
		ingresses.Informer().AddEventHandler(cache.FilteringResourceEventHandler{
			FilterFunc: isOurs,
			Handler: cache.ResourceEventHandlerFuncs{
				AddFunc:    impl.Enqueue,
				UpdateFunc: controller.PassNew(impl.Enqueue),
				// Also called for an Ingress that changed its class, which no reconciliation would see.
				DeleteFunc: func(any) {
					if err := r.sync(); err != nil {
						logger.Errorw("Failed to remove an Ingress from the routing table", zap.Error(err))
					}
				},
			},
		})
		go func() {
			if !cache.WaitForCacheSync(ctx.Done(), ingresses.Informer().HasSynced,
				serviceinformer.Get(ctx).Informer().HasSynced, endpointsliceinformer.Get(ctx).Informer().HasSynced) {
				return
			}
			if err := r.sync(); err != nil {
				logger.Fatalw("Failed to build the first routing table", zap.Error(err))
			}
			if err := server.Serve(r.proxy); err != nil {
				logger.Fatalw("Failed to serve", zap.Error(err))
			}
		}()
		return impl
	}
}

var isOurs = reconciler.AnnotationFilterFunc(networking.IngressClassAnnotationKey, IngressClass, false)
