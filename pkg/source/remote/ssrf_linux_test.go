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

package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const (
	// insideEnv tells the test that it runs in a network of its own.
	insideEnv = "TEST_INSIDE_NETWORK"

	publicServer  = "8.8.4.4"
	privateServer = "10.1.2.3"
	apiServer     = "10.96.0.1"
)

// TestNoConnections runs the fetch as it is shipped in a network of its own, in which each address there is, of either
// family, is this machine. So what reaches a server does not have to be inferred: each connection is accepted, and
// counted by the address that it was made to.
func TestNoConnections(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		runInNetwork(t)
		return
	}
	n := newNetwork(t)
	for group, rows := range map[string][]attempt{
		"reached":     n.reached(),
		"literals":    n.literals(),
		"names":       n.names(),
		"rebinding":   n.rebinding(),
		"redirects":   n.redirects(),
		"proxies":     n.proxies(),
		"repository":  n.repository(),
		"credentials": n.credentials(),
		"environment": n.environment(),
	} {
		t.Run(group, func(t *testing.T) {
			for _, row := range rows {
				n.try(t, &row)
			}
			t.Logf("%d sources", len(rows))
		})
	}
}

// runInNetwork runs this very test again, in a network namespace.
func runInNetwork(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestNoConnections$", "-test.v", "-test.timeout=5m")
	// The binary that is shipped is not linked with C, and so resolves names by itself.
	cmd.Env = append(os.Environ(), insideEnv+"=1", "GODEBUG=netdns=go")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal("failed in a network of its own, which takes root or user namespaces, and the program ip:", err)
	}
}

// attempt is a source, and what may be connected to for it.
type attempt struct {
	name   string
	source source.Source
	secret map[string]string
	// flags are those of the fetch.
	flags []string
	env   map[string]string
	// answers are those of the DNS server, by name without the dot at its end: each question after A or AAAA takes the
	// next of them, and the last one stays. Addresses that are one answer have a + between them.
	answers map[string][]string
	// reasons are those that the fetch may fail for. Empty: it must not fail.
	reasons []source.Reason
	// reached is what has to be connected to, and nothing else may be.
	reached []string
}

// network is one in which each address is this machine.
type network struct {
	mutex sync.Mutex
	// servers are the addresses that serve. Connections to others are counted and closed.
	servers map[string]bool
	seen    map[string]int
	answers map[string][]string
	asked   map[string]int
	// targets are where the servers redirect to, by the first part of the path.
	targets map[string]string

	repo    *repo
	ca      string
	known   map[string]string // the Secret for ssh
	account func(tokenURL string) string
}

var (
	refused = []source.Reason{source.ReasonSourceRefused}
	// anyNetwork is as much as an operator may allow, and then some.
	anyNetwork = []string{"--allow-networks=0.0.0.0/0,::/0,127.0.0.0/8,::1/128,169.254.0.0/16,fe80::/10,fd00:ec2::/32," + apiServer + "/32"}
)

func newNetwork(t *testing.T) *network {
	t.Helper()
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"route", "add", "local", "0.0.0.0/0", "dev", "lo"},
		{"-6", "route", "add", "local", "::/0", "dev", "lo"},
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	n := &network{
		servers: map[string]bool{publicServer: true, privateServer: true},
		repo:    newRepo(t),
		known:   map[string]string{keySSHKey: newKey(t).private, keyKnownHosts: "* " + newKey(t).public},
	}
	account := serviceAccount(t, "TOKEN_URL") // a key takes its time to be made
	n.account = func(tokenURL string) string { return strings.Replace(account, "TOKEN_URL", tokenURL, 1) }
	n.poison(t)
	certificate := n.certificate(t)
	n.serveDNS(t)
	for port, handler := range map[string]http.Handler{"443": n.handler(t), "80": n.handler(t), "9000": n.handler(t), "22": nil, "9418": nil} {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			t.Fatal("failed to listen:", err)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
		// Each request takes a connection of its own, and with it another look at the name.
		server.SetKeepAlivesEnabled(false)
		counted := &trap{Listener: listener, network: n}
		if handler == nil {
			go counted.closeAll()
			t.Cleanup(func() { listener.Close() })
			continue
		}
		if port == "443" {
			server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
			go server.ServeTLS(counted, "", "")
		} else {
			go server.Serve(counted)
		}
		t.Cleanup(func() { server.Close() })
	}
	return n
}

