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

package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

// certificate is that of an authority of nobody's.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUTlbeDjvDkT9TGuzGhdlHs2UBq/owCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNTIzMTQ0MVoYDzIxMjYxMTAx
MjMxNDQxWjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATflGUTGC9sbX/kU4cqYIIwJUCo9srlIsT52dIWweX6iePLzGiVkI2j
GEbEG0okgQGgeiOpz8A4QbuEy8Lr+dXko1MwUTAdBgNVHQ4EFgQUHyZxf/LWf6pC
m/sNU0y6W5da1MwwHwYDVR0jBBgwFoAUHyZxf/LWf6pCm/sNU0y6W5da1MwwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA9ATeOz3Z51zTBu0Mi23W
pkJeuT4fUxsTMiXzK6GomzACIHg5OHFwZczCUl29Sl3gDI3NcveQzbuTlmXFWMDC
8t3N
-----END CERTIFICATE-----
`

func TestShippedBuild(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, BuildConfigName, "fetch-image", "runtime-image", "kaniko-image")

	want := defaultBuild()
	want.FetchImage = actual.Data["fetch-image"]
	want.RuntimeImage = actual.Data["runtime-image"]
	want.KanikoImage = actual.Data["kaniko-image"]
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewBuildFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewBuildFromConfigMap() =", err)
			}
			got.InsecureRegistries, got.AllowedNetworks = nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("NewBuildFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewBuildFromMap(t *testing.T) {
	with := func(change func(*Build)) *Build {
		b := defaultBuild()
		b.InsecureRegistries, b.AllowedNetworks = []string{}, []string{}
		change(b)
		return b
	}
	for _, tc := range []struct {
		name string
		data map[string]string
		want *Build
	}{{
		name: "nothing",
		want: with(func(*Build) {}),
	}, {
		name: "registry and its mirror",
		data: map[string]string{
			"registry":        "registry.example.com:5000/functions/all",
			"pull-registry":   "nodes.example.com/all",
			"registry-secret": "push",
			"registry-mirror": "mirror.example.com:5000",
		},
		want: with(func(b *Build) {
			b.Registry = "registry.example.com:5000/functions/all"
			b.PullRegistry = "nodes.example.com/all"
			b.RegistrySecret = "push"
			b.RegistryMirror = "mirror.example.com:5000"
		}),
	}, {
		name: "authorities, without what stands around them",
		data: map[string]string{"registry-ca": "# $(ours)\n" + certificate + "\n# theirs\n" + certificate},
		want: with(func(b *Build) { b.RegistryCA = certificate + certificate }),
	}, {
		name: "one cache for all",
		data: map[string]string{"cache-repository": "registry.example.com/cache"},
		want: with(func(b *Build) { b.CacheRepository = "registry.example.com/cache" }),
	}, {
		name: "no cache",
		data: map[string]string{"cache-repository": "disabled"},
		want: with(func(b *Build) { b.CacheRepository = CacheDisabled }),
	}, {
		name: "identity",
		data: map[string]string{"service-account": "builder"},
		want: with(func(b *Build) { b.ServiceAccount = "builder" }),
	}, {
		name: "plain http by comma, space and line",
		data: map[string]string{"insecure-registries": "a.example.com:5000, b.example.com c.example.com:80\nd.example.com,"},
		want: with(func(b *Build) {
			b.InsecureRegistries = []string{"a.example.com:5000", "b.example.com", "c.example.com:80", "d.example.com"}
		}),
	}, {
		name: "networks",
		data: map[string]string{"allowed-networks": "10.96.0.0/12, fd00::/8"},
		want: with(func(b *Build) { b.AllowedNetworks = []string{"10.96.0.0/12", "fd00::/8"} }),
	}, {
		name: "images",
		data: map[string]string{"kaniko-image": "kaniko:1", "fetch-image": "fetch:1", "runtime-image": "runtime:1"},
		want: with(func(b *Build) {
			b.KanikoImage, b.FetchImage, b.RuntimeImage = "kaniko:1", "fetch:1", "runtime:1"
		}),
	}, {
		name: "time and history",
		data: map[string]string{"timeout": "1m", "history": "0"},
		want: with(func(b *Build) { b.Timeout, b.History = time.Minute, 0 }),
	}, {
		name: "builds at once",
		data: map[string]string{"max-concurrent-builds": "0", "max-concurrent-builds-per-namespace": "2"},
		want: with(func(b *Build) { b.MaxConcurrentBuilds, b.MaxConcurrentBuildsPerNamespace = 0, 2 }),
	}, {
		name: "the longest time",
		data: map[string]string{"timeout": "24h"},
		want: with(func(b *Build) { b.Timeout = 24 * time.Hour }),
	}, {
		name: "index",
		data: map[string]string{"pip-index-url": "https://pip.example.com/simple"},
		want: with(func(b *Build) { b.PipIndexURL = "https://pip.example.com/simple" }),
	}, {
		name: "package registry of Node.js",
		data: map[string]string{"npm-registry": "https://npm.example.com/"},
		want: with(func(b *Build) { b.NpmRegistry = "https://npm.example.com/" }),
	}, {
		name: "modules",
		data: map[string]string{"goproxy": "https://go.example.com|http://go.example.com,direct"},
		want: with(func(b *Build) { b.GoProxy = "https://go.example.com|http://go.example.com,direct" }),
	}, {
		name: "quantities",
		data: map[string]string{"cpu-request": "1", "memory-request": "", "cpu-limit": "2", "memory-limit": "4Gi"},
		want: with(func(b *Build) {
			b.Requests[corev1.ResourceCPU] = resource.MustParse("1")
			b.Limits = corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("2"),
				corev1.ResourceMemory: resource.MustParse("4Gi"),
			}
		}),
	}} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := NewBuildFromMap(tc.data)
			if err != nil {
				t.Fatal("NewBuildFromMap() =", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("NewBuildFromMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewBuildFromMapRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		data map[string]string
		want string
	}{{
		name: "registry with a scheme",
		data: map[string]string{"registry": "https://registry.example.com"},
		want: `failed to parse "registry": write a host with or without a path, without a scheme`,
	}, {
		name: "registry with a slash at the end",
		data: map[string]string{"registry": "registry.example.com/"},
		want: `failed to parse "registry": write a host with or without a path, without a scheme`,
	}, {
		name: "registry that a repository cannot be in",
		data: map[string]string{"registry": "registry.example.com/Functions"},
		want: `failed to parse "registry": write a host with or without a path, without a scheme`,
	}, {
		name: "registry for pulling with a scheme",
		data: map[string]string{"registry": "registry.example.com", "pull-registry": "http://registry.example.com"},
		want: `failed to parse "pull-registry": write a host with or without a path, without a scheme`,
	}, {
		name: "registry for pulling in place of none",
		data: map[string]string{"pull-registry": "registry.example.com"},
		want: `failed to parse "pull-registry": it stands in place of registry: set that too`,
	}, {
		name: "authority that is none",
		data: map[string]string{"registry-ca": "registry.example.com"},
		want: `failed to parse "registry-ca": give certificates in PEM: -----BEGIN CERTIFICATE-----, lines of base64, -----END CERTIFICATE-----`,
	}, {
		name: "authority that was cut off",
		data: map[string]string{"registry-ca": certificate + certificate[:100]},
		want: `failed to parse "registry-ca": give certificates in PEM: -----BEGIN CERTIFICATE-----, lines of base64, -----END CERTIFICATE-----`,
	}, {
		name: "key of an authority",
		data: map[string]string{"registry-ca": certificate + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		want: `failed to parse "registry-ca": give certificates only, and no PRIVATE KEY`,
	}, {
		name: "authority of another content",
		data: map[string]string{"registry-ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		want: `failed to parse "registry-ca": give certificates in PEM: x509: malformed certificate`,
	}, {
		name: "the authorities of all the world",
		data: map[string]string{"registry-ca": strings.Repeat("#", 1<<20)},
		want: `failed to parse "registry-ca": 1048576 bytes are too many: give the certificates of your own authorities only, in at most 65536`,
	}, {
		name: "cache with a tag",
		data: map[string]string{"cache-repository": "registry.example.com/cache:1"},
		want: `failed to parse "cache-repository": write a host with a path, without a scheme and a tag, or "disabled"`,
	}, {
		name: "cache without a path",
		data: map[string]string{"cache-repository": "registry.example.com"},
		want: `failed to parse "cache-repository": write a host with a path, without a scheme and a tag, or "disabled"`,
	}, {
		name: "identity that is no name",
		data: map[string]string{"service-account": "Builder"},
		want: `failed to parse "service-account": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ` +
			`'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is ` +
			`'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
	}, {
		name: "insecure registry with a path",
		data: map[string]string{"insecure-registries": "registry.example.com/path"},
		want: `failed to parse "insecure-registries": registries must be valid RFC 3986 URI authorities: registry.example.com/path`,
	}, {
		name: "mirror with a path",
		data: map[string]string{"registry-mirror": "mirror.example.com/path"},
		want: `failed to parse "registry-mirror": registries must be valid RFC 3986 URI authorities: mirror.example.com/path`,
	}, {
		name: "network that is an address",
		data: map[string]string{"allowed-networks": "10.0.0.1"},
		want: `failed to parse "allowed-networks": "10.0.0.1" is not a network such as 10.0.0.0/8`,
	}, {
		name: "network of IPv4 in IPv6",
		data: map[string]string{"allowed-networks": "::ffff:10.0.0.0/104"},
		want: `failed to parse "allowed-networks": "::ffff:10.0.0.0/104" is not a network such as 10.0.0.0/8`,
	}, {
		name: "loopback",
		data: map[string]string{"allowed-networks": "10.0.0.0/8, 127.0.0.0/8"},
		want: `failed to parse "allowed-networks": "127.0.0.0/8" stays refused, since only a build itself and a cloud's metadata are there: remove it`,
	}, {
		name: "loopback of IPv6",
		data: map[string]string{"allowed-networks": "::1/128"},
		want: `failed to parse "allowed-networks": "::1/128" stays refused, since only a build itself and a cloud's metadata are there: remove it`,
	}, {
		name: "link-local",
		data: map[string]string{"allowed-networks": "169.254.169.254/32"},
		want: `failed to parse "allowed-networks": "169.254.169.254/32" stays refused, since only a build itself and a cloud's metadata are there: remove it`,
	}, {
		name: "timeout without a unit",
		data: map[string]string{"timeout": "30"},
		want: `failed to parse "timeout": time: missing unit in duration "30"`,
	}, {
		name: "timeout that is too short",
		data: map[string]string{"timeout": "59s"},
		want: `failed to parse "timeout": give 1m to 24h`,
	}, {
		// Functions get it as their default, which admission would then refuse.
		name: "timeout that is too long",
		data: map[string]string{"timeout": "24h0m1s"},
		want: `failed to parse "timeout": give 1m to 24h`,
	}, {
		name: "history that is no number",
		data: map[string]string{"history": "all"},
		want: `failed to parse "history": strconv.ParseInt: parsing "all": invalid syntax`,
	}, {
		name: "negative history age",
		data: map[string]string{"history-age": "-1h"},
		want: `failed to parse "history-age": give 0s or more`,
	}, {
		name: "history age without a unit",
		data: map[string]string{"history-age": "7"},
		want: `failed to parse "history-age": time: missing unit in duration "7"`,
	}, {
		name: "negative history",
		data: map[string]string{"history": "-1"},
		want: `failed to parse "history": give 0 or more`,
	}, {
		name: "negative number of builds",
		data: map[string]string{"max-concurrent-builds": "-1"},
		want: `failed to parse "max-concurrent-builds": give 0 or more`,
	}, {
		name: "negative number of builds in a namespace",
		data: map[string]string{"max-concurrent-builds-per-namespace": "-1"},
		want: `failed to parse "max-concurrent-builds-per-namespace": give 0 or more`,
	}, {
		name: "index of another scheme",
		data: map[string]string{"pip-index-url": "ftp://pip.example.com"},
		want: `failed to parse "pip-index-url": write an http or https URL`,
	}, {
		name: "index without a host",
		data: map[string]string{"pip-index-url": "https:///simple"},
		want: `failed to parse "pip-index-url": write an http or https URL`,
	}, {
		name: "index that is no URL",
		data: map[string]string{"pip-index-url": "http://%zz"},
		want: `failed to parse "pip-index-url": write an http or https URL`,
	}, {
		name: "package registry of another scheme",
		data: map[string]string{"npm-registry": "ftp://npm.example.com"},
		want: `failed to parse "npm-registry": write an http or https URL`,
	}, {
		name: "modules from a folder",
		data: map[string]string{"goproxy": "direct,file:///modules"},
		want: `failed to parse "goproxy": write http or https URLs, direct or off, with commas between them`,
	}, {
		name: "quantity that is none",
		data: map[string]string{"cpu-request": "one"},
		want: `failed to parse "cpu-request": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
	}, {
		name: "quantity of nothing",
		data: map[string]string{"memory-limit": "0"},
		want: `failed to parse "memory-limit": give more than 0`,
	}, {
		name: "negative quantity",
		data: map[string]string{"memory-request": "-1Gi"},
		want: `failed to parse "memory-request": give more than 0`,
	}, {
		name: "request over the limit",
		data: map[string]string{"cpu-request": "2", "cpu-limit": "1"},
		want: `failed to parse "cpu-limit": 1 is less than the request of 2`,
	}, {
		name: "limit under the default request",
		data: map[string]string{"memory-limit": "64Mi"},
		want: `failed to parse "memory-limit": 64Mi is less than the request of 128Mi`,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := NewBuildFromMap(tc.data)
			if err == nil {
				t.Fatalf("NewBuildFromMap() = %+v, wanted an error", got)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error("NewBuildFromMap() (-want, +got):", diff)
			}
		})
	}
}

func TestPullAddress(t *testing.T) {
	for _, tc := range []struct{ name, registry, pull, repository, want string }{
		{"the same", "push.example.com", "", "push.example.com/ns/fn", "push.example.com/ns/fn"},
		{"another host", "push.example.com", "pull.example.com:5000", "push.example.com/ns/fn", "pull.example.com:5000/ns/fn"},
		{"a shorter path", "push.example.com/a/b", "pull.example.com/c", "push.example.com/a/b/ns/fn", "pull.example.com/c/ns/fn"},
		{"below it", "push.example.com/a", "pull.example.com", "push.example.com/a/team/ns/fn", "pull.example.com/team/ns/fn"},
		{"beside it", "push.example.com/a", "pull.example.com", "push.example.com/ab/ns/fn", "push.example.com/ab/ns/fn"},
		{"another port", "push.example.com", "pull.example.com", "push.example.com:5000/ns/fn", "push.example.com:5000/ns/fn"},
		{"another registry", "push.example.com", "pull.example.com", "ghcr.io/acme/ns/fn", "ghcr.io/acme/ns/fn"},
	} {
		b := &Build{Registry: tc.registry, PullRegistry: tc.pull}
		if got := b.PullAddress(tc.repository); got != tc.want {
			t.Errorf("%s: PullAddress(%q) = %q, want %q", tc.name, tc.repository, got, tc.want)
		}
	}
}

func FuzzNewBuildFromMap(f *testing.F) {
	for key, value := range map[string]string{
		"registry":            "ghcr.io/acme",
		"registry-secret":     "push",
		"insecure-registries": "a:5000, b\nc,",
		"registry-ca":         certificate,
		"cache-repository":    "ghcr.io/acme/cache",
		"registry-mirror":     "mirror:5000",
		"timeout":             "30m",
		"history":             "3",
		"history-age":         "168h",
		"pip-index-url":       "https://user:pass@pip.example.com/simple",
		"allowed-networks":    "10.0.0.0/8 fd00::/8",
		"cpu-request":         "100m",
		"memory-limit":        "1e3Gi",
		"_example":            "text",
	} {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		b, err := NewBuildFromMap(map[string]string{key: value})
		if err != nil {
			if b != nil {
				t.Error("both a Build and an error:", err)
			}
			return
		}
		if err := b.check(); err != nil {
			t.Error("a Build that does not pass its own check:", err)
		}
		for name, request := range b.Requests {
			if limit, ok := b.Limits[name]; request.Sign() <= 0 || (ok && request.Cmp(limit) > 0) {
				t.Errorf("%s: request %v, limit %v", name, &request, &limit)
			}
		}
	})
}

func TestRegistryHost(t *testing.T) {
	for registry, want := range map[string]string{
		"": "", "ghcr.io/acme": "ghcr.io", "registry:5000": "registry:5000", "10.0.0.1:5000/functions": "10.0.0.1:5000", "docker.io/acme": "index.docker.io",
		"no registry": "",
	} {
		if got := (&Build{Registry: registry}).RegistryHost(); got != want {
			t.Errorf("RegistryHost() of %q = %q, want %q", registry, got, want)
		}
	}
}
