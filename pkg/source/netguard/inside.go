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

package netguard

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// Inside returns the Policy for connections from a pod to Services of its cluster, and to public addresses. A Service may be an
// alias of any name: so this process, its node, the metadata of the cloud and the API server are refused, whatever a name leads
// to.
func Inside() Policy { return Policy{Denied: apiServers()}.WithPrivate() }

// apiServers are the addresses of the API server that the pod was told.
func apiServers() []netip.Prefix {
	host := os.Getenv("KUBERNETES_SERVICE_HOST")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || net.ParseIP(host) == nil {
		return nil
	}
	addr = addr.Unmap()
	return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}
}
