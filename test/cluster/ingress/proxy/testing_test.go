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

package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	logtesting "knative.dev/pkg/logging/testing"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/routing"
)

const (
	external = v1alpha1.IngressVisibilityExternalIP
	internal = v1alpha1.IngressVisibilityClusterLocal
)

// services is a Resolver over a map from the names of Services.
type services struct {
	mu sync.Mutex
	m  map[string]Upstream
	// asked, if set, is called for each question, before the answer is looked up.
	asked func()
}

func (s *services) Resolve(backend v1alpha1.IngressBackend) (Upstream, error) {
	if s.asked != nil {
		s.asked()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	upstream, found := s.m[backend.ServiceName]
	if !found {
		return Upstream{}, errors.New("no such Service")
	}
	return upstream, nil
}

func (s *services) set(name string, upstream Upstream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[name] = upstream
}

// newProxy returns a Proxy that leads any host to the Service of that name.
func newProxy(t *testing.T, m map[string]Upstream) (*Proxy, *services) {
	t.Helper()
	resolver := &services{m: map[string]Upstream{}}
	maps.Copy(resolver.m, m)
	p := New(resolver, logtesting.TestLogger(t))
	t.Cleanup(p.transport.http1.CloseIdleConnections)
	t.Cleanup(p.transport.http2.CloseIdleConnections)
	var rules []v1alpha1.IngressRule
	for name := range m {
		rules = append(rules, v1alpha1.IngressRule{
			Hosts: []string{name},
			HTTP:  &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{pathTo(name)}},
		})
	}
	if len(rules) > 0 {
		p.SetTable((*routing.Table)(nil).Update([]*v1alpha1.Ingress{ingressOf(1, rules...)}))
	}
	return p, resolver
}

// serve starts a server for the handler that speaks HTTP/1.1 and HTTP/2 without TLS.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = protocols(true, true)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func address(server *httptest.Server) string {
	return server.Listener.Addr().String()
}

// client returns a client that connects to the server whatever the URL says.
func client(t *testing.T, server *httptest.Server, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address(server))
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: 100,
		Protocols:           protocols(!http2, http2),
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func protocols(http1, http2 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(http1)
	p.SetUnencryptedHTTP2(http2)
	return p
}

func ingressOf(generation int64, rules ...v1alpha1.IngressRule) *v1alpha1.Ingress {
	return &v1alpha1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "test", Generation: generation},
		Spec:       v1alpha1.IngressSpec{Rules: rules},
	}
}

func pathTo(service string) v1alpha1.HTTPIngressPath {
	return v1alpha1.HTTPIngressPath{Splits: []v1alpha1.IngressBackendSplit{{
		IngressBackend: v1alpha1.IngressBackend{
			ServiceNamespace: "ns",
			ServiceName:      service,
			ServicePort:      intstr.FromInt32(80),
		},
		Percent: 100,
	}}}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		t.Fatalf("failed to get %q: %v", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("failed to read the answer of %q: %v", url, err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

// closedAddress returns an address of this machine that refuses connections.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("failed to listen:", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// short is far less than a test may take, and long enough for anything on this machine to be refused.
const short = 50 * time.Millisecond
