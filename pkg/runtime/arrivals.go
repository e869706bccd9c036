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
	"net"
	"net/http"
	"sync"
	"time"
)

// arrivals knows the connections that have been accepted and whose first request has not been read yet. A server that
// shuts down closes them without an answer, so it must not be told to before they are none.
type arrivals struct {
	mu      sync.Mutex
	open    map[net.Conn]time.Time // since when
	settled chan struct{}          // closed once none is open; nil where nobody waits
}

// observe is what the server calls when a connection changes.
func (a *arrivals) observe(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateNew {
		if a.open == nil {
			a.open = make(map[net.Conn]time.Time)
		}
		a.open[c] = time.Now()
		return
	}
	delete(a.open, c)
	if len(a.open) == 0 && a.settled != nil {
		close(a.settled)
		a.settled = nil
	}
}

// settle waits until no connection is open that is younger than grace: a client may connect and then say nothing. No
// more may come.
func (a *arrivals) settle(grace time.Duration) {
	a.mu.Lock()
	var last time.Time
	for _, since := range a.open {
		if since.After(last) {
			last = since
		}
	}
	settled := make(chan struct{})
	a.settled = settled
	if len(a.open) == 0 {
		close(settled)
		a.settled = nil
	}
	a.mu.Unlock()
	select {
	case <-settled:
	case <-time.After(time.Until(last.Add(grace))):
	}
}
