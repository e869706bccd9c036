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

// Command servers has what the end-to-end tests fetch sources from and push images to, in pods of the test's own: a git
// server, an S3-compatible store, one that speaks the protocol of Google Cloud Storage, or an image registry; a collector of
// what they trace and count; or models, and an agent that asks them. All that they keep is gone with them.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

// Where servers listen: each at its own address, and all where tests give them content.
const (
	httpsAddress    = ":8443"
	sshAddress      = ":2222"
	s3Address       = ":9000"
	gcsAddress      = ":4443"
	registryAddress = ":5000"
	otlpGRPCAddress = "0.0.0.0:4317"
	otlpHTTPAddress = "0.0.0.0:4318"
	modelAddress    = ":11434"
	adminAddress    = ":8081"
)

func main() {
	folder := flag.String("secret", "", "folder of the settings' files: tls.crt, tls.key, username, password, ssh-hostkey, ssh-authorized")
	flag.Parse()
	settings, err := readSettings(*folder)
	if err == nil {
		err = serve(flag.Arg(0), settings)
	}
	log.Fatal(err)
}

// serve serves one kind until something of it fails.
func serve(kind string, s *settings) error {
	failed := make(chan error)
	start := func(serve func() error) { go func() { failed <- serve() }() }
	switch kind {
	case "git":
		r := newRepositories()
		start(func() error { return s.listen(httpsAddress, s.authenticated(r)) })
		if len(s.hostKey) > 0 {
			start(func() error { return s.listenSSH(context.Background(), sshAddress, r) })
		}
		start(func() error { return plain(adminAddress, admin(r, nil, &s.traffic)) })
	case "s3":
		b := newBuckets()
		start(func() error { return s.listen(s3Address, s.signed(b.handler())) })
		start(func() error { return plain(adminAddress, admin(b, nil, &s.traffic)) })
	case "gcs":
		b, err := newGCSBuckets()
		if err != nil {
			return err
		}
		start(func() error { return s.listen(gcsAddress, s.granted(b.handler())) })
		start(func() error { return plain(adminAddress, admin(b, nil, &s.traffic)) })
	case "registry":
		handler, err := newRegistry(os.TempDir())
		if err != nil {
			return err
		}
		f := &faults{}
		start(func() error { return s.listen(registryAddress, f.before(s.authenticated(handler))) })
		start(func() error { return plain(adminAddress, admin(nil, f, &s.traffic)) })
	case "otlp":
		c, err := startCollector(context.Background())
		if err != nil {
			return err
		}
		start(func() error { return plain(adminAddress, c) })
	case "model":
		m := &models{}
		start(func() error { return plain(modelAddress, m.handler()) })
		start(func() error { return plain(adminAddress, m.admin()) })
	case "agent":
		start(func() error { return plain(":"+cmp.Or(os.Getenv("PORT"), "8080"), newAgent().handler()) })
	default:
		return fmt.Errorf("there is no server %q: name git, s3, gcs, registry, otlp, model or agent", kind)
	}
	return <-failed
}

// listen serves by TLS where there is a certificate.
func (s *settings) listen(address string, handler http.Handler) error {
	listener, err := s.traffic.listen(context.Background(), address)
	if err != nil {
		return err
	}
	defer listener.Close()
	serving := server(address, s.traffic.redirecting(handler))
	if s.certificate == "" {
		return serving.Serve(listener)
	}
	return serving.ServeTLS(listener, s.certificate, s.key)
}

func plain(address string, handler http.Handler) error {
	return server(address, handler).ListenAndServe()
}

// server speaks HTTP/1.1 only. The registry takes one upload at a time: the others' data would fill the window that all
// requests of one connection of HTTP/2 share, and the one would wait for ever.
func server(address string, handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: time.Minute, Protocols: protocols}
}

var errNoContent = errors.New("this server takes no content")