// trap accepts connections to all addresses, and hands on those to servers.
type trap struct {
	net.Listener
	network *network
}

func (l *trap) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		to := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("").String()
		l.network.mutex.Lock()
		l.network.seen[to]++
		serves := l.network.servers[to]
		l.network.mutex.Unlock()
		if serves {
			return conn, nil
		}
		conn.Close()
	}
}

// closeAll serves nobody.
func (l *trap) closeAll() {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// poison puts into the repository all that makes some program ask elsewhere.
func (n *network) poison(t *testing.T) {
	t.Helper()
	work := t.TempDir()
	bare := filepath.Join(n.repo.root, "org", "repo.git")
	gitCommand(t, work, "clone", "-q", "-b", "main", bare, ".")
	for name, text := range map[string]string{
		".gitmodules":    "[submodule \"vendored\"]\n\tpath = vendored\n\turl = http://127.0.0.1/org/repo.git\n",
		".gitconfig":     "[http]\n\tproxy = http://127.0.0.1:80\n[url \"http://127.0.0.1/\"]\n\tinsteadOf = https://\n",
		".lfsconfig":     "[lfs]\n\turl = http://127.0.0.1/lfs\n",
		".gitattributes": "*.bin filter=lfs\n",
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal("failed to write file:", err)
		}
	}
	gitCommand(t, work, "add", "-A")
	gitCommand(t, work, "commit", "-qm", "poison")
	gitCommand(t, work, "push", "-q", "origin", "main")
	gitCommand(t, bare, "config", "http.proxy", "http://127.0.0.1:80")
	gitCommand(t, bare, "config", "uploadpack.advertiseBundleURIs", "true")
	gitCommand(t, bare, "config", "bundle.version", "1")
	gitCommand(t, bare, "config", "bundle.mode", "all")
	gitCommand(t, bare, "config", "bundle.evil.uri", "http://127.0.0.1/bundle")
	if err := os.WriteFile(filepath.Join(bare, "objects", "info", "http-alternates"), []byte("http://127.0.0.1/org/repo.git/objects\n"), 0o600); err != nil {
		t.Fatal("failed to write file:", err)
	}
}

