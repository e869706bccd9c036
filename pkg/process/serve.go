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

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"knative.dev/pkg/network/handlers"
)

const (
	// quiet is how long no request may come before the process ends, drainTimeout how long it waits for that, and as long
	// again for answers that are on their way.
	quiet        = 2 * time.Second
	drainTimeout = 10 * time.Second

	readHeaderTimeout = 10 * time.Second
	maxRequestHeader  = 64 << 10
)

// NewDrainer returns a handler that tells kubelet what probe says, and once it is drained that no requests are welcome.
func NewDrainer(handler http.Handler, probe http.HandlerFunc) *handlers.Drainer {
	return &handlers.Drainer{Inner: handler, HealthCheck: probe, QuietPeriod: quiet}
}

// Serve serves handlers, each on its listener, until the context ends. Then it lets requests end: those of the drainer,
// which is one of the handlers, come for as long as others may still believe that they are welcome.
func Serve(ctx context.Context, drainer *handlers.Drainer, served map[net.Listener]http.Handler) error {
	servers := make([]*http.Server, 0, len(served))
	failed := make(chan error, len(served))
	for listener, handler := range served {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxRequestHeader}
		servers = append(servers, server)
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("failed to serve on %s: %w", listener.Addr(), err)
			}
		}()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			drainer.Drain()
		}()
		select {
		case <-drained:
		case <-time.After(drainTimeout):
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ending))
	}
	return err
}
