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

// Package endpoints finds the addresses behind a Kubernetes Service in the informers' caches.
package endpoints

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	serviceinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/service"
	endpointsliceinformer "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

// byService is the name of the index of EndpointSlices by the Service they belong to.
const byService = "service"

// Resolver implements proxy.Resolver. It reads the caches anew for every question and keeps nothing, so an
// answer is never older than the last event of the watch.
type Resolver struct {
	services corev1listers.ServiceLister
	slices   cache.Indexer
}

var _ proxy.Resolver = (*Resolver)(nil)

// NewResolver returns a Resolver over the context's informers, which must not have been started yet.
func NewResolver(ctx context.Context) (*Resolver, error) {
	slices := endpointsliceinformer.Get(ctx).Informer()
	if err := slices.AddIndexers(cache.Indexers{byService: serviceOf}); err != nil {
		return nil, fmt.Errorf("failed to index EndpointSlices: %w", err)
	}
	return &Resolver{services: serviceinformer.Get(ctx).Lister(), slices: slices.GetIndexer()}, nil
}

// Resolve returns the addresses that serve the backend now: those of its ready endpoints or, as long as there
// are none, that of the Service itself.
func (r *Resolver) Resolve(backend v1alpha1.IngressBackend) (proxy.Upstream, error) {
	service, err := r.services.Services(backend.ServiceNamespace).Get(backend.ServiceName)
	if err != nil {
		return proxy.Upstream{}, fmt.Errorf("failed to get Service: %w", err)
	}
	port := findPort(service, backend.ServicePort)
	if port == nil {
		return proxy.Upstream{}, fmt.Errorf("port %q of Service %s/%s does not exist",
			backend.ServicePort.String(), service.Namespace, service.Name)
	}
	upstream := proxy.Upstream{HTTP2: speaksHTTP2(port)}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		upstream.Addresses = []string{join(service.Spec.ExternalName, port.Port)}
		return upstream, nil
	}
	if upstream.Addresses, err = r.ready(service, port.Name); err != nil {
		return proxy.Upstream{}, err
	}
	if ip := service.Spec.ClusterIP; len(upstream.Addresses) == 0 && ip != "" && ip != corev1.ClusterIPNone {
		upstream.Addresses = []string{join(ip, port.Port)}
	}
	return upstream, nil
}

// ready returns the addresses of all ready endpoints for the port of that name.
func (r *Resolver) ready(service *corev1.Service, portName string) ([]string, error) {
	objects, err := r.slices.ByIndex(byService, service.Namespace+"/"+service.Name)
	if err != nil {
		return nil, fmt.Errorf("failed to list EndpointSlices: %w", err)
	}
	var addresses []string
	for _, object := range objects {
		slice := object.(*discoveryv1.EndpointSlice)
		port, found := slicePort(slice, portName)
		if !found || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for i := range slice.Endpoints {
			// Nil means unknown, which is to be taken for ready.
			if ready := slice.Endpoints[i].Conditions.Ready; ready == nil || *ready {
				// All addresses of one endpoint are interchangeable.
				addresses = append(addresses, join(slice.Endpoints[i].Addresses[0], port))
			}
		}
	}
	return addresses, nil
}

func findPort(service *corev1.Service, want intstr.IntOrString) *corev1.ServicePort {
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if want.Type == intstr.String && port.Name == want.StrVal || want.Type == intstr.Int && port.Port == want.IntVal {
			return port
		}
	}
	return nil
}

func slicePort(slice *discoveryv1.EndpointSlice, name string) (int32, bool) {
	for _, port := range slice.Ports {
		if port.Port == nil {
			continue
		}
		if port.Name == nil && name == "" || port.Name != nil && *port.Name == name {
			return *port.Port, true
		}
	}
	return 0, false
}

// speaksHTTP2 reports whether the port's name, or its declared protocol, promises HTTP/2 without TLS.
func speaksHTTP2(port *corev1.ServicePort) bool {
	if port.AppProtocol != nil {
		return *port.AppProtocol == networking.AppProtocolH2C
	}
	for _, name := range []string{networking.ServicePortNameH2C, "h2c", "grpc"} {
		if port.Name == name || strings.HasPrefix(port.Name, name+"-") {
			return true
		}
	}
	return false
}

func serviceOf(object any) ([]string, error) {
	slice, ok := object.(*discoveryv1.EndpointSlice)
	if !ok {
		return nil, fmt.Errorf("failed to index %T: not an EndpointSlice", object)
	}
	return []string{slice.Namespace + "/" + slice.Labels[discoveryv1.LabelServiceName]}, nil
}

func join(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
