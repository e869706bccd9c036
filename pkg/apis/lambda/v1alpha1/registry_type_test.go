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

import "testing"

func TestTypeOf(t *testing.T) {
	for registry, want := range map[string]RegistryType{
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme":     RegistryTypeECR,
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com":    RegistryTypeECR,
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/acme":    RegistryTypeECR,
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.com": RegistryTypeGeneric,
		"gcr.io/acme":                         RegistryTypeGCR,
		"eu.gcr.io/acme":                      RegistryTypeGCR,
		"europe-docker.pkg.dev/acme/lambda":   RegistryTypeGCR,
		"notgcr.io/acme":                      RegistryTypeGeneric,
		"ghcr.io/acme":                        RegistryTypeGHCR,
		"docker.io/acme":                      RegistryTypeDockerHub,
		"index.docker.io/acme":                RegistryTypeDockerHub,
		"registry.example.com:5000/docker.io": RegistryTypeGeneric,
		"":                                    RegistryTypeGeneric,
	} {
		if got := (&BuildSpec{}).TypeOf(registry); got != want {
			t.Errorf("TypeOf(%q) = %q, want %q", registry, got, want)
		}
		if got := (&BuildSpec{RegistryType: RegistryTypeLocal}).TypeOf(registry); got != RegistryTypeLocal {
			t.Errorf("TypeOf(%q) of a function that names a type = %q", registry, got)
		}
	}
}
