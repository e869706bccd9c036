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

package deadletter

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	logtesting "knative.dev/pkg/logging/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// certificate makes a certificate for 127.0.0.1 that signs itself, and writes it to a folder.
func certificate(t *testing.T, folder string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal("GenerateKey() =", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nats"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal("CreateCertificate() =", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal("MarshalPKCS8PrivateKey() =", err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{"ca.crt": certPEM, "tls.crt": certPEM, "tls.key": keyPEM} {
		write(t, folder, name, string(text))
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal("X509KeyPair() =", err)
	}
	return pair
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal("WriteFile() =", err)
	}
}

func startNATS(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.JetStream, o.StoreDir, o.NoSigs, o.Host = true, t.TempDir(), true, "127.0.0.1"
	if o.Port == 0 {
		o.Port = -1
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal("NewServer() =", err)
	}
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("NATS does not start")
	}
	return s
}

// A cluster elsewhere is reached by TLS in both directions, and with a login.
func TestExternalCluster(t *testing.T) {
	secret := t.TempDir()
	pair := certificate(t, secret)
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal("ParseCertificate() =", err)
	}
	roots.AddCert(leaf)
	for _, tc := range []struct {
		name    string
		options server.Options
		files   map[string]string
	}{
		{"user", server.Options{Username: "u", Password: "p"}, map[string]string{"user": "u\n", "password": "p"}},
		{"token", server.Options{Authorization: "t"}, map[string]string{"token": "t\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := tc.options
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
			s := startNATS(t, &o)
			settings := config.DefaultDeadLetters()
			settings.NATSURL = s.ClientURL()
			logger := logtesting.TestLogger(t)
			if _, err := OpenStore(t.Context(), StoreOptions{Settings: settings, Logger: logger}); err == nil {
				t.Error("OpenStore() without credentials connected")
			}
			for name, text := range tc.files {
				write(t, secret, name, text)
				defer os.Remove(filepath.Join(secret, name))
			}
			store, err := OpenStore(t.Context(), StoreOptions{Credentials: secret, Settings: settings, Logger: logger})
			if err != nil {
				t.Fatal("OpenStore() =", err)
			}
			w := &world{T: t, cluster: newCluster(), settings: settings, store: store, functions: map[string]http.HandlerFunc{}}
			w.serve()
			w.deliver("1")
			if got := len(w.letters("")); got != 1 {
				t.Errorf("%d letters", got)
			}
			if err := store.Check(); err != nil {
				t.Error("Check() =", err)
			}
			s.Shutdown()
			eventually(t, func() bool { return errors.Is(store.Check(), ErrUnavailable) })
			if err := store.Close(); err != nil {
				t.Error("Close() =", err)
			}
		})
	}
}

// unusedPorts returns ports that nobody listens on, and that the kernel gives to nobody who asks for any port: such a one could be
// taken before the server has it, which then waits for ever.
func unusedPorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	const first, last = 20_000, 30_000
	for port := first; port < last && len(ports) < n; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // It is taken.
		}
		listener.Close()
		ports = append(ports, port)
	}
	if len(ports) < n {
		t.Fatalf("only the ports %v are unused", ports)
	}
	return ports
}

// With three servers each letter is on all of them, and two processes share the work.
func TestReplicas(t *testing.T) {
	var routes []*url.URL
	ports := unusedPorts(t, 3)
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	var servers []*server.Server
	for i, port := range ports {
		o := &server.Options{ServerName: fmt.Sprint("s", i), Routes: routes}
		o.Cluster.Name, o.Cluster.Host, o.Cluster.Port = "c", "127.0.0.1", port
		o.JetStream, o.StoreDir, o.NoSigs, o.Host, o.Port = true, t.TempDir(), true, "127.0.0.1", -1
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal("NewServer() =", err)
		}
		go s.Start()
		servers = append(servers, s)
		t.Cleanup(func() {
			s.Shutdown()
			s.WaitForShutdown()
		})
		if !s.ReadyForConnections(patience) {
			t.Fatal("NATS server", i, "does not listen")
		}
	}
	eventually(t, func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers) {
				return true
			}
		}
		return false
	})
	settings := config.DefaultDeadLetters()
	settings.NATSURL, settings.NATSReplicas = servers[0].ClientURL()+","+servers[1].ClientURL(), 3
	var worlds []*world
	for range 2 {
		var store *Store
		eventually(t, func() bool {
			var err error
			store, err = OpenStore(t.Context(), StoreOptions{Settings: settings, Logger: logtesting.TestLogger(t)})
			return err == nil
		})
		t.Cleanup(func() { store.Close() })
		w := &world{T: t, cluster: newCluster(), settings: settings, store: store, functions: map[string]http.HandlerFunc{}}
		w.serve()
		worlds = append(worlds, w)
	}
	worlds[0].deliver("1")
	worlds[1].deliver("1")
	worlds[1].deliver("2")
	// A letter is acknowledged once two of the three servers have it. The third may be asked.
	eventually(t, func() bool { return len(worlds[0].letters("")) == 2 })
	stream, err := worlds[0].store.js.Stream(t.Context(), streamPrefix+"shop")
	if err != nil {
		t.Fatal("Stream() =", err)
	}
	if got := stream.CachedInfo().Config.Replicas; got != 3 {
		t.Errorf("%d replicas", got)
	}
	// One server less takes nothing away.
	servers[2].Shutdown()
	eventually(t, func() bool {
		return worlds[0].do("POST", "/v1/namespaces/shop?function=orders", "", eventHeader("3"), nil).status == http.StatusAccepted
	})
	eventually(t, func() bool {
		var page LetterList
		a := worlds[1].do("GET", "/v1/namespaces/shop/letters", admin, nil, nil)
		if a.status != http.StatusOK {
			return false
		}
		worlds[1].decode(a, http.StatusOK, &page)
		return len(page.Letters) == 3
	})
}

