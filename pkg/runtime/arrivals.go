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
	"context"
	"net"
	"net/http"
	"sync"
)

// arrivals knows the connections that have been accepted and whose first request has not been read yet. A server that
// shuts down closes them without an answer, so it must not be told to before they are none.
type arrivals struct {
	mu      sync.Mutex
	open    map[net.Conn]struct{}
	settled chan struct{} // closed once none is open; nil where nobody waits
}

// observe is what the server calls when a connection changes.
func (a *arrivals) observe(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateNew {
		if a.open == nil {
			a.open = make(map[net.Conn]struct{})
		}
		a.open[c] = struct{}{}
		return
	}
	delete(a.open, c)
	if len(a.open) == 0 && a.settled != nil {
		close(a.settled)
		a.settled = nil
	}
}

// settle waits until no connection is open, or ctx is done: a client may connect and then say nothing.
func (a *arrivals) settle(ctx context.Context) {
	a.mu.Lock()
	if len(a.open) == 0 {
		a.mu.Unlock()
		return
	}
	settled := make(chan struct{})
	a.settled = settled
	a.mu.Unlock()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}
