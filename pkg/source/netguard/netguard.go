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

// Package netguard makes connections for what users name, and refuses those that would reach what only the one who
// connects can reach: itself, its node, the metadata of its cloud, the API server, and private networks.
//
// It decides when a connection is made, on the very address that it is made to. What a name said a moment before, how
// an address is written, and where a redirect leads, make no difference.
package netguard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Policy says what else than public addresses may be reached, and what else may not.
type Policy struct {
	// Allowed are networks of private ranges that may be reached. However wide they are, they open neither loopback nor
	// what is link-local, of a cloud's metadata, or no host's address.
	Allowed []netip.Prefix
	// Denied are networks that may not be reached, though they are public or allowed: the API server's.
	Denied []netip.Prefix
	// DeniedNames are names that may not be reached, whatever addresses they have, in any case and with or without a dot
	// at their end.
	DeniedNames []string
	// Loopback opens the machine itself. It is for who fetches from servers of their own there, as tests do: no flag and
	// no ConfigMap sets it.
	Loopback bool
}

// WithPrivate returns a policy that opens all private networks, too.
func (p Policy) WithPrivate() Policy {
	// The whole of the address space: what a cluster gives its Services may be private, and is not loopback for that.
	p.Allowed = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	return p
}

// Guard makes connections within a Policy. It uses no proxy: what a proxy reaches cannot be seen from here.
type Guard struct {
	policy   Policy
	resolver *net.Resolver
}

// RefusedError is why a connection was not made.
type RefusedError struct {
	// Host is the name or the address.
	Host string
	// Why says what it is, and what to do.
	Why string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("connections to %q are refused: %s", e.Host, e.Why)
}

const (
	dialTimeout     = 15 * time.Second
	responseTimeout = 2 * time.Minute
)

// kind is what a range of addresses is for.
type kind int

const (
	public kind = iota
	// private ranges can be allowed.
	private
	// loopback is the machine itself.
	loopback
	// never : nothing that a build needs is there.
	never
)

type special struct {
	prefix netip.Prefix
	kind   kind
	what   string
}

// specials are ranges that are not public, the smaller ones first.
var specials = func() []special {
	const metadata = "is where a cloud tells its machines their credentials"
	ranges := []struct {
		prefix string
		kind   kind
		what   string
	}{
		{"0.0.0.0/8", never, "is no host's address"},
		{"10.0.0.0/8", private, "is a private address"},
		{"100.64.0.0/10", private, "is a private address"},
		{"100.100.100.200/32", never, metadata},
		{"127.0.0.0/8", loopback, "is the build's own"},
		{"168.63.129.16/32", never, metadata},
		{"169.254.0.0/16", never, "is link-local, where a cloud tells its machines their credentials"},
		{"172.16.0.0/12", private, "is a private address"},
		{"192.0.0.0/24", private, "is a private address"},
		{"192.0.0.192/32", never, metadata},
		{"192.0.2.0/24", never, "is for documentation"},
		{"192.168.0.0/16", private, "is a private address"},
		{"198.18.0.0/15", private, "is a private address"},
		{"198.51.100.0/24", never, "is for documentation"},
		{"203.0.113.0/24", never, "is for documentation"},
		{"224.0.0.0/4", never, "is a multicast address"},
		{"240.0.0.0/4", never, "is reserved"},
		{"::/96", never, "is no host's address"},
		{"::1/128", loopback, "is the build's own"},
		{"64:ff9b:1::/48", never, "hides another address"},
		{"100::/64", never, "leads nowhere"},
		{"2001::/32", never, "hides another address"},
		{"2001:db8::/32", never, "is for documentation"},
		{"fc00::/7", private, "is a private address"},
		{"fd00:ec2::/32", never, metadata},
		{"fd20:ce::254/128", never, metadata},
		{"fe80::/10", never, "is link-local"},
		{"fec0::/10", private, "is a private address"},
		{"ff00::/8", never, "is a multicast address"},
	}
	all := make([]special, 0, len(ranges))
	for _, s := range ranges {
		all = append(all, special{netip.MustParsePrefix(s.prefix), s.kind, s.what})
	}
	slices.SortStableFunc(all, func(a, b special) int { return b.prefix.Bits() - a.prefix.Bits() })
	return all
}()

// whyDenied is said of what the policy denies by itself.
const whyDenied = "it is the cluster's API server, or denied by the operator"

