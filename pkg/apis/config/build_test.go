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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

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
			"registry-secret": "push",
			"registry-mirror": "mirror.example.com:5000",
		},
		want: with(func(b *Build) {
			b.Registry = "registry.example.com:5000/functions/all"
			b.RegistrySecret = "push"
			b.RegistryMirror = "mirror.example.com:5000"
		}),
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

func FuzzNewBuildFromMap(f *testing.F) {
	for key, value := range map[string]string{
		"registry":            "ghcr.io/acme",
		"registry-secret":     "push",
		"insecure-registries": "a:5000, b\nc,",
		"registry-mirror":     "mirror:5000",
		"timeout":             "30m",
		"history":             "3",
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
