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

// Package registry makes ready what the step that pushes a function's image logs in with, and whom it trusts. It runs in
// the first step of a build, where a Secret that cannot be used is told at once and in words: the step that pushes would
// push without a login, and have the registry's 401 for an answer.
package registry

import (
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// The files that Prepare writes.
const (
	// ConfigFile has logins, as Docker keeps them. It is there where the Secret has any.
	ConfigFile = "config.json"
	// PushAuthoritiesFile has the certificates that are trusted, beside the system's, of the registry that is pushed to:
	// those of the Secret, and those of AuthoritiesFile. It is always there, and may be empty.
	PushAuthoritiesFile = "push-ca.crt"
	// AuthoritiesFile has those that are trusted of all registries. It is always there, and may be empty.
	AuthoritiesFile = "ca.crt"
)

// AuthoritiesVariable is the environment variable with the content of AuthoritiesFile.
const AuthoritiesVariable = "REGISTRY_AUTHORITIES"

// The keys of a registry's Secret.
const (
	KeyDockerConfig = ".dockerconfigjson"
	// KeyDockerConfigOld is what Docker had before: the logins alone.
	KeyDockerConfigOld = ".dockercfg"
	KeyGoogle          = "key.json"
	KeyAWSID           = "AWS_ACCESS_KEY_ID"
	KeyAWSSecret       = "AWS_SECRET_ACCESS_KEY"
	KeyAWSSession      = "AWS_SESSION_TOKEN"
	// KeyAuthorities has certificates that are trusted beside the system's.
	KeyAuthorities = "ca.crt"
)

// The types of registries whose Secrets may hold something else than Docker's logins. They are those of the API.
const (
	typeECR   = "ecr"
	typeGCR   = "gcr"
	typeLocal = "local"
)

// Options say what Prepare reads and writes.
type Options struct {
	// Output is the folder of the files; it is there. Empty: there is nothing to make ready.
	Output string
	// Secret is where the registry's Secret is mounted: a file for each key. Empty: there is none.
	Secret string
	// Name is the Secret's name, for messages.
	Name string
	// Optional is true where a Secret that is not there, or has no login for Host, is no failure: one that is named for
	// all functions.
	Optional bool
	// Type is the type of the registry, as in the API: ecr, gcr, ghcr, dockerhub, generic or local.
	Type string
	// Host is the registry that is pushed to, with port.
	Host string
}

// AddFlags makes a flag of each option.
func (o *Options) AddFlags(f *flag.FlagSet) {
	f.StringVar(&o.Output, "registry-output", "", "`folder` for what the next step logs in to registries with")
	f.StringVar(&o.Secret, "registry-secret", "", "`folder` with a file for each key of the registry's Secret")
	f.StringVar(&o.Name, "registry-secret-name", "", "`name` of the registry's Secret")
	f.BoolVar(&o.Optional, "registry-secret-optional", false, "the registry's Secret may be absent, or be for other registries")
	f.StringVar(&o.Type, "registry-type", "", "`type` of the registry that is pushed to: ecr, gcr, ghcr, dockerhub, generic or local")
	f.StringVar(&o.Host, "registry-host", "", "`host` that is pushed to, with port")
}

// Prepare checks the Secret and writes the files. It fails with source.ReasonSecretInvalid where the Secret is of no use;
// the message names it, and the keys that count.
func (o *Options) Prepare() error {
	if o.Output == "" {
		return nil
	}
	secret, err := source.ReadSecret(o.Secret)
	if err != nil {
		return fmt.Errorf("failed to read the registry's Secret: %w", err)
	}
	authorities := strings.TrimSpace(os.Getenv(AuthoritiesVariable)) + "\n"
	files := map[string]string{AuthoritiesFile: authorities, PushAuthoritiesFile: secret[KeyAuthorities] + "\n" + authorities}
	if o.Secret != "" && (len(secret) > 0 || !o.Optional) {
		if err := o.use(secret, files); err != nil {
			return err
		}
	}
	for name, content := range files {
		// The next step is root, and reads what belongs to others.
		if err := os.WriteFile(filepath.Join(o.Output, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("failed to write what registries are logged in to with: %w", err)
		}
	}
	return nil
}

// use adds to the files what the Secret has.
func (o *Options) use(secret, files map[string]string) error {
	if len(secret) == 0 {
		return o.invalid("is not there, or holds nothing: create it in the function's namespace with %s", o.counted())
	}
	if authorities, ok := secret[KeyAuthorities]; ok && !x509.NewCertPool().AppendCertsFromPEM([]byte(authorities)) {
		return o.invalid("has no certificate in PEM in key %s", KeyAuthorities)
	}
	config, key, err := dockerConfig(secret)
	if err != nil {
		return o.invalid("cannot be used: key %s %w", key, err)
	}
	own := false
	switch o.Type {
	case typeECR:
		own, err = o.amazon(secret)
	case typeGCR:
		config, err = o.google(secret, config)
	}
	if err != nil {
		return err
	}
	if config != nil {
		if err := o.checkLogin(config, own); err != nil {
			return err
		}
		files[ConfigFile], err = config.encode()
		return err
	}
	if _, trust := secret[KeyAuthorities]; !own && !trust {
		return o.invalid("has none of the keys that count for a registry of type %s, which are %s; it has: %s",
			o.Type, o.counted(), strings.Join(slices.Sorted(maps.Keys(secret)), ", "))
	}
	return nil
}

// amazon is true where the Secret has an access key, which the next step is given as variables.
func (o *Options) amazon(secret map[string]string) (bool, error) {
	id, key := strings.TrimSpace(secret[KeyAWSID]) != "", strings.TrimSpace(secret[KeyAWSSecret]) != ""
	if id != key {
		return false, o.invalid("has only one of the keys %s and %s: give both", KeyAWSID, KeyAWSSecret)
	}
	return id, nil
}

// google adds the key of a service account to the logins, as Google's registries take it. Where there is none, the
// next step finds out by itself whether it is somebody at Google.
func (o *Options) google(secret map[string]string, config *docker) (*docker, error) {
	key, ok := secret[KeyGoogle]
	if !ok {
		return config, nil
	}
	var account struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal([]byte(key), &account); err != nil || account.Type != "service_account" {
		return nil, o.invalid("cannot be used: key %s is not the key of a service account, as Google's console writes it", KeyGoogle)
	}
	if config == nil {
		config = &docker{fields: map[string]json.RawMessage{}}
	}
	if config.logins == nil {
		config.logins = map[string]Login{}
	}
	config.logins[o.Host] = Login{Username: "_json_key", Password: key}
	return config, nil
}

// checkLogin looks for a login to the registry that is pushed to.
func (o *Options) checkLogin(config *docker, own bool) error {
	if err := config.check(o.Host); err != nil {
		return o.invalid("cannot be used: %w", err)
	}
	if own || o.Optional || o.Type == typeLocal || config.reaches(o.Host) {
		return nil
	}
	return o.invalid("has no login for %s, which the image is pushed to, only for: %s. Where that registry takes no login, "+
		"set spec.build.registryType to local", o.Host, strings.Join(config.hosts(), ", "))
}

// counted names the keys that count for the type of the registry.
func (o *Options) counted() string {
	keys := KeyDockerConfig + " (kubectl create secret docker-registry)"
	switch o.Type {
	case typeECR:
		keys = KeyAWSID + " and " + KeyAWSSecret + ", or " + keys
	case typeGCR:
		keys = KeyGoogle + ", or " + keys
	}
	return keys + ", and " + KeyAuthorities + " where the registry's certificate is of a private authority"
}

func (o *Options) invalid(format string, args ...any) error {
	named := "spec.build.imagePullSecret"
	if o.Optional {
		named = "registry-secret in ConfigMap config-build"
	}
	return &source.Error{
		Reason: source.ReasonSecretInvalid,
		Err:    fmt.Errorf("the Secret %q of %s "+format, append([]any{o.Name, named}, args...)...),
	}
}
