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

// Package remote fetches sources that are not in the build plan itself: repositories and objects in stores. It is apart
// from package source so that what only writes plans does not link it.
package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// apiServerEnv names the API server in each pod of a cluster.
const apiServerEnv = "KUBERNETES_SERVICE_HOST"

// Options say how sources are fetched. They are not part of the plan: none of them makes another image.
type Options struct {
	// CredentialsDir is where the source's Secret is mounted: a file for each key. Empty: there is none.
	CredentialsDir string
	// Policy says what may be connected to, the API server excepted in any case.
	Policy netguard.Policy
	// Timeout of the whole.
	Timeout time.Duration
	// MaxBytes is the most that is downloaded, and the most it may unpack to, to get at the source.
	MaxBytes int64
	// Registries say how artifacts in registries are fetched.
	Registries Registries
}

// AddFlags makes a flag of each option.
func (o *Options) AddFlags(f *flag.FlagSet) {
	f.StringVar(&o.CredentialsDir, "credentials", "", "`folder` with a file for each key of the source's Secret")
	f.Func("allow-networks", "private `networks` that sources may be fetched from, separated by commas", networksInto(&o.Policy.Allowed))
	f.Func("deny-addresses", "`addresses` and networks, as the API server's, that sources are never fetched from", networksInto(&o.Policy.Denied))
	f.DurationVar(&o.Timeout, "timeout", 10*time.Minute, "longest time that fetching the source may take")
	f.Int64Var(&o.MaxBytes, "max-fetched-bytes", 256<<20, "most bytes that are downloaded and unpacked to get at the source")
	o.Registries.addFlags(f)
}

func networksInto(networks *[]netip.Prefix) func(string) error {
	return func(text string) error {
		more, err := netguard.ParseNetworks(text)
		*networks = append(*networks, more...)
		return err
	}
}

// Fetch gets the files of the plan's source, and returns its revision. It is a source.Fetch.
func (o *Options) Fetch(ctx context.Context, p *source.Plan, files *source.Files) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	f, err := newFetcher(ctx, o)
	if err != nil {
		return "", err
	}
	revision, err := f.fetch(ctx, &p.Source, files)
	if err == nil {
		return revision, nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "", source.Failf(source.ReasonSourceTimeout, "fetching the source took longer than %s", o.Timeout)
	}
	return "", f.failure(err)
}

// fetcher fetches one source.
type fetcher struct {
	guard       *netguard.Guard
	credentials *credentials
	maxBytes    int64
	registries  Registries
	// own guards connections to the operator's own registry.
	own     *netguard.Guard
	refused atomic.Pointer[netguard.RefusedError]
}

func newFetcher(ctx context.Context, o *Options) (*fetcher, error) {
	credentials, err := readCredentials(o.CredentialsDir)
	if err != nil {
		return nil, err
	}
	policy, err := withoutAPIServer(ctx, o.Policy, os.Getenv(apiServerEnv))
	if err != nil {
		return nil, err
	}
	return &fetcher{
		guard:       netguard.New(policy),
		credentials: credentials,
		maxBytes:    o.MaxBytes,
		registries:  o.Registries,
		own:         netguard.New(policy.WithPrivate()),
	}, nil
}

// withoutAPIServer denies the API server, too. Some clouds tell its name in the place of an address: then what it
// resolves to is denied beside it.
func withoutAPIServer(ctx context.Context, policy netguard.Policy, host string) (netguard.Policy, error) {
	if host == "" {
		return policy, nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return policy, source.Failf(source.ReasonSourceUnavailable, "failed to find out where the API server %q is, which sources must not be at: %w", host, err)
	}
	policy.Denied = slices.Clone(policy.Denied)
	for _, addr := range addrs {
		addr = addr.WithZone("").Unmap()
		policy.Denied = append(policy.Denied, netip.PrefixFrom(addr, addr.BitLen()))
	}
	policy.DeniedNames = append(slices.Clone(policy.DeniedNames), host)
	return policy, nil
}

func (f *fetcher) fetch(ctx context.Context, s *source.Source, files *source.Files) (string, error) {
	switch {
	case s.Git != nil:
		return f.git(ctx, s.Git, files)
	case s.S3 != nil:
		return f.s3(ctx, source.KindS3, s.S3, files)
	case s.MinIO != nil:
		return f.s3(ctx, source.KindMinIO, s.MinIO, files)
	case s.GCS != nil:
		return f.gcs(ctx, s.GCS, files)
	case s.OCI != nil:
		return f.oci(ctx, s.OCI, files)
	default:
		return "", source.Failf(source.ReasonInvalidPlan, "source: is none that is fetched")
	}
}

// transport makes the HTTP connections of one source. What it downloads is limited.
func (f *fetcher) transport() (http.RoundTripper, error) {
	roots, err := f.credentials.roots("")
	if err != nil {
		return nil, err
	}
	return f.limited(f.guard.Transport(roots)), nil
}

func (f *fetcher) limited(next http.RoundTripper) http.RoundTripper {
	return &limitedTransport{next: next, max: f.maxBytes, refused: &f.refused}
}

// failure returns err with the reason of what caused it, and without anything secret.
func (f *fetcher) failure(err error) error {
	if refused := f.refused.Load(); refused != nil {
		err = refused
	}
	reason, text := explain(err)
	return &source.Error{Reason: reason, Err: errors.New(f.credentials.mask(source.Mask(text)))}
}

// explain tells the causes apart that all sources have in common.
func explain(err error) (source.Reason, string) {
	text := err.Error()
	if refused, ok := netguard.Refused(err); ok {
		return source.ReasonSourceRefused, refused.Error()
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		return e.Reason, text
	}
	if isCertificateError(err) {
		return source.ReasonCertificateInvalid, text + ": add its authority to the Secret of secretRef, as key " + keyCA
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return source.ReasonSourceUnavailable, fmt.Sprintf("there is no server %q: %s", dns.Name, text)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return source.ReasonSourceUnavailable, text
	}
	// What is left came from the server in a form that nobody foresaw, or from the disk.
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) {
		return source.ReasonInternal, text
	}
	return source.ReasonSourceUnavailable, text
}

func isCertificateError(err error) bool {
	return isDistrusted(err) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// isDistrusted is true where the server has a certificate that nobody who is trusted vouches for.
func isDistrusted(err error) bool {
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return authority || host || invalid
}
