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

package modelhealth

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// transport goes to Services of the cluster by their names, to public addresses, and to those private ones that sources of
// functions may come from, too: whoever writes an agent must not look around in networks by way of the operator.
type transport struct {
	services http.RoundTripper
	// denied is the API server.
	denied []netip.Prefix
	// allowed returns the networks, as CIDRs, as they are now.
	allowed func() []string
}

// NewTransport makes the connections of a Checker. allowed returns allowed-networks of ConfigMap config-build.
func NewTransport(allowed func() []string) http.RoundTripper {
	inside := netguard.Inside()
	return &transport{services: netguard.New(inside).Transport(nil), denied: inside.Denied, allowed: allowed}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if isService(r.URL.Hostname()) {
		return t.services.RoundTrip(r)
	}
	policy := netguard.Policy{Denied: t.denied}
	for _, network := range t.allowed() {
		if prefix, err := netip.ParsePrefix(network); err == nil {
			policy.Allowed = append(policy.Allowed, prefix)
		}
	}
	elsewhere := netguard.New(policy).Transport(nil)
	// What is allowed may be another thing at the next check.
	elsewhere.DisableKeepAlives = true
	return elsewhere.RoundTrip(r)
}

// isService is true for <name>.<namespace>.svc, with or without the domain of a cluster.
func isService(host string) bool {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	return len(parts) >= 3 && parts[2] == "svc"
}
