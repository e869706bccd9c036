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

package test

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"k8s.io/client-go/rest"
)

// Proxy hands requests on to the API server with the clients' credentials, as kubectl proxy does.
func (c *Clients) Proxy() (http.Handler, error) {
	transport, err := rest.TransportFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("failed to make a connection to the API server: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("failed to read the address of the API server: %w", err)
	}
	to := &url.URL{Scheme: server.Scheme, Host: server.Host}
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}, nil
}

// LocalAddress returns this machine's own address on the way to the API server, which finds this machine there.
func (c *Clients) LocalAddress() (string, error) {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return "", fmt.Errorf("failed to read the address of the API server: %w", err)
	}
	connection, err := net.Dial("udp", net.JoinHostPort(server.Hostname(), cmp.Or(server.Port(), "443")))
	if err != nil {
		return "", fmt.Errorf("failed to find the way to the API server: %w", err)
	}
	defer connection.Close()
	host, _, err := net.SplitHostPort(connection.LocalAddr().String())
	return host, err
}