// names are refused before anybody asks what address they have.
var names = map[string]string{
	"localhost":                            "it is the build's own",
	"ip6-localhost":                        "it is the build's own",
	"ip6-loopback":                         "it is the build's own",
	"metadata":                             "it is where a cloud tells its machines their credentials",
	"metadata.goog":                        "it is where a cloud tells its machines their credentials",
	"metadata.google.internal":             "it is where a cloud tells its machines their credentials",
	"instance-data":                        "it is where a cloud tells its machines their credentials",
	"instance-data.ec2.internal":           "it is where a cloud tells its machines their credentials",
	"kubernetes":                           "it is the cluster's API server",
	"kubernetes.default":                   "it is the cluster's API server",
	"kubernetes.default.svc":               "it is the cluster's API server",
	"kubernetes.default.svc.cluster.local": "it is the cluster's API server",
}

// New makes a Guard.
func New(policy Policy) *Guard {
	return &Guard{policy: policy}
}

// DialContext connects to address, unless the policy refuses it. It has the form that net/http wants.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("failed to read address: %w", err)
	}
	if err := g.CheckHost(host); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.resolver,
		Control:  g.control,
	}
	return dialer.DialContext(ctx, network, address)
}

// Transport makes HTTP connections through the guard. It trusts roots, and the system's where that is nil.
func (g *Guard) Transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		// Not from the environment: the guard would see nothing but the proxy.
		Proxy:                 nil,
		DialContext:           g.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: responseTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
	}
}

// control is asked between the making of a socket and its connection, once for each address of a name.
func (g *Guard) control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return &RefusedError{Host: address, Why: "only TCP is allowed"}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Host: address, Why: "it is not an address"}
	}
	return g.Check(to.Addr())
}

// CheckHost refuses names and literals that are refused whatever they resolve to.
func (g *Guard) CheckHost(host string) error {
	name := strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if addr, err := netip.ParseAddr(name); err == nil {
		return g.Check(addr)
	}
	if why, ok := names[name]; ok {
		return &RefusedError{Host: host, Why: why}
	}
	if strings.HasSuffix(name, ".localhost") {
		return &RefusedError{Host: host, Why: names["localhost"]}
	}
	if slices.ContainsFunc(g.policy.DeniedNames, func(denied string) bool {
		return strings.EqualFold(strings.TrimSuffix(denied, "."), name)
	}) {
		return &RefusedError{Host: host, Why: whyDenied}
	}
	if name == "" || looksNumeric(name) {
		// 0177.1, 0x7f000001, 2130706433: some resolvers take them for addresses, and nobody needs them.
		return &RefusedError{Host: host, Why: "it is neither a name nor an address in its usual form"}
	}
	return nil
}

// looksNumeric is true where the last label begins with a digit and is made of digits, or of hex digits after 0x: no
// domain of the top level is.
func looksNumeric(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	digits, hex := strings.CutPrefix(last, "0x")
	if last == "" {
		return true
	}
	return !strings.ContainsFunc(digits, func(r rune) bool {
		return (r < '0' || r > '9') && (!hex || r < 'a' || r > 'f')
	})
}

// Check refuses an address that the policy does not open.
func (g *Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if !addr.IsValid() {
		return &RefusedError{Host: addr.String(), Why: "it is not an address"}
	}
	inner, embedded := embeddedIn(addr)
	if contains(g.policy.Denied, addr) || embedded && contains(g.policy.Denied, inner) {
		return &RefusedError{Host: addr.String(), Why: whyDenied}
	}
	if embedded {
		return g.Check(inner)
	}
	for _, s := range specials {
		if s.prefix.Contains(addr) {
			return g.checkSpecial(addr, s)
		}
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return &RefusedError{Host: addr.String(), Why: "it is reserved"}
	}
	return nil
}

func (g *Guard) checkSpecial(addr netip.Addr, s special) error {
	switch s.kind {
	case public:
		return nil
	case private:
		if contains(g.policy.Allowed, addr) {
			return nil
		}
		return &RefusedError{
			Host: addr.String(),
			Why:  "it " + s.what + ": an operator may add its network to allowed-networks of ConfigMap config-build",
		}
	case loopback:
		if g.policy.Loopback {
			return nil
		}
	}
	return &RefusedError{Host: addr.String(), Why: "it " + s.what}
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// embeddedIn returns the IPv4 address that a gateway makes of an IPv6 address.
func embeddedIn(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		// ISATAP.
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// ParseNetworks reads networks and addresses that are separated by commas or white space.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if addr, err := netip.ParseAddr(word); err == nil {
			addr = addr.WithZone("").Unmap()
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(word)
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is neither a network, such as 10.96.0.0/12, nor an address", word)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// Refused returns why a connection was refused, where err says that one was.
func Refused(err error) (*RefusedError, bool) {
	return errors.AsType[*RefusedError](err)
}
