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

// Package identity logs a build in to registries of clouds, as who its pod is there. It is apart from package registry so
// that the controller does not link what clouds are asked with.
package identity

import (
	"io"
	"strings"

	ecr "github.com/awslabs/amazon-ecr-credential-helper/ecr-login"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/google"
)

// Keychain returns what knows, by the environment, the login to a host that is a registry of Amazon or Google. Both look
// closer at the host than the names below: one that only ends like theirs gets no login. ok is false for all other hosts.
func Keychain(host string) (keychain authn.Keychain, ok bool) {
	switch {
	case strings.HasSuffix(host, ".amazonaws.com"), strings.HasSuffix(host, ".amazonaws.com.cn"), host == "public.ecr.aws":
		return authn.NewKeychainFromHelper(ecr.NewECRHelper(ecr.WithLogger(io.Discard))), true
	case strings.HasSuffix(host, "gcr.io"), strings.HasSuffix(host, ".pkg.dev"):
		return google.Keychain, true
	default:
		return nil, false
	}
}
