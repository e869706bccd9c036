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

package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// hubKey is the address that Docker Hub's login is looked for under, for reasons of history.
const hubKey = "https://index.docker.io/v1/"

// hubHosts are what else people write for Docker Hub.
var hubHosts = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// helpers are the programs in Kaniko's image that know logins.
var helpers = []string{"acr-env", "ecr-login", "gcr"}

var errNoLogins = errors.New("has no logins: write it by kubectl create secret docker-registry")

// docker is Docker's configuration, as far as it is about logins. What reads it in the end is a library of Docker's,
// which would be as large as all else in the image of this step.
type docker struct {
	fields  map[string]json.RawMessage
	logins  map[string]Login
	helpers map[string]string
	store   string
}

// Login is who somebody is at a registry, in the form of Docker's configuration.
type Login struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	Auth          string `json:"auth,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
}

// dockerConfig reads the Secret's logins, and nil where it has none. Of both forms the newer counts, as for kubelet.
func dockerConfig(secret map[string]string) (config *docker, key string, err error) {
	if text, ok := secret[KeyDockerConfig]; ok {
		config, err = parseDocker(text)
		return config, KeyDockerConfig, err
	}
	if text, ok := secret[KeyDockerConfigOld]; ok {
		config, err = parseDocker(`{"auths":` + text + `}`)
		return config, KeyDockerConfigOld, err
	}
	return nil, "", nil
}

func parseDocker(text string) (*docker, error) {
	d := &docker{}
	if err := json.Unmarshal([]byte(text), &d.fields); err != nil || d.fields == nil {
		// What it is instead may be a login that somebody wrote there.
		return nil, errors.New("is not JSON, as Docker keeps logins: write it by kubectl create secret docker-registry")
	}
	for field, into := range map[string]any{"auths": &d.logins, "credHelpers": &d.helpers, "credsStore": &d.store} {
		if raw, ok := d.fields[field]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return nil, fmt.Errorf("has %q in another form than Docker's", field)
			}
		}
	}
	// Where a program keeps them, Docker leaves their places empty.
	maps.DeleteFunc(d.logins, func(_ string, l Login) bool { return l == Login{} })
	if len(d.logins) == 0 && len(d.helpers) == 0 && d.store == "" {
		return nil, errNoLogins
	}
	d.nameHub()
	return d, nil
}

// nameHub gives Docker Hub's login the name that it is looked for under. kubelet takes the others too.
func (d *docker) nameHub() {
	if _, ok := d.logins[hubKey]; ok {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(d.logins)) {
		if slices.Contains(hubHosts, hostOf(key)) {
			d.logins[hubKey] = d.logins[key]
			return
		}
	}
}

// LoginOf returns the login that a Secret has for a host, with port: with Auth taken apart. Without one for the host it is
// nil, and the hosts are those that the Secret has logins for. The error says which key cannot be used, and why.
func LoginOf(secret map[string]string, host string) (login *Login, hosts []string, err error) {
	config, key, err := dockerConfig(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("key %s %w", key, err)
	}
	if config == nil {
		return nil, nil, nil
	}
	for _, key := range slices.Sorted(maps.Keys(config.logins)) {
		if l := config.logins[key]; hostOf(key) == host {
			if err := l.check(); err != nil {
				return nil, nil, fmt.Errorf("the login for %s %w", host, err)
			}
			return l.decoded(), nil, nil
		}
	}
	return nil, config.hosts(), nil
}

// decoded has name and password apart. The login was checked.
func (l Login) decoded() *Login {
	if text, err := base64.StdEncoding.DecodeString(l.Auth); err == nil && l.Auth != "" {
		l.Username, l.Password, _ = strings.Cut(string(text), ":")
		l.Auth = ""
	}
	return &l
}

// check returns what would make pushing fail, or go on without a login.
func (d *docker) check(host string) error {
	for _, helper := range []string{d.store, d.helpers[host]} {
		if helper != "" && !slices.Contains(helpers, helper) {
			return fmt.Errorf("its logins are kept by %q, a program of the machine that the file is from: "+
				"write the login itself, by kubectl create secret docker-registry", "docker-credential-"+helper)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.logins)) {
		if err := d.logins[key].check(); err != nil {
			return fmt.Errorf("the login for %s %w", hostOf(key), err)
		}
	}
	return nil
}

func (l Login) check() error {
	if l.Auth != "" {
		decoded, err := base64.StdEncoding.DecodeString(l.Auth)
		if user, password, ok := strings.Cut(string(decoded), ":"); err != nil || !ok || user+password == "" {
			return errors.New("has an auth that is not name:password in base64")
		}
		return nil
	}
	if (l.Username == "" || l.Password == "") && l.IdentityToken == "" && l.RegistryToken == "" {
		return errors.New("has no name with a password, and no token")
	}
	return nil
}

// reaches is true where there is a login for the host, or a program that may know one.
func (d *docker) reaches(host string) bool {
	if d.store != "" || d.helpers[host] != "" {
		return true
	}
	for key := range d.logins {
		if hostOf(key) == host {
			return true
		}
	}
	return false
}

// hosts are those that there is a login for.
func (d *docker) hosts() []string {
	hosts := map[string]struct{}{}
	for key := range d.logins {
		hosts[hostOf(key)] = struct{}{}
	}
	for host := range d.helpers {
		hosts[host] = struct{}{}
	}
	return slices.Sorted(maps.Keys(hosts))
}

func (d *docker) encode() (string, error) {
	if d.logins != nil {
		logins, err := json.Marshal(d.logins) //nolint:gosec // G117: it is the file that holds them.
		if err != nil {
			return "", fmt.Errorf("failed to write logins: %w", err)
		}
		d.fields["auths"] = logins
	}
	config, err := json.Marshal(d.fields)
	if err != nil {
		return "", fmt.Errorf("failed to write logins: %w", err)
	}
	return string(config), nil
}

// hostOf is the host, with port, of an address as Docker writes it: with or without scheme and path.
func hostOf(address string) string {
	if strings.Contains(address, "://") {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return u.Host
		}
	}
	host, _, _ := strings.Cut(address, "/")
	return host
}
