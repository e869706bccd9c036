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

package seal

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry/identity"
)

// registry reads from and writes to repositories of one registry.
type registry struct {
	*remote.Puller
	*remote.Pusher
}

// tries is how often something is asked of a registry before it counts as failed, with a second's pause after the first
// and three after the second.
const tries = 3

// newRegistry connects nobody yet.
func newRegistry(host string, o *Options, tries int) (*registry, error) {
	trip, err := roundTripper(host, o.Certificates)
	if err != nil {
		return nil, err
	}
	options := []remote.Option{
		remote.WithAuthFromKeychain(keychain(host)),
		remote.WithTransport(trip),
		remote.WithUserAgent("knative-lambda"),
		remote.WithRetryBackoff(remote.Backoff{Duration: time.Second, Factor: 3, Jitter: 0.1, Steps: tries}),
		remote.WithRetryPredicate(passes),
	}
	r := &registry{}
	if r.Puller, err = remote.NewPuller(options...); err != nil {
		return nil, fmt.Errorf("failed to set up the registry's client: %w", err)
	}
	if r.Pusher, err = remote.NewPusher(options...); err != nil {
		return nil, fmt.Errorf("failed to set up the registry's client: %w", err)
	}
	return r, nil
}

// keychain finds credentials where Kaniko does: in DOCKER_CONFIG, and for registries of Amazon and Google in the
// environment.
func keychain(host string) authn.Keychain {
	if cloud, ok := identity.Keychain(host); ok {
		return authn.NewMultiKeychain(authn.DefaultKeychain, cloud)
	}
	return authn.DefaultKeychain
}

// roundTripper trusts, beside whom the system does, the certificates that are given for the host.
func roundTripper(host string, certificates map[string]string) (http.RoundTripper, error) {
	file, ok := certificates[host]
	if !ok {
		return remote.DefaultTransport, nil
	}
	certs, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("failed to read the certificates of %s: %w", host, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	// Beside the system's there may be none: the file is the same for each build.
	if len(bytes.TrimSpace(certs)) > 0 && !pool.AppendCertsFromPEM(certs) {
		return nil, fmt.Errorf("failed to read the certificates of %s: x509: %s has none", host, file)
	}
	standard, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the standard transport is of another type")
	}
	own := standard.Clone()
	own.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return own, nil
}

// passes reports whether the same may succeed when it is tried again.
func passes(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		return answer.Temporary()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return true
	}
	return slices.ContainsFunc([]error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	}, func(cause error) bool { return errors.Is(err, cause) })
}

// again reads anew what broke off while it was read. Answers that are errors the client has by then asked for often
// enough.
func again(read func() error) (err error) {
	for range tries {
		if err = read(); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
			break
		}
	}
	return err
}

// parse reads a reference or a repository's name as Kaniko does.
func (o *Options) parse(reference string) (name.Tag, error) {
	tag, err := name.NewTag(reference, name.WeakValidation)
	if err == nil && slices.Contains(o.Insecure, tag.RegistryStr()) {
		tag, err = name.NewTag(reference, name.WeakValidation, name.Insecure)
	}
	if err != nil {
		return name.Tag{}, fmt.Errorf("failed to read %q: %w", reference, err)
	}
	return tag, nil
}
