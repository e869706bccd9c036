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
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry/identity"
)

// Registries say how artifacts are fetched from registries, as far as that is how images are pushed.
type Registries struct {
	// Dir has the files that registry.Options.Prepare wrote: logins, and certificates. Empty: there are none.
	Dir string
	// Pushed is the host, with port, that the function's image is pushed to: its Secret says whom to trust of it.
	Pushed string
	// Own is the operator's own registry, a host with port. It may be at a private address.
	Own string
	// Insecure are the hosts, with port, that speak plain http.
	Insecure []string
}

func (r *Registries) addFlags(f *flag.FlagSet) {
	f.StringVar(&r.Own, "own-registry", "", "`host` of the operator's own registry, with port, which may be at a private address")
	f.Func("insecure-registry", "`host` that speaks plain http, with port; may be repeated", func(host string) error {
		r.Insecure = append(r.Insecure, host)
		return nil
	})
}

// file returns what Prepare wrote, and "" where it wrote nothing.
func (r *Registries) file(name string) (string, error) {
	if r.Dir == "" {
		return "", nil
	}
	content, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("failed to read what registries are logged in to with: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// registryTransport makes the HTTP connections to a registry, and to where it sends who asks for blobs and tokens.
func (f *fetcher) registryTransport(host string) (http.RoundTripper, error) {
	file := registry.AuthoritiesFile
	if host == f.registries.Pushed {
		file = registry.PushAuthoritiesFile
	}
	certificates, err := f.registries.file(file)
	if err != nil {
		return nil, err
	}
	roots, err := f.credentials.roots(certificates)
	if err != nil {
		return nil, err
	}
	guarded := f.guard.Transport(roots)
	if host != f.registries.Own {
		return f.limited(guarded), nil
	}
	return f.limited(&ownTransport{host: host, own: f.own.Transport(roots), others: guarded}), nil
}

// ownTransport connects to one host with fewer limits than to all others.
type ownTransport struct {
	host        string
	own, others http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *ownTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == t.host {
		return t.own.RoundTrip(req)
	}
	return t.others.RoundTrip(req)
}

// registryLogin is that of the source's Secret. Where the source names none it is that of images, else who the build is at
// a cloud, else nobody.
func (f *fetcher) registryLogin(ctx context.Context, repository name.Repository) (authn.Authenticator, error) {
	host := repository.RegistryStr()
	if f.credentials.given() {
		login, hosts, err := registry.LoginOf(f.credentials.values, host)
		switch {
		case err != nil:
			return nil, source.Failf(source.ReasonSecretInvalid, "the Secret of source.oci.secretRef cannot be used: %w", err)
		case login == nil:
			return nil, source.Failf(source.ReasonSecretInvalid,
				"the Secret of source.oci.secretRef has no login for %s: write it by kubectl create secret docker-registry; it has logins for: %s; keys: %s",
				host, strings.Join(hosts, ", "), f.credentials.keys())
		}
		return f.authenticator(login), nil
	}
	config, err := f.registries.file(registry.ConfigFile)
	if err != nil {
		return nil, err
	}
	if config != "" {
		// Prepare found nothing wrong with it.
		if login, _, err := registry.LoginOf(map[string]string{registry.KeyDockerConfig: config}, host); err == nil && login != nil {
			return f.authenticator(login), nil
		}
	}
	keychain, ok := identity.Keychain(host)
	if !ok {
		return authn.Anonymous, nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	// The addresses that it asks are those of the SDK and the cluster's operator, no user's: they are not guarded.
	login, err := authn.Resolve(ctx, keychain, repository)
	if err != nil {
		return authn.Anonymous, nil // Artifacts may be public.
	}
	return login, nil
}

// authenticator shows a login to its registry, and to no reader of messages.
func (f *fetcher) authenticator(login *registry.Login) authn.Authenticator {
	f.credentials.hidden = append(f.credentials.hidden, login.Password, login.IdentityToken, login.RegistryToken)
	return authn.FromConfig(authn.AuthConfig{
		Username: login.Username, Password: login.Password, IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
	})
}
