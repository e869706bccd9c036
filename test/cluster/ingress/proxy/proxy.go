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

// Package proxy forwards requests. It streams in both directions, speaks HTTP/1.1 and HTTP/2 without TLS on
// both sides, and sends a request again only when it is certain that nobody has seen it.
package proxy

import (
	"context"
	"errors"
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/routing"
)

// Upstream is what a backend is made of at one moment.
type Upstream struct {
	// Addresses are host:port, each as good as another.
	Addresses []string
	// HTTP2 is true if they speak HTTP/2 without TLS.
	HTTP2 bool
}

// Resolver finds the addresses of a backend.
type Resolver interface {
	Resolve(backend v1alpha1.IngressBackend) (Upstream, error)
}

// Proxy routes requests by a table that may be replaced at any time.
type Proxy struct {
	table     atomic.Pointer[routing.Table]
	transport *transport
	buffers   bufferPool
	logger    *zap.SugaredLogger
	// errors is the logger in the form that the standard library takes.
	errors *log.Logger
}

// New returns a Proxy that routes nothing until it gets a table.
func New(resolver Resolver, logger *zap.SugaredLogger) *Proxy {
	return &Proxy{transport: newTransport(resolver), logger: logger, errors: zap.NewStdLog(logger.Desugar())}
}

// SetTable makes all requests that come from now on use the table.
func (p *Proxy) SetTable(table *routing.Table) {
	p.table.Store(table)
}

// Handler serves what a listener of the given visibility may see.
func (p *Proxy) Handler(listener v1alpha1.IngressVisibility) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := p.table.Load().Match(listener, r.Host, r.URL.Path, r.Header)
		if route == nil {
			http.Error(w, "no route for this host and path", http.StatusNotFound)
			return
		}
		p.forward(w, r, route.Next())
	})
}

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, to *routing.Destination) {
	// An answer may begin before the request has ended. HTTP/1 clients that cannot cope do not send such requests.
	// The error says that the writer can do it anyway or not at all: both are fine.
	_ = http.NewResponseController(w).EnableFullDuplex()
	forwarder := httputil.ReverseProxy{
		Rewrite:    func(pr *httputil.ProxyRequest) { rewrite(pr, to) },
		Transport:  p.transport.to(to.IngressBackend),
		BufferPool: &p.buffers,
		ErrorLog:   p.errors,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.fail(w, r, to, err)
		},
	}
	forwarder.ModifyResponse = func(response *http.Response) error {
		// Everything is passed on at once, except a header that nothing follows: flushed before the end, it could not
		// say that it is the end, which is what gRPC's answers without a body consist of.
		if response.ContentLength != 0 {
			forwarder.FlushInterval = -1
		}
		return nil
	}
	forwarder.ServeHTTP(w, r)
}

func rewrite(pr *httputil.ProxyRequest, to *routing.Destination) {
	// The host of the URL is for the transport to choose; pr.Out.Host is what the backend sees.
	pr.Out.URL.Scheme = "http"
	// What the client wrote goes through as it is, even where it cannot be parsed.
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	pr.SetXForwarded()
	// An upgrade to HTTP/2 would tunnel later requests past the routing table.
	if httpguts.HeaderValuesContainsToken(pr.Out.Header["Upgrade"], "h2c") {
		pr.Out.Header.Del("Upgrade")
		pr.Out.Header.Del("Connection")
		pr.Out.Header.Del("HTTP2-Settings")
	}
	if to.Host != "" {
		pr.Out.Host = to.Host
	}
	for name, value := range to.Header {
		pr.Out.Header.Set(name, value)
	}
}

func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, to *routing.Destination, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The client has gone: nobody is left to answer.
		return
	}
	p.logger.Warnw("Failed to forward a request", "host", r.Host, "namespace", to.ServiceNamespace,
		"service", to.ServiceName, zap.Error(err))
	status := http.StatusBadGateway
	if errors.Is(err, errUnavailable) {
		status = http.StatusServiceUnavailable
	}
	http.Error(w, http.StatusText(status), status)
}

// bufferPool lends the buffers that bodies are copied through.
type bufferPool struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *bufferPool) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }
