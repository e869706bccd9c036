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

package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// listenPoll is how often it is looked whether the function listens.
	listenPoll = 10 * time.Millisecond
	// freePortFrom and freePortTo are below the ports that the kernel hands out: one of these would be another program's
	// before the function listens there, which then would be taken for the function.
	freePortFrom, freePortTo = 20000, 32768
	freePortTries            = 100
	// idleConnections are kept to the function's server.
	idleConnections = 256
)

// appPort is the port of a function that is a server of its own: the user's, or one that is free.
func appPort() (int, error) {
	if own := os.Getenv("LAMBDA_APP_PORT"); own != "" {
		port, err := strconv.ParseUint(own, 10, 16)
		if err != nil || port == 0 {
			return 0, fmt.Errorf("failed to read LAMBDA_APP_PORT: %q is not a port", own)
		}
		return int(port), nil
	}
	for range freePortTries {
		port := freePortFrom + rand.IntN(freePortTo-freePortFrom)                      //nolint:gosec // G404: it is no secret
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it is immediate
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("failed to find a free port: set LAMBDA_APP_PORT to one")
}

// awaitServer looks whether the function listens, until its handler is loaded or the process gone.
func (w *worker) awaitServer() {
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		select {
		case <-tick.C:
		case <-w.loaded:
			return
		case <-w.done:
			return
		}
		conn, err := dialer.DialContext(w.serving, "tcp", w.appAddr(w.appPort))
		if err == nil {
			_ = conn.Close() // it has said all
			w.load(func() { w.isServer = true })
			return
		}
	}
}

func (*worker) appAddr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// awaitProxied waits until the requests are answered that were handed on, or ctx is done.
func (w *worker) awaitProxied(ctx context.Context) {
	answered := make(chan struct{})
	go func() {
		w.proxied.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-ctx.Done():
	case <-w.done:
	}
}

// transport reaches the function's server, by HTTP/1.1, or for gRPC by HTTP/2.
type transport struct {
	plain, http2 *http.Transport
}

func newTransport() *transport {
	by := func(http1 bool) *http.Transport {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(http1)
		protocols.SetUnencryptedHTTP2(!http1)
		return &http.Transport{
			Protocols: protocols, DisableCompression: true, MaxIdleConns: idleConnections, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: time.Minute,
		}
	}
	return &transport{plain: by(true), http2: by(false)}
}

// RoundTrip makes transport an http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") {
		return t.http2.RoundTrip(req)
	}
	return t.plain.RoundTrip(req)
}

// isUpgrade reports whether the connection is to become something else. An offer of HTTP/2, as some clients make with
// each first request, is answered by HTTP/1.1.
func isUpgrade(h http.Header) bool {
	to := h.Get("Upgrade")
	return to != "" && !strings.EqualFold(to, "h2c") && h.Get("Connection") != ""
}

// handOn answers a request by the function's own server, where the function is one or the connection becomes something
// else. It reports whether it did.
func (r *Runtime) handOn(ctx context.Context, w *statusWriter, inv *invocation) (bool, error) {
	upgrade := isUpgrade(inv.request.Header)
	// Until a worker has been there what comes may be either.
	if latest := r.pool.latest.Load(); latest != nil && !latest.isServer && !upgrade {
		return false, nil
	}
	worker, err := r.pool.await(ctx)
	if err != nil {
		return false, err
	}
	port := worker.appPort
	switch {
	case worker.isServer:
	case upgrade && worker.upgrades != 0:
		port = worker.upgrades
	default:
		return false, nil
	}
	if unescape(inv.request.Header.Get("Ce-"+repliedBy)) == r.name { // its own reply, which nobody answers
		w.WriteHeader(http.StatusNoContent)
		return true, nil
	}
	release, err := r.takeSlot(ctx, worker)
	if err != nil {
		return true, err
	}
	defer release()
	worker.proxied.Add(1)
	defer worker.proxied.Done()
	return true, r.proxy(ctx, w, inv, worker, port)
}

