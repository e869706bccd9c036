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
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestDialRefuses(t *testing.T) {
	port, connections := listen(t)
	guard := New(Policy{Denied: networks(t, "203.0.112.7, 2a00::7")})
	for _, host := range []string{
		// Loopback in each form that some resolver reads.
		"127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001", "0x7F.0.0.1",
		"0x7f.1", "127.0.0.1.", "127.1.", "2130706433.", "localhost", "LOCALHOST.", "a.localhost", "::1", "0:0:0:0:0:0:0:1",
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "fe80::5efe:127.0.0.1",
		"2a00::5efe:127.0.0.1", "2a00::200:5efe:127.0.0.1", "ip6-localhost",
		// No host's address.
		"0", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "240.0.0.1", "224.0.0.1", "ff02::1", "192.0.2.1", "100::1", "",
		// Metadata and link-local.
		"169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518",
		"::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%lo",
		"metadata.google.internal", "Metadata.Google.Internal.", "metadata.goog", "168.63.129.16", "100.100.100.200", "192.0.0.192", "2001:0:a9fe::1",
		// The API server.
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "KUBERNETES.default.svc.cluster.local.",
		"203.0.112.7", "::ffff:203.0.112.7", "64:ff9b::203.0.112.7", "2a00::7",
		// Private.
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fc00::1", "fd12:3456::1", "fec0::1",
		"::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "167772161", "012.0.0.1", "4000::1",
	} {
		_, err := guard.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if _, ok := Refused(err); !ok {
			t.Errorf("DialContext(%q) = %v, want it refused", host, err)
		}
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestCheckAccepts(t *testing.T) {
	guard := New(Policy{Allowed: networks(t, "10.96.0.0/12 fd12::/16\n127.0.0.1/32")})
	for _, addr := range []string{
		"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8",
		"10.96.0.1", "10.111.255.255", "fd12::1", "::ffff:10.96.0.1",
	} {
		if err := guard.Check(netip.MustParseAddr(addr)); err != nil {
			t.Errorf("Check(%s) = %v", addr, err)
		}
	}
	for _, addr := range []string{"10.95.255.255", "10.112.0.0", "127.0.0.1", "127.0.0.2", "fd13::1"} {
		if err := guard.Check(netip.MustParseAddr(addr)); err == nil {
			t.Errorf("Check(%s) accepts what is beside the allowed networks", addr)
		}
	}
	if err := guard.Check(netip.Addr{}); err == nil {
		t.Error("Check() accepts what is no address")
	}
}

func TestCheckHostAccepts(t *testing.T) {
	guard := New(Policy{})
	for _, host := range []string{"example.com", "example.com.", "1.example.com", "0x7f.example.com", "3com", "xn--bcher-kva.example", "kubernetes.example.com"} {
		if err := guard.CheckHost(host); err != nil {
			t.Errorf("CheckHost(%q) = %v", host, err)
		}
	}
}

func TestWideNetworksOpenLittle(t *testing.T) {
	guard := New(Policy{Allowed: networks(t, "0.0.0.0/0 ::/0 127.0.0.0/8 127.0.0.1 ::1 169.254.0.0/16 fe80::/10"), Denied: networks(t, "10.96.0.1")})
	for addr, want := range map[string]bool{
		"10.0.0.1": true, "fd12::1": true, "8.8.8.8": true,
		"10.96.0.1": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "0.0.0.0": false,
	} {
		if err := guard.Check(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("Check(%s) = %v", addr, err)
		}
	}
}

func TestLoopbackOpensNothingElse(t *testing.T) {
	guard := New(Policy{Loopback: true})
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "::ffff:127.0.0.1": true,
		"0.0.0.0": false, "::": false, "10.0.0.1": false, "169.254.169.254": false, "fe80::1": false,
	} {
		if err := guard.Check(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("Check(%s) = %v", addr, err)
		}
	}
	if guard.CheckHost("localhost") == nil {
		t.Error("CheckHost() accepts a name for the machine itself")
	}
}

func TestDeniedNames(t *testing.T) {
	guard := New(Policy{DeniedNames: []string{"api.cluster.example.com."}})
	for host, want := range map[string]bool{
		"api.cluster.example.com": false, "API.Cluster.example.com.": false, "xapi.cluster.example.com": true, "cluster.example.com": true,
	} {
		if err := guard.CheckHost(host); (err == nil) != want {
			t.Errorf("CheckHost(%q) = %v", host, err)
		}
	}
}

func TestPrivateRefusalNamesRemedy(t *testing.T) {
	err := New(Policy{}).Check(netip.MustParseAddr("10.1.2.3"))
	if err == nil || !strings.Contains(err.Error(), "10.1.2.3") || !strings.Contains(err.Error(), "allowed-networks of ConfigMap config-build") {
		t.Errorf("Check() = %v", err)
	}
}

func TestControlRefusesOtherNetworks(t *testing.T) {
	guard := New(Policy{})
	if err := guard.control("udp4", "8.8.8.8:53", nil); err == nil {
		t.Error("control() lets UDP through")
	}
	if err := guard.control("tcp", "somewhere", nil); err == nil {
		t.Error("control() lets through what is no address")
	}
	if _, err := guard.DialContext(t.Context(), "tcp", "no port"); err == nil {
		t.Error("DialContext() takes an address without a port")
	}
}

func TestRedirect(t *testing.T) {
	port, connections := listen(t)
	for name, to := range map[string]string{
		"private":         "http://10.0.0.1:" + port + "/",
		"decimal":         "http://2130706433:" + port + "/",
		"metadata":        "http://169.254.169.254/latest/meta-data/",
		"mapped metadata": "http://[::ffff:a9fe:a9fe]:" + port + "/",
		"name":            "http://kubernetes.default.svc:" + port + "/",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
			defer server.Close()
			guard := New(Policy{Loopback: true})
			client := &http.Client{Transport: guard.Transport(nil)}
			resp, err := client.Get(server.URL)
			if err == nil {
				resp.Body.Close()
			}
			if _, ok := Refused(err); !ok {
				t.Errorf("Get() = %v, want it refused", err)
			}
		})
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
}

