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
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// The keys of a source's Secret.
const (
	keyUsername    = "username"
	keyPassword    = "password"
	keyToken       = "token"
	keyGitHubToken = "github-token"
	keyGitLabToken = "gitlab-token"
	keySSHKey      = "ssh-privatekey"
	keyKnownHosts  = "known_hosts"
	keyGCS         = "key.json"
	// keyCA has certificates that are trusted beside the system's.
	keyCA = "ca.crt"
)

// minMaskLength keeps what is hardly a secret readable: a password that is "a" is in each word.
const minMaskLength = 4

// credentials are what the source's Secret has.
type credentials struct {
	dir    string
	values map[string]string
	// hidden are parts of values, and what came from elsewhere, that no message has either.
	hidden []string
}

// readCredentials reads a Secret as it is mounted.
func readCredentials(dir string) (*credentials, error) {
	values, err := source.ReadSecret(dir)
	if err != nil {
		return nil, fmt.Errorf("failed to read credentials: %w", err)
	}
	if dir != "" && len(values) == 0 {
		// kubelet mounts an optional Secret that is not there as an empty folder.
		return nil, source.Failf(source.ReasonSecretInvalid, "the Secret that the source's secretRef names is not there, or holds nothing: create it in the function's namespace")
	}
	return &credentials{dir: dir, values: values}, nil
}

// get returns the value of the first of the keys that is there, without the line feed that editors add.
func (c *credentials) get(keys ...string) string {
	for _, key := range keys {
		if value := strings.TrimSpace(c.values[key]); value != "" {
			return value
		}
	}
	return ""
}

// path returns the file that a key is mounted as.
func (c *credentials) path(key string) string {
	return filepath.Join(c.dir, key)
}

// given is true where there is a Secret that says more than whom to trust.
func (c *credentials) given() bool {
	for key := range c.values {
		if key != keyCA {
			return true
		}
	}
	return false
}

// keys names the keys that are there, for people.
func (c *credentials) keys() string {
	return strings.Join(slices.Sorted(maps.Keys(c.values)), ", ")
}

// roots are whom the source's server may be vouched by, certificates in PEM beside those of the Secret: nil for the
// system's authorities.
func (c *credentials) roots(more string) (*x509.CertPool, error) {
	certificates := c.get(keyCA)
	if certificates == "" && more == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM([]byte(more))
	if certificates != "" && !pool.AppendCertsFromPEM([]byte(certificates)) {
		return nil, source.Failf(source.ReasonSecretInvalid, "key %q of the source's Secret has no certificate in PEM", keyCA)
	}
	return pool, nil
}

// mask takes the values out of text, those first that hold others.
func (c *credentials) mask(text string) string {
	values := slices.AppendSeq(slices.Clone(c.hidden), maps.Values(c.values))
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, value := range values {
		if value = strings.TrimSpace(value); len(value) >= minMaskLength {
			text = strings.ReplaceAll(text, value, "***")
		}
	}
	return text
}

// login is who a server of git lets in over HTTP. Servers take a token for a password, and differ in the name they want
// beside it.
func (c *credentials) login(remote source.GitRemote) (user, password string, err error) {
	switch {
	case c.get(keyPassword) != "":
		return cmp.Or(c.get(keyUsername), remote.User, "git"), c.get(keyPassword), nil
	case c.get(keyToken) != "":
		return cmp.Or(c.get(keyUsername), "x-access-token"), c.get(keyToken), nil
	case c.get(keyGitHubToken) != "":
		return "x-access-token", c.get(keyGitHubToken), nil
	case c.get(keyGitLabToken) != "":
		return "oauth2", c.get(keyGitLabToken), nil
	case c.given():
		return "", "", source.Failf(source.ReasonSecretInvalid,
			"the Secret of source.git.secretRef has none of the keys that %s is fetched with: %s and %s, or %s, %s, %s; it has: %s",
			remote.Scheme, keyUsername, keyPassword, keyToken, keyGitHubToken, keyGitLabToken, c.keys())
	default:
		return remote.User, remote.Password, nil
	}
}

// pair returns the access key and the secret key of an object store. Old Secrets have other names for them.
func (c *credentials) pair(kind source.BucketKind) (id, secret string, err error) {
	id = c.get("AWS_ACCESS_KEY_ID", "aws_access_key_id", "accesskey", "access-key", "accessKey", "access_key", "rootUser")
	secret = c.get("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", "secretkey", "secret-key", "secretKey", "secret_key", "rootPassword")
	if c.given() && (id == "" || secret == "") {
		return "", "", source.Failf(source.ReasonSecretInvalid,
			"the Secret of source.%s.secretRef needs the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or accesskey and secretkey, or access-key and secret-key); it has: %s",
			kind, c.keys())
	}
	return id, secret, nil
}

var errNoKnownHosts = errors.New("the Secret of source.git.secretRef has no key " + keyKnownHosts +
	": without it anybody could answer for the server; add what ssh-keyscan says of it, once you compared it")