// handler serves the repository and objects, and redirects what is to be redirected.
func (n *network) handler(t *testing.T) http.Handler {
	t.Helper()
	git := &cgi.Handler{
		Path:   filepath.Join(gitCommand(t, n.repo.root, "--exec-path"), "git-http-backend"),
		Stderr: io.Discard,
		Env:    []string{"GIT_PROJECT_ROOT=" + n.repo.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		first, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		if first == "storage" {
			// The name of a bucket is further on in the path where Google's are listed.
			first = strings.Split(rest, "/")[2]
		}
		n.mutex.Lock()
		target, redirected := n.targets[first]
		n.mutex.Unlock()
		switch {
		case redirected:
			if strings.HasSuffix(req.URL.Path, "/info/refs") {
				target += "/org/repo.git/info/refs?" + req.URL.RawQuery
			}
			http.Redirect(w, req, target, http.StatusTemporaryRedirect)
		case first == "org":
			git.ServeHTTP(w, req)
		case first == "token":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}`)
		default:
			w.Header().Set("ETag", `"0123"`)
			w.Header().Set("X-Goog-Generation", "1")
			io.WriteString(w, "pass\n")
		}
	})
}

// certificate makes one of all servers that the rows name, and keeps its authority.
func (n *network) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal("failed to make key:", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"*.example.com"},
		IPAddresses: []net.IP{net.ParseIP(publicServer), net.ParseIP(privateServer)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal("failed to make certificate:", err)
	}
	n.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveDNS answers at port 53 of each address, whichever the machine's configuration names.
func (n *network) serveDNS(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", ":53")
	if err != nil {
		t.Fatal("failed to listen:", err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := n.answer(buf[:size]); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
}

func (n *network) answer(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	if len(m.Questions) != 1 {
		return nil, errors.New("not one question")
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	n.mutex.Lock()
	defer n.mutex.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	answers, ok := n.answers[name]
	if !ok {
		m.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	}
	turn := name + q.Type.String()
	now := answers[min(n.asked[turn], len(answers)-1)]
	n.asked[turn]++
	for text := range strings.SplitSeq(now, "+") {
		addr := netip.MustParseAddr(text)
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		switch {
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return m.Pack()
}

// try fetches a source with the options of flags, as cmd/fetch does.
func (n *network) try(t *testing.T, row *attempt) {
	t.Helper()
	n.mutex.Lock()
	n.seen, n.answers, n.asked = map[string]int{}, row.answers, map[string]int{}
	n.mutex.Unlock()
	t.Run(row.name, func(t *testing.T) {
		t.Setenv(apiServerEnv, apiServer)
		for name, value := range row.env {
			t.Setenv(name, value)
		}
		var o Options
		flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
		o.AddFlags(flags)
		if err := flags.Parse(append([]string{"--timeout=20s", "--credentials=" + mountSecret(t, row.secret)}, row.flags...)); err != nil {
			t.Fatal("Parse() =", err)
		}
		got := fetch(t, &o, row.source)
		switch reason := source.ReasonOf(got.err); {
		case len(row.reasons) == 0 && got.err != nil:
			t.Errorf("FetchContext() = %s: %v", reason, got.err)
		case len(row.reasons) > 0 && (got.err == nil || !slices.Contains(row.reasons, reason)):
			t.Errorf("FetchContext() = %s: %v, want a failure of %v", reason, got.err, row.reasons)
		}
		n.mutex.Lock()
		defer n.mutex.Unlock()
		if reached := slices.Sorted(maps.Keys(n.seen)); !slices.Equal(reached, slices.Sorted(slices.Values(row.reached))) {
			t.Errorf("connections were made to %v, want %v", n.seen, row.reached)
		}
	})
}

// fetches are all the ways to fetch from a host.
func (n *network) fetches(host string) map[string]attempt {
	bracketed := host
	if strings.Contains(host, ":") {
		bracketed = "[" + host + "]"
	}
	bucket := func(scheme string) *source.Bucket {
		return &source.Bucket{Bucket: "code", Key: "main.py", Endpoint: scheme + "://" + bracketed}
	}
	ca := map[string]string{keyCA: n.ca}
	keys := map[string]string{"accesskey": "user1234", "secretkey": "hunter2", keyCA: n.ca}
	return map[string]attempt{
		"git https":   {source: gitSource("https://"+bracketed+"/org/repo.git", "main", "fn"), secret: ca},
		"git ssh":     {source: gitSource("ssh://git@"+bracketed+"/org/repo.git", "main", ""), secret: n.known},
		"git":         {source: gitSource("git://"+bracketed+"/org/repo.git", "main", "")},
		"s3":          {source: source.Source{S3: bucket("https")}, secret: keys},
		"s3 http":     {source: source.Source{S3: bucket("http")}, secret: keys},
		"minio":       {source: source.Source{MinIO: bucket("http")}},
		"gcs":         {source: source.Source{GCS: bucket("https")}, secret: ca},
		"gcs account": {source: source.Source{GCS: bucket("http")}, secret: map[string]string{keyGCS: n.account("http://" + bracketed + "/token")}},
		"oci":         {source: artifactOf(bracketed), secret: ca},
	}
}

func artifactOf(host string) source.Source {
	return source.Source{OCI: &source.OCI{Repository: host + "/acme/code", Tag: "v1"}}
}

// reached holds that the test sees connections where they are made: else it would prove nothing.
func (n *network) reached() []attempt {
	var rows []attempt
	for kind, row := range n.fetches("git.example.com") {
		row.name = "public by " + kind
		row.answers = map[string][]string{"git.example.com": {publicServer}}
		row.reached = []string{publicServer}
		switch kind {
		case "git ssh", "git":
			row.reasons = []source.Reason{source.ReasonSourceUnavailable} // nobody serves it
		case "gcs":
			row.secret = nil
			row.source.GCS.Endpoint = "http://git.example.com"
		case "oci":
			row.reasons = []source.Reason{source.ReasonInvalidArchive} // it is no registry
		}
		rows = append(rows, row)
		row.name = "private by " + kind
		row.answers = map[string][]string{"git.example.com": {privateServer}}
		row.reached, row.flags = []string{privateServer}, []string{"--allow-networks=10.0.0.0/8"}
		rows = append(rows, row)
		row.name = "private and not allowed by " + kind
		row.reached, row.flags, row.reasons = nil, nil, refused
		rows = append(rows, row)
	}
	return append(rows, attempt{
		name: "private by oci, the operator's own", source: artifactOf("code.example.com"), secret: map[string]string{keyCA: n.ca},
		flags: []string{"--own-registry=code.example.com"}, answers: map[string][]string{"code.example.com": {privateServer}},
		reached: []string{privateServer}, reasons: []source.Reason{source.ReasonInvalidArchive},
	})
}

// hosts are written in all forms that something may take for a place that no source is in.
var hosts = []string{
	"127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001",
	"127.0.0.1.", "127.1.", "0", "0.0.0.0", "0x0", "00", "0.1.2.3", "localhost", "LOCALHOST.", "a.localhost",
	"::1", "0:0:0:0:0:0:0:1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1",
	"64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "2a00::5efe:127.0.0.1",
	"169.254.169.254", "169.254.169.254.", "169.254.170.2", "169.254.1.1", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
	"169.254.43518", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
	"fe80::1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata.google.internal", "METADATA.google.internal.", "metadata.goog",
	apiServer, apiServer + ".", "::ffff:" + apiServer, "64:ff9b::" + apiServer, "2002:a60:1::", "174063617", "0x0a600001", "012.0140.0.1", "10.6291457",
	"kubernetes", "kubernetes.default", "kubernetes.default.svc", "Kubernetes.default.svc.cluster.local.",
	"224.0.0.1", "255.255.255.255", "ff02::1", "240.0.0.1",
}

// literals are hosts that nobody has to be asked about, by all sources, with nothing allowed and with everything.
func (n *network) literals() []attempt {
	var rows []attempt
	for _, host := range hosts {
		for kind, row := range n.fetches(host) {
			row.reasons = []source.Reason{source.ReasonSourceRefused, source.ReasonInvalidPlan}
			// Whoever asks about a name is told the worst.
			name := strings.ToLower(strings.TrimSuffix(host, "."))
			row.answers = map[string][]string{name: {"127.0.0.1+::1"}}
			row.name = host + " by " + kind
			rows = append(rows, row)
			row.name += " with all networks allowed"
			row.flags = anyNetwork
			rows = append(rows, row)
		}
	}
	return rows
}

// names are harmless to look at, and lead to where no source is.
func (n *network) names() []attempt {
	var rows []attempt
	for _, answer := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1", apiServer,
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::" + apiServer, "2002:7f00:1::", "2002:a9fe:a9fe::",
		"127.0.0.1+169.254.169.254", "::1+127.0.0.1", apiServer + "+fd00:ec2::254", "100.100.100.200", "168.63.129.16",
	} {
		for kind, row := range n.fetches("code.example.com") {
			row.name, row.reasons, row.flags = answer+" by "+kind, refused, anyNetwork
			row.answers = map[string][]string{"code.example.com": {answer}}
			rows = append(rows, row)
		}
		// Plain http is for Services, and their names can lie too.
		rows = append(rows, attempt{
			name: answer + " by git http", source: gitSource("http://code.test.svc.cluster.local/org/repo.git", "main", ""), reasons: refused, flags: anyNetwork,
			answers: map[string][]string{"code.test.svc.cluster.local": {answer}},
		}, attempt{
			name: answer + " by oci, the operator's own", source: artifactOf("code.example.com"), reasons: refused, flags: append([]string{"--own-registry=code.example.com"}, anyNetwork...),
			answers: map[string][]string{"code.example.com": {answer}},
		})
	}
	// An API server that is told by its name.
	rows = append(rows, attempt{
		name: "API server's name", source: gitSource("https://api.example.com/org/repo.git", "main", ""), reasons: refused, flags: anyNetwork,
		env: map[string]string{apiServerEnv: "api.example.com"}, answers: map[string][]string{"api.example.com": {publicServer}},
	}, attempt{
		name: "API server's address", source: gitSource("https://"+publicServer+"/org/repo.git", "main", ""), reasons: refused, flags: anyNetwork,
		env: map[string]string{apiServerEnv: "api.example.com"}, answers: map[string][]string{"api.example.com": {publicServer}},
	}, attempt{
		name: "denied address", source: gitSource("https://"+publicServer+"/org/repo.git", "main", ""), reasons: refused,
		flags: append([]string{"--deny-addresses=" + publicServer}, anyNetwork...),
	})
	return rows
}

// rebinding names have a public address when they are first looked at, and then another one. The server ends each
// connection, so that there is a second look.
func (n *network) rebinding() []attempt {
	var rows []attempt
	for _, then := range []string{"127.0.0.1", "::1", "169.254.169.254", apiServer} {
		row := attempt{
			name: then + " by git https", source: gitSource("https://code.example.com/org/repo.git", "main", ""), secret: map[string]string{keyCA: n.ca},
			reasons: refused, reached: []string{publicServer}, flags: anyNetwork,
			answers: map[string][]string{"code.example.com": {publicServer, then}},
		}
		rows = append(rows, row)
		// The token is got from a name that is another place a moment later, and a folder is many requests.
		row.name = then + " by gcs account"
		row.source = source.Source{GCS: &source.Bucket{Bucket: "code", Key: "main.py", Endpoint: "http://code.example.com"}}
		row.secret = map[string]string{keyGCS: n.account("http://code.example.com/token")}
		rows = append(rows, row)
	}
	// Of an answer of several addresses only the public one is connected to.
	rows = append(rows, attempt{
		name: "both at once", source: gitSource("https://code.example.com/org/repo.git", "main", "fn"), secret: map[string]string{keyCA: n.ca},
		reached: []string{publicServer}, flags: anyNetwork, answers: map[string][]string{"code.example.com": {publicServer + "+127.0.0.1+::1"}},
	})
	return rows
}

// redirects lead from a server that may be asked to one that may not.
func (n *network) redirects() []attempt {
	n.targets = map[string]string{}
	var rows []attempt
	for i, target := range []string{
		"https://127.0.0.1", "https://[::1]", "https://169.254.169.254", "https://" + apiServer, "https://2130706433", "https://0x7f.1", "https://127.1",
		"https://[::ffff:a9fe:a9fe]", "https://[64:ff9b::7f00:1]", "https://code.example.com", "https://localhost.", "https://kubernetes.default.svc",
		"http://127.0.0.1", "http://169.254.169.254/latest/meta-data", "http://" + apiServer, "http://code.example.com",
	} {
		key := fmt.Sprintf("to-%d", i)
		n.targets[key] = target
		answers := map[string][]string{"code.example.com": {"127.0.0.1+::1"}, "git.test.svc": {privateServer}}
		row := attempt{
			name: target + " by git https", source: gitSource("https://"+publicServer+"/"+key, "main", ""), secret: map[string]string{keyCA: n.ca},
			reasons: refused, reached: []string{publicServer}, flags: anyNetwork, answers: answers,
		}
		rows = append(rows, row)
		row.name, row.source = target+" by git http", gitSource("http://git.test.svc/"+key, "main", "")
		row.reached = []string{privateServer}
		rows = append(rows, row)
		row.reached = []string{publicServer}
		// Stores send nobody elsewhere: what was signed for one is not shown to another.
		row.reasons = []source.Reason{source.ReasonSourceNotFound}
		for kind, s := range map[string]source.Source{
			"s3":    {S3: &source.Bucket{Bucket: key, Key: "main.py", Endpoint: "http://" + publicServer}},
			"minio": {MinIO: &source.Bucket{Bucket: key, Key: "main.py", Endpoint: "https://" + publicServer}},
			"gcs":   {GCS: &source.Bucket{Bucket: key, Key: "main.py", Endpoint: "http://" + publicServer}},
			"list":  {GCS: &source.Bucket{Bucket: key, Key: "folder/", Endpoint: "http://" + publicServer}},
		} {
			row.name, row.source = target+" by "+kind, s
			rows = append(rows, row)
		}
	}
	// A Service may send to another one, and to no server outside of the cluster without https.
	n.targets["to-service"], n.targets["to-public"] = "http://git.test.svc.cluster.local", "http://git.example.com"
	answers := map[string][]string{"git.test.svc": {privateServer}, "git.test.svc.cluster.local": {privateServer}, "git.example.com": {publicServer}}
	return append(rows, attempt{
		name: "service to service", source: gitSource("http://git.test.svc/to-service", "main", "fn"), flags: anyNetwork,
		answers: answers, reached: []string{privateServer},
	}, attempt{
		name: "service to public", source: gitSource("http://git.test.svc/to-public", "main", "fn"), flags: anyNetwork,
		answers: answers, reached: []string{privateServer}, reasons: refused,
	})
}

// proxyEnv names a proxy in all ways that programs look for one.
func proxyEnv(proxy string) map[string]string {
	env := map[string]string{"NO_PROXY": "", "no_proxy": ""}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		env[name] = proxy
	}
	return env
}

// proxies are not asked: what they would connect to nobody could see.
func (n *network) proxies() []attempt {
	var rows []attempt
	for _, proxy := range []string{"http://127.0.0.1:80", "socks5://127.0.0.1:9000", "http://" + publicServer + ":80"} {
		for kind, row := range n.fetches("169.254.169.254") {
			row.name, row.env, row.reasons = "refused by "+kind+" through "+proxy, proxyEnv(proxy), refused
			rows = append(rows, row)
		}
		rows = append(rows, attempt{
			name: "served in spite of " + proxy, source: gitSource("https://"+privateServer+"/org/repo.git", "main", "fn"), secret: map[string]string{keyCA: n.ca},
			env: proxyEnv(proxy), flags: anyNetwork, reached: []string{privateServer},
		})
	}
	return rows
}

// repository has submodules, alternates, bundles, filters and settings that name other servers.
func (n *network) repository() []attempt {
	return []attempt{{
		name: "poisoned", source: gitSource("https://"+publicServer+"/org/repo.git", "main", ""), secret: map[string]string{keyCA: n.ca},
		flags: anyNetwork, reached: []string{publicServer},
	}}
}

// credentials name where to ask for tokens.
func (n *network) credentials() []attempt {
	n.targets["token-to-metadata"] = "http://169.254.169.254/token"
	object := source.Source{GCS: &source.Bucket{Bucket: "code", Key: "main.py", Endpoint: "http://" + publicServer}}
	google := source.Source{GCS: &source.Bucket{Bucket: "code", Key: "main.py"}}
	var rows []attempt
	for _, at := range []string{
		"http://127.0.0.1/token", "http://127.1/token", "http://[::1]/token", "http://169.254.169.254/token", "http://169.254.170.2/token",
		"http://[fd00:ec2::254]/token", "https://" + apiServer + "/token", "http://2130706433/token", "http://code.example.com/token",
	} {
		for name, s := range map[string]source.Source{"another store": object, "Google": google} {
			rows = append(rows, attempt{
				name: "token_uri " + at + " for " + name, source: s, secret: map[string]string{keyGCS: n.account(at)},
				flags: anyNetwork, reasons: refused, answers: map[string][]string{"code.example.com": {"127.0.0.1+::1"}},
			})
		}
	}
	rows = append(rows, attempt{
		name: "token_uri that redirects", source: object, secret: map[string]string{keyGCS: n.account("http://" + publicServer + "/token-to-metadata")},
		flags: anyNetwork, reached: []string{publicServer}, reasons: []source.Reason{source.ReasonSourceUnavailable, source.ReasonSourceForbidden, source.ReasonSourceNotFound},
	})
	for name, key := range map[string]string{
		"external account by URL": `{"type": "external_account", "audience": "a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
			"token_url": "http://127.0.0.1/token", "credential_source": {"url": "http://169.254.169.254/token"}}`,
		"external account of Amazon": `{"type": "external_account", "audience": "a", "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
			"token_url": "http://127.0.0.1/token", "credential_source": {"environment_id": "aws1", "region_url": "http://127.0.0.1/region",
			"url": "http://127.0.0.1/credentials", "regional_cred_verification_url": "http://127.0.0.1/"}}`,
		"external account by program": `{"type": "external_account", "audience": "a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
			"token_url": "http://127.0.0.1/token", "credential_source": {"executable": {"command": "curl http://127.0.0.1/"}}}`,
		"impersonation": `{"type": "impersonated_service_account", "service_account_impersonation_url": "http://127.0.0.1/token",
			"source_credentials": {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}}`,
		"user": `{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c", "token_uri": "http://127.0.0.1/token"}`,
		"GDC":  `{"type": "gdch_service_account", "token_uri": "http://127.0.0.1/token"}`,
	} {
		for where, s := range map[string]source.Source{"another store": object, "Google": google} {
			rows = append(rows, attempt{
				name: name + " for " + where, source: s, secret: map[string]string{keyGCS: key}, flags: anyNetwork,
				reasons: []source.Reason{source.ReasonSecretInvalid},
			})
		}
	}
	return rows
}

// environment has all variables by which libraries are told to ask elsewhere. What users name, or have a Secret for, does
// not go by them.
func (n *network) environment() []attempt {
	env := proxyEnv("http://127.0.0.1:80")
	maps.Copy(env, map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/credentials", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/credentials",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/a",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "/proc/self/cmdline", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"GCE_METADATA_HOST": "127.0.0.1", "STORAGE_EMULATOR_HOST": "127.0.0.1", "GOOGLE_APPLICATION_CREDENTIALS": "", "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "code.example.com",
		"HOME": "/nowhere", "GIT_PROXY_COMMAND": "curl http://127.0.0.1", "GIT_SSH_COMMAND": "curl http://127.0.0.1", "GIT_CONFIG_COUNT": "1",
		"GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "http://127.0.0.1:80",
	})
	var rows []attempt
	for kind, row := range n.fetches(publicServer) {
		row.name, row.env, row.flags, row.reached = kind, env, anyNetwork, []string{publicServer}
		switch kind {
		case "git ssh", "git":
			row.reasons = []source.Reason{source.ReasonSourceUnavailable} // nobody serves it
		case "gcs":
			row.secret = nil
			row.source.GCS.Endpoint = "http://" + publicServer
		case "oci":
			row.reasons = []source.Reason{source.ReasonInvalidArchive} // it is no registry
		}
		rows = append(rows, row)
	}
	// Without an emulator in the way the library would look for an identity.
	metadata := maps.Clone(env)
	metadata["STORAGE_EMULATOR_HOST"] = ""
	rows = append(rows, attempt{
		name: "gcs without a Secret", source: source.Source{GCS: &source.Bucket{Bucket: "code", Key: "main.py", Endpoint: "http://" + publicServer}},
		env: metadata, flags: anyNetwork, reached: []string{publicServer},
	}, attempt{
		// What the environment takes for Google's own address is guarded like any other.
		name: "Google with a Secret", source: source.Source{GCS: &source.Bucket{Bucket: "code", Key: "main.py"}},
		secret: map[string]string{keyGCS: n.account("http://" + publicServer + "/token")},
		env:    metadata, flags: anyNetwork, reached: []string{publicServer}, answers: map[string][]string{"storage.code.example.com": {"127.0.0.1+::1"}}, reasons: refused,
	}, attempt{
		name: "Amazon with a Secret", source: source.Source{S3: &source.Bucket{Bucket: "code", Key: "main.py"}},
		secret: map[string]string{"accesskey": "user1234", "secretkey": "hunter2"},
		env:    metadata, flags: append([]string{"--timeout=2s"}, anyNetwork...),
		reasons: []source.Reason{source.ReasonSourceUnavailable, source.ReasonSourceTimeout},
	})
	return rows
}
