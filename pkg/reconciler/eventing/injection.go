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

	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	eventingclient "knative.dev/eventing/pkg/client/injection/client"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	accountinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/serviceaccount/filtered"
	roleinformer "knative.dev/pkg/client/injection/kube/informers/rbac/v1/role/filtered"
	bindinginformer "knative.dev/pkg/client/injection/kube/informers/rbac/v1/rolebinding/filtered"
	"knative.dev/pkg/injection/clients/dynamicclient"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/metadataclient"
)

// NewReconciler returns a Reconciler with what the context has, but for the kinds that the cluster has.
func NewReconciler(ctx context.Context) *Reconciler {
	return &Reconciler{
		Eventing:        eventingclient.Get(ctx),
		Dynamic:         dynamicclient.Get(ctx),
		Kube:            kubeclient.Get(ctx),
		ServiceAccounts: accountinformer.Get(ctx, lambda.ManagedSelector).Informer().GetIndexer(),
		Roles:           roleinformer.Get(ctx, lambda.ManagedSelector).Informer().GetIndexer(),
		RoleBindings:    bindinginformer.Get(ctx, lambda.ManagedSelector).Informer().GetIndexer(),
		Clock:           clock.RealClock{},
	}
}

// WatchKinds is Watch with the clients of the context.
func WatchKinds(ctx context.Context, handler func(Kind) cache.ResourceEventHandler, changed func()) Kinds {
	clients := Clients{Eventing: eventingclient.Get(ctx), Dynamic: dynamicclient.Get(ctx), Metadata: metadataclient.Get(ctx)}
	watcher, err := Watch(ctx, clients, lambda.ManagedSelector, handler, changed)
	if err != nil {
		logging.FromContext(ctx).Panicw("Failed to watch the kinds of Knative Eventing", "error", err)
	}
	return watcher
}

// SeenBefore is true for an owner that was wired with its present spec.
func SeenBefore(owner duckv1.KRShaped) bool {
	status := owner.GetStatus()
	return status.ObservedGeneration == owner.GetGeneration() && status.GetCondition(v1alpha1.ConditionEventingReady) != nil
}
