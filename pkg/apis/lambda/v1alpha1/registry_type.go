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

package v1alpha1

import (
	"regexp"
	"strings"
)

var ecrPattern = regexp.MustCompile(`\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

// TypeOf returns the type of the registry, a host with or without port and path: registryType where it is set, else what
// the host says.
func (b *BuildSpec) TypeOf(registry string) RegistryType {
	if b.RegistryType != "" {
		return b.RegistryType
	}
	host, _, _ := strings.Cut(registry, "/")
	switch {
	case ecrPattern.MatchString(host):
		return RegistryTypeECR
	case host == "gcr.io", strings.HasSuffix(host, ".gcr.io"), strings.HasSuffix(host, ".pkg.dev"):
		return RegistryTypeGCR
	case host == "ghcr.io":
		return RegistryTypeGHCR
	case host == "docker.io", host == "index.docker.io":
		return RegistryTypeDockerHub
	default:
		return RegistryTypeGeneric
	}
}
