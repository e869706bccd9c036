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

package identity

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
)

func TestKeychain(t *testing.T) {
	for host, want := range map[string]bool{
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com": true, "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": true, "public.ecr.aws": true,
		"gcr.io": true, "eu.gcr.io": true, "europe-docker.pkg.dev": true,
		"ghcr.io": false, "amazonaws.com.example.com": false, "pkg.dev.example.com": false, "10.0.0.1:5000": false,
	} {
		if keychain, ok := Keychain(host); ok != want || (keychain != nil) != want {
			t.Errorf("Keychain(%s) = %v, %t, want %t", host, keychain, ok, want)
		}
	}
}

// TestKeychainLooksCloser holds that a host that only ends like a cloud's gets no login, without anybody being asked.
func TestKeychainLooksCloser(t *testing.T) {
	for _, host := range []string{"evilgcr.io", "code.s3.amazonaws.com", "ec2-1-2-3-4.compute-1.amazonaws.com"} {
		keychain, ok := Keychain(host)
		if !ok {
			continue
		}
		login, err := keychain.Resolve(registryHost(host))
		if err != nil || login != authn.Anonymous {
			t.Errorf("Resolve() for %s = %v, %v, want nobody", host, login, err)
		}
	}
}

// registryHost is an authn.Resource.
type registryHost string

func (h registryHost) String() string      { return string(h) }
func (h registryHost) RegistryStr() string { return string(h) }
