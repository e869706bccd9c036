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
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	networkingclient "knative.dev/networking/pkg/client/injection/client/fake"
	kubeclient "knative.dev/pkg/client/injection/kube/client/fake"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	rtesting "knative.dev/pkg/reconciler/testing"

	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/service/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice/fake"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

// TestController runs everything but an API server, from the object written to the request answered.
func TestController(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-Version"))
	}))
	defer backend.Close()
	ctx, cancel, informers := rtesting.SetupFakeContextWithCancel(t)
	// The test's logger may not be used once the test is over.
	ctx = logging.WithLogger(ctx, logging.FromContext(context.Background()))
	createBackend(ctx, t, netip.MustParseAddrPort(backend.Listener.Addr().String()))

	server, err := proxy.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal("Listen() =", err)
	}
	impl := New(server)(ctx, nil)
	stopped, err := rtesting.RunAndSyncInformers(ctx, informers...)
	if err != nil {
		t.Fatal("failed to start the informers:", err)
	}
	finished := make(chan error)
	go func() { finished <- controller.StartAll(ctx, impl) }()
	defer func() {
		cancel()
		<-finished
		stopped()
		if err := server.Drain(); err != nil {
			t.Error("Drain() =", err)
		}
	}()

	external, _ := server.Addrs()
	c := newCluster(ctx, t, external)
	c.create(withVersion("1"))
	c.awaitReady(1)
	c.expect(http.StatusOK, "1")

	c.update(withGeneration(2), withVersion("2"))
	c.awaitReady(2)
	c.expect(http.StatusOK, "2")

	c.update(withGeneration(3), withClass("other"))
	c.awaitGone()

	c.update(withGeneration(4), withVersion("4"))
	c.awaitReady(4)
	c.expect(http.StatusOK, "4")

	c.remove()
	c.awaitGone()
}

// cluster is what a user sees of it: one Ingress and the answers to requests.
type cluster struct {
	t      *testing.T
	ctx    context.Context
	client *http.Client
}

func newCluster(ctx context.Context, t *testing.T, address net.Addr) *cluster {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address.String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &cluster{t: t, ctx: ctx, client: &http.Client{Transport: transport}}
}

func (c *cluster) create(options ...option) {
	c.t.Helper()
	ingresses := networkingclient.Get(c.ctx).NetworkingV1alpha1().Ingresses("ns")
	if _, err := ingresses.Create(c.ctx, newIngress("fn", options...), metav1.CreateOptions{}); err != nil {
		c.t.Fatal("failed to create the Ingress:", err)
	}
}

func (c *cluster) update(options ...option) {
	c.t.Helper()
	ingresses := networkingclient.Get(c.ctx).NetworkingV1alpha1().Ingresses("ns")
	if _, err := ingresses.Update(c.ctx, newIngress("fn", options...), metav1.UpdateOptions{}); err != nil {
		c.t.Fatal("failed to update the Ingress:", err)
	}
}

func (c *cluster) remove() {
	c.t.Helper()
	ingresses := networkingclient.Get(c.ctx).NetworkingV1alpha1().Ingresses("ns")
	if err := ingresses.Delete(c.ctx, "fn", metav1.DeleteOptions{}); err != nil {
		c.t.Fatal("failed to delete the Ingress:", err)
	}
}

func (c *cluster) awaitReady(generation int64) {
	c.t.Helper()
	c.await(func(ctx context.Context) (bool, error) {
		ing, err := networkingclient.Get(c.ctx).NetworkingV1alpha1().Ingresses("ns").Get(ctx, "fn", metav1.GetOptions{})
		return err == nil && ing.Generation == generation && ing.IsReady(), err
	})
}

func (c *cluster) awaitGone() {
	c.t.Helper()
	c.await(func(context.Context) (bool, error) {
		status, _, err := c.get()
		return status == http.StatusNotFound, err
	})
}

func (c *cluster) await(condition wait.ConditionWithContextFunc) {
	c.t.Helper()
	if err := wait.PollUntilContextTimeout(c.ctx, 5*time.Millisecond, time.Minute, true, condition); err != nil {
		c.t.Fatal("failed to wait:", err)
	}
}

func (c *cluster) expect(status int, body string) {
	c.t.Helper()
	if gotStatus, gotBody, err := c.get(); err != nil || gotStatus != status || gotBody != body {
		c.t.Errorf("got %d %q, %v, want %d %q", gotStatus, gotBody, err, status, body)
	}
}

func (c *cluster) get() (int, string, error) {
	response, err := c.client.Get("http://fn.example.com/")
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// createBackend makes the address the only endpoint of Service fn.
func createBackend(ctx context.Context, t *testing.T, address netip.AddrPort) {
	t.Helper()
	if _, err := kubeclient.Get(ctx).CoreV1().Services("ns").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "fn"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal("failed to create the Service:", err)
	}
	name, port := "http", int32(address.Port())
	if _, err := kubeclient.Get(ctx).DiscoveryV1().EndpointSlices("ns").Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "fn-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: "fn"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address.Addr().String()}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal("failed to create the EndpointSlice:", err)
	}
}

func withVersion(version string) option {
	return func(ing *v1alpha1.Ingress) {
		ing.Spec.Rules[0].HTTP.Paths[0].AppendHeaders = map[string]string{"X-Version": version}
	}
}