// The name's first answer is harmless, and each one after it is not: what looks and then connects by name loses.
func TestRebinding(t *testing.T) {
	port, connections := listen(t)
	for name, answers := range map[string][]string{
		"changes":    {"192.0.2.1", "127.0.0.1"},
		"loopback":   {"127.0.0.1"},
		"two at one": {"127.0.0.1+10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			guard := New(Policy{})
			guard.resolver = resolver(t, answers)
			for range 4 {
				_, err := guard.DialContext(t.Context(), "tcp4", net.JoinHostPort("rebind.example.com", port))
				if _, ok := Refused(err); !ok {
					t.Errorf("DialContext() = %v, want it refused", err)
				}
			}
		})
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestResolvedAndAllowed(t *testing.T) {
	port, connections := listen(t)
	guard := New(Policy{Loopback: true})
	guard.resolver = resolver(t, []string{"127.0.0.1"})
	conn, err := guard.DialContext(t.Context(), "tcp4", net.JoinHostPort("git.example.com", port))
	if err != nil {
		t.Fatal("DialContext() =", err)
	}
	// The listener closes what it counted.
	if _, err := io.ReadAll(conn); err != nil {
		t.Error("failed to read:", err)
	}
	conn.Close()
	if connections.Load() != 1 {
		t.Error("the listener saw no connection")
	}
}

func TestProxiesAreIgnored(t *testing.T) {
	port, connections := listen(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+port)
	}
	client := &http.Client{Transport: New(Policy{Loopback: true}).Transport(nil)}
	resp, err := client.Get("http://10.0.0.1/")
	if err == nil {
		resp.Body.Close()
	}
	if _, ok := Refused(err); !ok || connections.Load() > 0 {
		t.Errorf("Get() = %v after %d connections to the proxy", err, connections.Load())
	}
}

func TestParseNetworksRefuses(t *testing.T) {
	for _, text := range []string{"10.0.0.0/33", "10.0.0", "example.com", "::ffff:10.0.0.0/104", "10.0.0.0/8;::1"} {
		if got, err := ParseNetworks(text); err == nil {
			t.Errorf("ParseNetworks(%q) = %v", text, got)
		}
	}
}

func FuzzCheckHost(f *testing.F) {
	for _, seed := range []string{"127.1", "0x7f.1", "localhost.", "::ffff:7f00:1", "[::1]", "fe80::1%1", "a.1", "1e3", "0x", "0x.", "..", "١٢٧.0.0.1"} {
		f.Add(seed)
	}
	guard := New(Policy{})
	f.Fuzz(func(t *testing.T, host string) {
		if guard.CheckHost(host) != nil {
			return
		}
		// What passes is public, or a name that a resolver has to be asked about.
		if ips, err := net.DefaultResolver.LookupNetIP(cancelled(), "ip", host); err == nil {
			for _, ip := range ips {
				if guard.Check(ip) != nil {
					t.Errorf("%q passes, and is %s without a question to anybody", host, ip)
				}
			}
		}
	})
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// listen counts connections to all addresses of this host.
func listen(t *testing.T) (string, *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal("failed to listen:", err)
	}
	var connections atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), &connections
}

func networks(t *testing.T, text string) []netip.Prefix {
	t.Helper()
	n, err := ParseNetworks(text)
	if err != nil {
		t.Fatal("ParseNetworks() =", err)
	}
	return n
}

// resolver answers each question with the next of the answers, and the last one from then on. Addresses that are one
// answer have a + between them.
func resolver(t *testing.T, answers []string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("failed to listen:", err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for i := 0; ; i++ {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := answer(buf[:n], answers[min(i, len(answers)-1)]); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answer(question []byte, addresses string) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	if len(m.Questions) != 1 {
		return nil, errors.New("not one question")
	}
	m.Response, m.Additionals = true, nil
	if m.Questions[0].Type == dnsmessage.TypeA {
		for address := range strings.SplitSeq(addresses, "+") {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
			})
		}
	}
	return m.Pack()
}
