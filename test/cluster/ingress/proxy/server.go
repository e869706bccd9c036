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
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// drainTimeout leaves some of the 30 seconds that Kubernetes grants for stopping.
const drainTimeout = 25 * time.Second

// Server owns the listeners. They are bound before anything is routed: requests that come early wait in the
// kernel's queue for Serve, instead of being refused or answered with 404.
type Server struct {
	external, internal bound
	serving            atomic.Bool
}

type bound struct {
	net.Listener
	*http.Server
}

// Listen binds the addresses for requests from outside and from inside of the cluster.
func Listen(external, internal string) (*Server, error) {
	s := &Server{}
	var err error
	if s.external, err = bind(external); err != nil {
		return nil, err
	}
	if s.internal, err = bind(internal); err != nil {
		return nil, errors.Join(err, s.external.Listener.Close())
	}
	return s, nil
}

// Addrs returns the addresses that were bound.
func (s *Server) Addrs() (external, internal net.Addr) {
	return s.external.Listener.Addr(), s.internal.Listener.Addr()
}

// Serve answers requests until Drain is called.
func (s *Server) Serve(p *Proxy) error {
	s.external.Handler = p.Handler(v1alpha1.IngressVisibilityExternalIP)
	s.internal.Handler = p.Handler(v1alpha1.IngressVisibilityClusterLocal)
	var group errgroup.Group
	for _, b := range []bound{s.external, s.internal} {
		group.Go(func() error {
			if err := b.Serve(b.Listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("failed to serve on %s: %w", b.Listener.Addr(), err)
			}
			return nil
		})
	}
	s.serving.Store(true)
	return group.Wait()
}

// Drain takes no more requests and waits for those in flight.
func (s *Server) Drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { return s.external.Shutdown(ctx) })
	group.Go(func() error { return s.internal.Shutdown(ctx) })
	return group.Wait()
}

// Ready is the handler of the readiness probe.
func (s *Server) Ready(w http.ResponseWriter, _ *http.Request) {
	if !s.serving.Load() {
		http.Error(w, "waiting for the first routing table", http.StatusServiceUnavailable)
	}
}

func bind(address string) (bound, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return bound{}, fmt.Errorf("failed to listen on %q: %w", address, err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	// There is no time-out for whole requests or for answers: those are the route's to set.
	return bound{listener, &http.Server{Protocols: protocols, ReadHeaderTimeout: time.Minute}}, nil
}