// takeSlot waits for one of as many requests as may run at once.
func (r *Runtime) takeSlot(ctx context.Context, w *worker) (release func(), err error) {
	waiting := r.waiting.Add(1)
	defer r.waiting.Add(-1)
	n := r.options.Concurrency
	switch {
	case n <= 0:
		return func() {}, nil
	case waiting > int64(n+r.options.Queue):
		return nil, errOverload
	}
	w.proxySlots.Do(func() {
		if w.slots == nil {
			w.slots = newSlots(n)
		}
	})
	if err := w.waitForSlot(ctx); err != nil {
		return nil, err
	}
	return func() { w.slots.Release(1) }, nil
}

// proxy hands a request on and its answer back, as they come, both ways.
func (r *Runtime) proxy(ctx context.Context, w *statusWriter, inv *invocation, worker *worker, port int) (err error) {
	span := r.tracer.child(inv.span, "handler")
	defer func() { r.tracer.end(span, err) }()
	inv.worker = worker
	// Else the answer's first byte would end the reading of the request, which the other side may not have done with.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return fmt.Errorf("failed to read and write at once: %w", err)
	}
	var failed error
	p := &httputil.ReverseProxy{
		Rewrite: func(out *httputil.ProxyRequest) {
			out.SetURL(&url.URL{Scheme: "http", Host: worker.appAddr(port)})
			out.Out.Host = out.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := out.In.Header[name]; ok {
					out.Out.Header[name] = values
				}
			}
			if !isUpgrade(out.In.Header) {
				out.Out.Header.Del("Upgrade")
				out.Out.Header.Del("Connection")
			}
			out.Out.Header.Set(correlationHeader, inv.info.correlation)
			if span.spanID != inv.span.spanID {
				out.Out.Header.Set("Traceparent", span.traceparent())
			}
		},
		Transport:     r.transport,
		FlushInterval: -1, // what streams must not wait
		ErrorLog:      r.log.asLog(),
		ModifyResponse: func(resp *http.Response) error {
			resp.Header.Del(correlationHeader) // ours is there
			return r.signReply(resp)
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	defer func() {
		// The proxy panics where half of an answer is out. The caller does the same, when it has counted the request.
		if reason := recover(); reason != nil {
			if broken, ok := reason.(error); !ok || !errors.Is(broken, http.ErrAbortHandler) {
				panic(reason)
			}
			err = proxyError(ctx, worker, errors.New("the answer of the function's server broke off"))
		}
	}()
	p.ServeHTTP(w, inv.request.WithContext(ctx))
	if failed != nil {
		return proxyError(ctx, worker, failed)
	}
	return nil
}

// signReply says in an event that a server answers with whose reply it is, as in all others: a function's triggers must
// know it again.
func (r *Runtime) signReply(resp *http.Response) error {
	if resp.Header.Get("Ce-Specversion") != "" {
		resp.Header.Set("Ce-"+repliedBy, escape(r.name))
		return nil
	}
	if !isEventMedia(resp.Header.Get("Content-Type")) || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.options.MaxBodyBytes+1))
	if err != nil {
		return err
	}
	if int64(len(body)) > r.options.MaxBodyBytes {
		return &httpError{http.StatusInternalServerError, codeInvalidReply, fmt.Sprintf("an event of more than %d bytes cannot be sent", r.options.MaxBodyBytes)}
	}
	_ = resp.Body.Close() // all of it is read
	var one map[string]json.RawMessage
	var batch []map[string]json.RawMessage
	var signed any
	name := json.RawMessage(appendText(nil, r.name))
	switch {
	case json.Unmarshal(body, &one) == nil && one != nil:
		one[repliedBy] = name
		signed = one
	case json.Unmarshal(body, &batch) == nil:
		for _, e := range batch {
			if e != nil {
				e[repliedBy] = name
			}
		}
		signed = batch
	default:
		return &httpError{http.StatusInternalServerError, codeInvalidReply, "the function's server answered with an event that is no JSON"}
	}
	if body, err = json.Marshal(signed); err != nil {
		return fmt.Errorf("failed to encode the reply: %w", err)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// proxyError says what went wrong between this process and the function's server.
func proxyError(ctx context.Context, w *worker, err error) error {
	var ready *httpError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &ready):
		return ready
	}
	select {
	case <-w.serving.Done():
		return fmt.Errorf("%w: %w", errWorkerGone, err)
	default:
		return &httpError{http.StatusBadGateway, codeWorkerDied, fmt.Sprintf("the function's server does not answer: %v", err)}
	}
}
