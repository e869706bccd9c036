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

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	ingressreconciler "knative.dev/networking/pkg/client/injection/reconciler/networking/v1alpha1/ingress"
	networkinglisters "knative.dev/networking/pkg/client/listers/networking/v1alpha1"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/network"
	"knative.dev/pkg/reconciler"
	"knative.dev/pkg/system"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/routing"
)

const (
	// publicService and privateService lead to the external and the internal listener.
	publicService  = "ingress"
	privateService = "ingress-internal"

	// conflictRetry is how soon an Ingress asks again for a host that another one has.
	conflictRetry = 5 * time.Second
)

// Reconciler makes the proxy serve Ingresses. The table it writes is that of its own process, so it is to be run as
// a single replica.
type Reconciler struct {
	lister networkinglisters.IngressLister
	proxy  *proxy.Proxy

	// mu guards table and, with it, the order in which tables reach the proxy.
	mu    sync.Mutex
	table *routing.Table
}

var _ ingressreconciler.Interface = (*Reconciler)(nil)

// ReconcileKind implements ingressreconciler.Interface. TLS and HTTPOption are not supported: everything is served
// as plain HTTP.
func (r *Reconciler) ReconcileKind(_ context.Context, ing *v1alpha1.Ingress) reconciler.Event {
	err := r.program(ing)
	var conflict *routing.ConflictError
	var invalid *routing.InvalidError
	switch {
	case errors.As(err, &conflict):
		ing.Status.MarkLoadBalancerFailed("HostConflict", err.Error())
		return controller.NewRequeueAfter(conflictRetry)
	case errors.As(err, &invalid):
		ing.Status.MarkLoadBalancerFailed("Invalid", err.Error())
		return nil
	case err != nil:
		ing.Status.MarkLoadBalancerNotReady()
		return err
	}
	ing.Status.MarkNetworkConfigured()
	ing.Status.MarkLoadBalancerReady(loadBalancer(publicService), loadBalancer(privateService))
	return nil
}

// program returns nil once requests are routed as the Ingress wants.
func (r *Reconciler) program(ing *v1alpha1.Ingress) error {
	if r.current().Check(ing) == nil {
		return nil
	}
	if err := r.sync(); err != nil {
		return err
	}
	return r.current().Check(ing)
}

// sync makes the proxy route exactly what the lister holds.
func (r *Reconciler) sync() error {
	// The list is taken under the lock, lest an older one overwrite a newer.
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := r.lister.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("failed to list Ingresses: %w", err)
	}
	ours := make([]*v1alpha1.Ingress, 0, len(all))
	for _, ing := range all {
		if isOurs(ing) {
			ours = append(ours, ing)
		}
	}
	r.table = r.table.Update(ours)
	r.proxy.SetTable(r.table)
	return nil
}

func (r *Reconciler) current() *routing.Table {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.table
}

func loadBalancer(service string) []v1alpha1.LoadBalancerIngressStatus {
	return []v1alpha1.LoadBalancerIngressStatus{{
		DomainInternal: network.GetServiceHostname(service, system.Namespace()),
	}}
}
