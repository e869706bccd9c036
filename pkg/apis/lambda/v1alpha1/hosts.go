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

package v1alpha1

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const maxHostLength = 253

var (
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)
	// numericLabel is the last label of an address in numbers, however it is written. No top-level domain is one.
	numericLabel = regexp.MustCompile(`^([0-9]+|0[xX][0-9A-Fa-f]*)$`)
)

// loopbackNames are the machine itself.
var loopbackNames = []string{"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}

// blockedNames are hosts that only what is inside the cluster or the machine can reach, and no source is in.
var blockedNames = map[string]string{
	"metadata":                             "it has the cloud's credentials",
	"metadata.goog":                        "it has the cloud's credentials",
	"metadata.google.internal":             "it has the cloud's credentials",
	"instance-data":                        "it has the cloud's credentials",
	"instance-data.ec2.internal":           "it has the cloud's credentials",
	"kubernetes":                           "it is the API server",
	"kubernetes.default":                   "it is the API server",
	"kubernetes.default.svc":               "it is the API server",
	"kubernetes.default.svc.cluster.local": "it is the API server",
}

// hidingNetworks are IPv6 ranges that have an IPv4 address within, which the network leads on to.
var hidingNetworks = []netip.Prefix{
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

// blockedNetworks are no place for a source, and cannot be allowed.
var blockedNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::254/128"),
}

// privateNetworks can be allowed by an operator, besides those of netip.Addr.IsPrivate.
var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("fec0::/10"),
}

type apiServerKey struct{}

// WithAPIServer tells Validate a host of the API server: sources there are refused.
func WithAPIServer(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, apiServerKey{}, host)
}

// hostChecker knows which hosts a source, or the endpoint of a model, may name. It sees only what is written: what a name
// leads to is checked where the connection is made.
type hostChecker struct {
	apiServer string
	allowed   []netip.Prefix
	// loopback says whose the machine itself is.
	loopback string
	// registry is the operator's own, with port, which may be at a private address: builds push there.
	registry string
}

func newHostChecker(ctx context.Context, loopback string, allowedNetworks ...string) *hostChecker {
	c := &hostChecker{loopback: loopback}
	c.apiServer, _ = ctx.Value(apiServerKey{}).(string)
	for _, network := range allowedNetworks {
		if prefix, err := netip.ParsePrefix(network); err == nil {
			c.allowed = append(c.allowed, prefix)
		}
	}
	return c
}

// check returns what is wrong with a host, or "". IPv6 addresses come without their brackets.
func (c *hostChecker) check(host string) string {
	if strings.Contains(host, ":") {
		return c.checkAddress(host)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" {
		return "name a host"
	}
	if len(host) > maxHostLength || !hostPattern.MatchString(host) || strings.Contains(host, "..") {
		return fmt.Sprintf("write the host in letters, digits, . and -, at most %d", maxHostLength)
	}
	if why, ok := blockedNames[host]; ok {
		return fmt.Sprintf("host %s is refused, %s: name another", host, why)
	}
	if slices.Contains(loopbackNames, host) || strings.HasSuffix(host, ".localhost") {
		return fmt.Sprintf("host %s is refused, it is %s: name another", host, c.loopback)
	}
	if host == strings.ToLower(c.apiServer) {
		return fmt.Sprintf("host %s is refused, it is the API server: name another", host)
	}
	if numericLabel.MatchString(host[strings.LastIndex(host, ".")+1:]) {
		return c.checkAddress(host)
	}
	return ""
}

// checkRegistry returns what is wrong with a registry, a host with or without a port, or "".
func (c *hostChecker) checkRegistry(registry string) string {
	if registry == c.registry {
		return ""
	}
	u, err := url.Parse("https://" + registry)
	if err != nil || u.Port() != "" && !validPort(u.Port()) {
		return "give a port from 1 to 65535"
	}
	return c.check(u.Hostname())
}

// checkAddress refuses what is no address in its one usual form: others read 0177.1 and 2130706433 as 127.0.0.1.
func (c *hostChecker) checkAddress(host string) string {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return "write an address as four decimal numbers, or use a name"
	}
	addr = addr.Unmap()
	refused := func(why string) string {
		return fmt.Sprintf("host %s is refused, %s: name another", host, why)
	}
	in := func(networks []netip.Prefix) bool {
		return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
	}
	apiServer, err := netip.ParseAddr(c.apiServer)
	switch {
	case err == nil && addr == apiServer.Unmap():
		return refused("it is the API server")
	case addr.IsLoopback():
		return refused("it is " + c.loopback)
	case addr.IsLinkLocalUnicast():
		return refused("it is link-local, where clouds have their credentials")
	case addr.IsUnspecified(), addr.IsMulticast(), in(blockedNetworks):
		return refused("it is no host of sources")
	case in(hidingNetworks):
		return refused("it hides another address")
	case (addr.IsPrivate() || in(privateNetworks)) && !in(c.allowed):
		return fmt.Sprintf("host %s is refused, it is private: an operator may add its network to allowed-networks of ConfigMap config-build", host)
	}
	return ""
}

// validPort is true for the text of a port.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