func TestOpenStoreRefuses(t *testing.T) {
	logger := logtesting.TestLogger(t)
	settings := config.DefaultDeadLetters()
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "")
	if _, err := OpenStore(t.Context(), StoreOptions{Folder: file, Settings: settings, Logger: logger}); err == nil {
		t.Error("OpenStore() in a file worked")
	}
	settings.NATSURL = "nats://127.0.0.1:1"
	if _, err := OpenStore(t.Context(), StoreOptions{Settings: settings, Logger: logger}); err == nil {
		t.Error("OpenStore() of a cluster that is not there worked")
	}
}

// TestOpenStoreWaits holds that a store waits for the process that has its folder, until that ends or it is told to.
func TestOpenStoreWaits(t *testing.T) {
	options := StoreOptions{Folder: t.TempDir(), Settings: config.DefaultDeadLetters(), Logger: logtesting.TestLogger(t)}
	first, err := OpenStore(t.Context(), options)
	if err != nil {
		t.Fatal("OpenStore() =", err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 3*lockInterval)
	defer cancel()
	if _, err := OpenStore(impatient, options); err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Errorf("OpenStore() of a folder that is taken = %v, want another process to have it", err)
	}
	opened := make(chan error)
	go func() {
		second, err := OpenStore(t.Context(), options)
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	if err := first.Close(); err != nil {
		t.Error("Close() =", err)
	}
	if err := <-opened; err != nil {
		t.Errorf("OpenStore() once the folder is free = %v", err)
	}
}

// What an error of JetStream means for who posts a letter.
func TestStoreError(t *testing.T) {
	api := func(code server.ErrorIdentifier) error {
		return &jetstream.APIError{Code: 500, ErrorCode: jetstream.ErrorCode(code)}
	}
	for name, tc := range map[string]struct {
		err    error
		status int
	}{
		"no room":          {api(server.JSStorageResourcesExceededErr), http.StatusInsufficientStorage},
		"no resources":     {api(server.JSInsufficientResourcesErr), http.StatusInsufficientStorage},
		"failed to store":  {api(server.JSStreamStoreFailedF), http.StatusInsufficientStorage},
		"message too long": {api(server.JSStreamMessageExceedsMaximumErr), http.StatusRequestEntityTooLarge},
		"header too long":  {api(server.JSStreamHeaderExceedsMaximumErr), http.StatusRequestEntityTooLarge},
		"anything":         {api(server.JSClusterNoPeersErrF), http.StatusServiceUnavailable},
		"no answer":        {errors.New("timeout"), http.StatusServiceUnavailable},
		"full":             {ErrFull, http.StatusInsufficientStorage},
	} {
		if got := problemOf(storeError(tc.err)).Status; got != tc.status {
			t.Errorf("%s: status %d, want %d", name, got, tc.status)
		}
	}
	if got := problemOf(errors.New("anything")); got.Status != http.StatusInternalServerError || got.Detail == "anything" {
		t.Errorf("an error that is not known: %+v", got)
	}
}

// The folder of a stream that is not there is no reason to accept letters.
func TestDisk(t *testing.T) {
	folder := t.TempDir()
	if _, err := newDisk(folder, "a"); err == nil {
		t.Error("newDisk() found what is not there")
	}
	if err := os.MkdirAll(filepath.Join(folder, "x", "a", "msgs"), 0o700); err != nil {
		t.Fatal("MkdirAll() =", err)
	}
	d, err := newDisk(folder, "a")
	if err != nil {
		t.Fatal("newDisk() =", err)
	}
	file := filepath.Join(folder, "x", "a", "msgs", "1.blk")
	for _, text := range []string{"a", "ab"} {
		write(t, filepath.Dir(file), filepath.Base(file), text)
		if err := d.sync(); err != nil {
			t.Fatal("sync() =", err)
		}
		if got := d.known[file].size; got != int64(len(text)) {
			t.Errorf("%d bytes are synced, want %d", got, len(text))
		}
	}
	// After a failure the kernel may have thrown anything away.
	d.failed = errors.New("input/output error")
	if err := d.sync(); err == nil {
		t.Error("sync() after a failure worked")
	}
}
