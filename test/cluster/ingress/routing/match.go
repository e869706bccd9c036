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

package routing

import (
	"net"
	"net/http"
	"strings"

	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// Match returns the route for a request that came in through the given kind of listener, or nil. A listener of
// visibility ExternalIP sees external hosts only, any other sees all.
func (t *Table) Match(listener v1alpha1.IngressVisibility, host, path string, header http.Header) *Route {
	if t == nil {
		return nil
	}
	hosts := t.internal
	if listener == v1alpha1.IngressVisibilityExternalIP {
		hosts = t.external
	}
	for _, route := range mostSpecific(hosts, normalizeHost(host)) {
		if route.matches(path, header) {
			return route
		}
	}
	return nil
}

// mostSpecific returns the routes of the host itself, or of the longest wildcard that covers it.
func mostSpecific(hosts map[string][]*Route, host string) []*Route {
	if routes, found := hosts[host]; found {
		return routes
	}
	for rest := host; ; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			return hosts[anyHost]
		}
		if routes, found := hosts["*"+rest[dot:]]; found {
			return routes
		}
		rest = rest[dot+1:]
	}
}

// normalizeHost strips what a client may add to a host name without meaning another host.
func normalizeHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
