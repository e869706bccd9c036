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

package endpoints

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	serviceinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/service"
	endpointsliceinformer "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"

	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/service/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice/fake"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

func TestResolve(t *testing.T) {
	http80 := corev1.ServicePort{Name: "http", Port: 80}
	for _, tc := range []struct {
		name    string
		service *corev1.Service
		slices  []*discoveryv1.EndpointSlice
		port    intstr.IntOrString
		want    proxy.Upstream
		wantErr string
	}{{
		name:    "no Service",
		port:    intstr.FromInt32(80),
		wantErr: "failed to get Service",
	}, {
		name:    "no such port",
		service: service("10.96.0.1", http80),
		port:    intstr.FromInt32(81),
		wantErr: `port "81" of Service ns/fn does not exist`,
	}, {
		name:    "ready endpoints of all slices",
		service: service("10.96.0.1", http80),
		slices: []*discoveryv1.EndpointSlice{
			slice("a", "http", 8012, endpoint("10.0.0.1", ptr.Bool(true)), endpoint("10.0.0.2", ptr.Bool(false))),
			slice("b", "http", 8013, endpoint("10.0.0.3", nil)),
		},
		port: intstr.FromInt32(80),
		want: proxy.Upstream{Addresses: []string{"10.0.0.1:8012", "10.0.0.3:8013"}},
	}, {
		name:    "port by name",
		service: service("10.96.0.1", http80, corev1.ServicePort{Name: "metrics", Port: 9090}),
		slices:  []*discoveryv1.EndpointSlice{slice("a", "metrics", 9091, endpoint("10.0.0.1", nil))},
		port:    intstr.FromString("metrics"),
		want:    proxy.Upstream{Addresses: []string{"10.0.0.1:9091"}},
	}, {
		name:    "port without a name",
		service: service("10.96.0.1", corev1.ServicePort{Port: 80}),
		slices:  []*discoveryv1.EndpointSlice{slice("a", "", 8080, endpoint("10.0.0.1", nil))},
		port:    intstr.FromInt32(80),
		want:    proxy.Upstream{Addresses: []string{"10.0.0.1:8080"}},
	}, {
		name:    "IPv6",
		service: service("fd00::1", http80),
		slices:  []*discoveryv1.EndpointSlice{slice("a", "http", 8080, endpoint("fd00::2", nil))},
		port:    intstr.FromInt32(80),
		want:    proxy.Upstream{Addresses: []string{"[fd00::2]:8080"}},
	}, {
		name:    "nothing ready",
		service: service("10.96.0.1", http80),
		slices:  []*discoveryv1.EndpointSlice{slice("a", "http", 8080, endpoint("10.0.0.1", ptr.Bool(false)))},
		port:    intstr.FromInt32(80),
		want:    proxy.Upstream{Addresses: []string{"10.96.0.1:80"}},
	}, {
		name:    "slices of another port",
		service: service("10.96.0.1", http80),
		slices:  []*discoveryv1.EndpointSlice{slice("a", "metrics", 8080, endpoint("10.0.0.1", nil))},
		port:    intstr.FromInt32(80),
		want:    proxy.Upstream{Addresses: []string{"10.96.0.1:80"}},
	}, {
		name:    "headless with nothing ready",
		service: service(corev1.ClusterIPNone, http80),
		port:    intstr.FromInt32(80),
	}, {
		name: "external name",
		service: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "fn"},
			Spec: corev1.ServiceSpec{
				Type:         corev1.ServiceTypeExternalName,
				ExternalName: "ingress-internal.ingress-system.svc.cluster.local",
				Ports:        []corev1.ServicePort{{Name: "http2", Port: 80}},
			},
		},
		port: intstr.FromInt32(80),
		want: proxy.Upstream{Addresses: []string{"ingress-internal.ingress-system.svc.cluster.local:80"}, HTTP2: true},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, _ := rtesting.SetupFakeContext(t)
			resolver, err := NewResolver(ctx)
			if err != nil {
				t.Fatal("NewResolver() =", err)
			}
			if tc.service != nil {
				serviceinformer.Get(ctx).Informer().GetIndexer().Add(tc.service)
			}
			for _, s := range tc.slices {
				endpointsliceinformer.Get(ctx).Informer().GetIndexer().Add(s)
			}
			// Slices of other Services are nobody's business.
			foreign := slice("foreign", "http", 1, endpoint("10.9.9.9", nil))
			foreign.Labels[discoveryv1.LabelServiceName] = "other"
			endpointsliceinformer.Get(ctx).Informer().GetIndexer().Add(foreign)

			got, err := resolver.Resolve(v1alpha1.IngressBackend{
				ServiceNamespace: "ns", ServiceName: "fn", ServicePort: tc.port,
			})
			if (err != nil) != (tc.wantErr != "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Fatalf("Resolve() = %v, want error %q", err, tc.wantErr)
			}
			slices.Sort(got.Addresses)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected upstream (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestSpeaksHTTP2(t *testing.T) {
	for _, tc := range []struct {
		name     string
		protocol *string
		want     bool
	}{
		{name: ""},
		{name: "http"},
		{name: "http2", want: true},
		{name: "http2-istio", want: true},
		{name: "h2c", want: true},
		{name: "grpc-web2", want: true},
		{name: "http", protocol: &networking.AppProtocolH2C, want: true},
		{name: "http2", protocol: ptr.String("http")},
	} {
		if got := speaksHTTP2(&corev1.ServicePort{Name: tc.name, AppProtocol: tc.protocol}); got != tc.want {
			t.Errorf("speaksHTTP2(%q, %v) = %v, want %v", tc.name, ptr.StringValue(tc.protocol), got, tc.want)
		}
	}
}

func TestServiceOf(t *testing.T) {
	if _, err := serviceOf("no slice"); err == nil {
		t.Error("serviceOf(string) = nil, want an error")
	}
}

func service(clusterIP string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "fn"},
		Spec:       corev1.ServiceSpec{ClusterIP: clusterIP, Ports: ports},
	}
}

func slice(name, portName string, port int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns",
			Name:      name,
			Labels:    map[string]string{discoveryv1.LabelServiceName: "fn"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
		Endpoints:   endpoints,
	}
}

func endpoint(address string, ready *bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses:  []string{address},
		Conditions: discoveryv1.EndpointConditions{Ready: ready},
	}
}
