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

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// traffic is who came to a server, at the addresses where it serves, and where it sends them.
type traffic struct {
	accepted  atomic.Int64
	mutex     sync.Mutex
	redirects map[string]string
}

// countedListener counts the connections that it accepts.
type countedListener struct {
	net.Listener
	accepted *atomic.Int64
}

func (t *traffic) listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("failed to listen: %w", err)
	}
	return &countedListener{Listener: listener, accepted: &t.accepted}, nil
}

// Accept implements net.Listener.
func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

// redirecting sends elsewhere whoever asks for what is below a path that was redirected.
func (t *traffic) redirecting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := t.targetOf(r)
		if target == "" {
			next.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	})
}

func (t *traffic) targetOf(r *http.Request) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for path, target := range t.redirects {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/"+path+"/"); ok {
			target += "/" + rest
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			return target
		}
	}
	return ""
}

func (t *traffic) serveConnections(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, t.accepted.Load())
}

func (t *traffic) serveRedirect(w http.ResponseWriter, r *http.Request) {
	target, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.redirects == nil {
		t.redirects = map[string]string{}
	}
	t.redirects[r.PathValue("path")] = string(target)
}
