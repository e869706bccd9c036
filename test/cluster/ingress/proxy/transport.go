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
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

const (
	// dialTimeout is long for a machine's own network, where a lost packet is the only reason to wait.
	dialTimeout = time.Second
	// connectTimeout is how long a request may look for an endpoint that accepts its connection.
	connectTimeout = 10 * time.Second
	// maxIdleConns bounds the idle connections to one address. All Services that are scaled to zero share that of
	// the activator.
	maxIdleConns    = 512
	idleConnTimeout = time.Minute
	pingAfter       = 15 * time.Second
)

// errUnavailable is returned when no endpoint accepted a connection in time.
var errUnavailable = errors.New("no endpoint is reachable")

// transport sends requests to backends.
type transport struct {
	resolver     Resolver
	http1, http2 *http.Transport
	// timeout is connectTimeout, except in tests.
	timeout time.Duration
}

func newTransport(resolver Resolver) *transport {
	base := &http.Transport{
		DialContext:         dial,
		MaxIdleConnsPerHost: maxIdleConns,
		IdleConnTimeout:     idleConnTimeout,
		DisableCompression:  true,
		Protocols:           new(http.Protocols),
	}
	base.Protocols.SetHTTP1(true)
	h2c := base.Clone()
	h2c.Protocols = new(http.Protocols)
	h2c.Protocols.SetUnencryptedHTTP2(true)
	// One connection carries many requests: find out when its other end has vanished without a word.
	h2c.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter}
	return &transport{resolver: resolver, http1: base, http2: h2c, timeout: connectTimeout}
}

// to returns the http.RoundTripper that sends to a backend.
func (t *transport) to(backend v1alpha1.IngressBackend) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return t.roundTrip(r, backend)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// roundTrip tries the backend's endpoints until one takes the connection. It asks for them anew in each round: the
// most frequent reason of a failure is that they have just changed.
func (t *transport) roundTrip(r *http.Request, backend v1alpha1.IngressBackend) (*http.Response, error) {
	if r.Body != nil {
		body := &freshBody{ReadCloser: r.Body}
		r = r.WithContext(r.Context())
		r.Body, r.GetBody = body, body.again
	}
	ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
	defer cancel()
	backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6}
	for {
		response, err := t.try(ctx, r, backend)
		if err == nil || !errors.Is(err, errUnavailable) {
			return response, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(backoff.Step()):
		}
	}
}

// try offers the request once to each endpoint there is now. The context bounds the search only.
func (t *transport) try(ctx context.Context, r *http.Request, backend v1alpha1.IngressBackend) (*http.Response, error) {
	upstream, err := t.resolver.Resolve(backend)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	protocol := t.http1
	// HTTP/2 has no upgrades, and those who serve it without TLS serve HTTP/1.1 too.
	if upstream.HTTP2 && r.Header.Get("Upgrade") == "" {
		protocol = t.http2
	}
	err = errUnavailable
	count := len(upstream.Addresses)
	for i, first := 0, rand.IntN(max(count, 1)); i < count && ctx.Err() == nil; i++ {
		var response *http.Response
		response, err = protocol.RoundTrip(at(r, upstream.Addresses[(first+i)%count]))
		if err == nil || !errors.Is(err, errUnavailable) {
			return response, err
		}
	}
	return nil, err
}

// at returns the request aimed at an address.
func at(r *http.Request, address string) *http.Request {
	r = r.WithContext(r.Context())
	target := *r.URL
	target.Host = address
	r.URL = &target
	return r
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		// Nothing has been sent: another endpoint may have the request.
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return connection, nil
}

// freshBody is a body that may be sent again as long as nobody has begun to read it. Its Close does nothing: a
// transport closes the body of a request it could not send, and the server closes it in the end.
type freshBody struct {
	io.ReadCloser
	begun atomic.Bool
}

// Read implements io.Reader.
func (b *freshBody) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *freshBody) Close() error { return nil }

func (b *freshBody) again() (io.ReadCloser, error) {
	if b.begun.Load() {
		return nil, errors.New("the body has been sent in part")
	}
	return b, nil
}
