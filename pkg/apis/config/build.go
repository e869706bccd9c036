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
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/configmap/parser"
)

// BuildConfigName is the name of the ConfigMap that says how images are built.
const BuildConfigName = "config-build"

// MinBuildTimeout and MaxBuildTimeout limit the timeout of a build, be it a function's own or that of the ConfigMap.
const (
	MinBuildTimeout = time.Minute
	MaxBuildTimeout = 24 * time.Hour
)

// CacheDisabled is the value of cache-repository that keeps no layers.
const CacheDisabled = "disabled"

// maxRegistryCA is what a variable of a process can hold, by half.
const maxRegistryCA = 64 << 10

// Build says how images are built. The keys of the ConfigMap are in the comments.
type Build struct {
	// Registry (registry) is where images are pushed, a host with or without a path, for example "ghcr.io/acme".
	// Functions may name another. Empty by default: then each function has to.
	Registry string
	// PullRegistry (pull-registry) is what stands in place of Registry in the addresses that nodes pull images from, for
	// registries that have another name there than in the pods of builds. It holds for all that is pushed to Registry or
	// below it, also by functions that name it themselves. Empty by default: images are pulled from where they are pushed.
	PullRegistry string
	// RegistrySecret (registry-secret) is the name of a Secret of type kubernetes.io/dockerconfigjson in the
	// function's namespace; builds push and pull with it, and the function is pulled with it. Where a namespace has no
	// such Secret, images are pushed and pulled without credentials.
	RegistrySecret string
	// RegistryCA (registry-ca) are certificates in PEM of authorities that builds trust beside those of their own image,
	// of all registries: the one that is pushed to, those of base images, the mirror. At most 64 KiB. Nodes trust whom
	// they trust.
	RegistryCA string
	// CacheRepository (cache-repository) is where layers of dependencies are kept, for all functions. Empty by default:
	// each function has its own. CacheDisabled keeps none.
	CacheRepository string
	// ServiceAccount (service-account) is the name of the ServiceAccount in the function's namespace that the pods of
	// builds belong to, for what a cloud lets it do. They get no token of the Kubernetes API in any case. Empty by
	// default: Tekton's own default.
	ServiceAccount string
	// InsecureRegistries (insecure-registries) are the hosts, with port, that speak plain http.
	InsecureRegistries []string
	// RegistryMirror (registry-mirror) is a host, with port, that base images of docker.io are taken from.
	RegistryMirror string

	// KanikoImage (kaniko-image) builds and pushes the image.
	KanikoImage string
	// FetchImage (fetch-image) makes the build context from the source.
	FetchImage string
	// RuntimeImage (runtime-image) holds the supervisor that goes into each function's image.
	RuntimeImage string

	// Timeout (timeout) of a build whose function names none. 30m by default.
	Timeout time.Duration
	// History (history) is how many finished builds of a function are kept to look at. 3 by default.
	History int
	// HistoryAge (history-age) is how long a finished build is kept at most, also the one whose image serves. 168h by
	// default, 0 is no limit.
	HistoryAge time.Duration

	// MaxConcurrentBuilds (max-concurrent-builds) is how many builds run at once; the others wait for their turn. 10 by
	// default, 0 is no limit.
	MaxConcurrentBuilds int
	// MaxConcurrentBuildsPerNamespace (max-concurrent-builds-per-namespace) is how many of them may be of one namespace.
	// 5 by default, 0 is no limit.
	MaxConcurrentBuildsPerNamespace int

	// PipIndexURL (pip-index-url) is the package index of Python. Empty by default: pip's own.
	PipIndexURL string
	// NpmRegistry (npm-registry) is the package registry of Node.js. Empty by default: npm's own.
	NpmRegistry string

	// AllowedNetworks (allowed-networks) are networks of private addresses, as CIDRs, that sources may come from. Empty
	// by default: then sources come from public addresses only.
	AllowedNetworks []string

	// GoProxy (goproxy) is where modules of Go are downloaded from, in the form of the variable GOPROXY. Empty by
	// default: Go's own.
	GoProxy string

	// Requests (cpu-request, memory-request) are set aside for a build. 100m and 128Mi by default: a build must fit
	// beside what already serves.
	Requests corev1.ResourceList
	// Limits (cpu-limit, memory-limit) are the most a build gets. Without limit by default.
	Limits corev1.ResourceList
}

func defaultBuild() *Build {
	return &Build{
		Timeout: 30 * time.Minute,
		History: 3,

		HistoryAge: 7 * 24 * time.Hour,

		MaxConcurrentBuilds:             10,
		MaxConcurrentBuildsPerNamespace: 5,

		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("128Mi"),
		},
	}
}

// NewBuildFromConfigMap parses ConfigMap config-build.
func NewBuildFromConfigMap(cm *corev1.ConfigMap) (*Build, error) {
	return NewBuildFromMap(cm.Data)
}

// NewBuildFromMap parses the data of ConfigMap config-build.
func NewBuildFromMap(data map[string]string) (*Build, error) {
	b := defaultBuild()
	var authorities, insecure, networks string
	if err := parser.Parse(data,
		parser.As("registry", &b.Registry),
		parser.As("pull-registry", &b.PullRegistry),
		parser.As("registry-secret", &b.RegistrySecret),
		parser.As("registry-ca", &authorities),
		parser.As("cache-repository", &b.CacheRepository),
		parser.As("service-account", &b.ServiceAccount),
		parser.As("insecure-registries", &insecure),
		parser.As("registry-mirror", &b.RegistryMirror),
		parser.As("kaniko-image", &b.KanikoImage),
		parser.As("fetch-image", &b.FetchImage),
		parser.As("runtime-image", &b.RuntimeImage),
		parser.As("timeout", &b.Timeout),
		parser.As("history", &b.History),
		parser.As("history-age", &b.HistoryAge),
		parser.As("max-concurrent-builds", &b.MaxConcurrentBuilds),
		parser.As("max-concurrent-builds-per-namespace", &b.MaxConcurrentBuildsPerNamespace),
		parser.As("pip-index-url", &b.PipIndexURL),
		parser.As("npm-registry", &b.NpmRegistry),
		parser.As("allowed-networks", &networks),
		parser.As("goproxy", &b.GoProxy),
		asQuantity("cpu-request", &b.Requests, corev1.ResourceCPU),
		asQuantity("memory-request", &b.Requests, corev1.ResourceMemory),
		asQuantity("cpu-limit", &b.Limits, corev1.ResourceCPU),
		asQuantity("memory-limit", &b.Limits, corev1.ResourceMemory),
	); err != nil {
		return nil, err
	}
	var err error
	if b.RegistryCA, err = parseCertificates(authorities); err != nil {
		return nil, fmt.Errorf("failed to parse %q: %w", "registry-ca", err)
	}
	b.InsecureRegistries = splitList(insecure)
	b.AllowedNetworks = splitList(networks)
	if err := b.check(); err != nil {
		return nil, err
	}
	return b, nil
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

func (b *Build) check() error {
	if err := b.checkRegistries(); err != nil {
		return err
	}
	for _, network := range b.AllowedNetworks {
		prefix, err := netip.ParsePrefix(network)
		if err != nil || prefix.Addr().Is4In6() {
			return fmt.Errorf("failed to parse %q: %q is not a network such as 10.0.0.0/8", "allowed-networks", network)
		}
		if prefix.Addr().IsLoopback() || prefix.Addr().IsLinkLocalUnicast() {
			return fmt.Errorf("failed to parse %q: %q stays refused, since only a build itself and a cloud's metadata are there: remove it", "allowed-networks", network)
		}
	}
	if b.Timeout < MinBuildTimeout || b.Timeout > MaxBuildTimeout {
		return errors.New("failed to parse \"timeout\": give 1m to 24h")
	}
	if b.History < 0 {
		return errors.New("failed to parse \"history\": give 0 or more")
	}
	if b.HistoryAge < 0 {
		return errors.New("failed to parse \"history-age\": give 0s or more")
	}
	if b.MaxConcurrentBuilds < 0 {
		return errors.New("failed to parse \"max-concurrent-builds\": give 0 or more")
	}
	if b.MaxConcurrentBuildsPerNamespace < 0 {
		return errors.New("failed to parse \"max-concurrent-builds-per-namespace\": give 0 or more")
	}
	if err := checkIndex("pip-index-url", b.PipIndexURL); err != nil {
		return err
	}
	if err := checkIndex("npm-registry", b.NpmRegistry); err != nil {
		return err
	}
	if err := checkGoProxy(b.GoProxy); err != nil {
		return err
	}
	for name, limit := range b.Limits {
		if request, ok := b.Requests[name]; ok && request.Cmp(limit) > 0 {
			return fmt.Errorf("failed to parse %q: %v is less than the request of %v", name+"-limit", &limit, &request)
		}
	}
	return nil
}

func (b *Build) checkRegistries() error {
	if b.Registry != "" {
		if err := CheckRegistry(b.Registry); err != nil {
			return fmt.Errorf("failed to parse %q: %w", "registry", err)
		}
	}
	if b.PullRegistry != "" {
		if err := CheckRegistry(b.PullRegistry); err != nil {
			return fmt.Errorf("failed to parse %q: %w", "pull-registry", err)
		}
		if b.Registry == "" {
			return errors.New("failed to parse \"pull-registry\": it stands in place of registry: set that too")
		}
	}
	for _, host := range b.InsecureRegistries {
		if _, err := name.NewRegistry(host, name.StrictValidation); err != nil {
			return fmt.Errorf("failed to parse %q: %w", "insecure-registries", err)
		}
	}
	if b.RegistryMirror != "" {
		if _, err := name.NewRegistry(b.RegistryMirror, name.StrictValidation); err != nil {
			return fmt.Errorf("failed to parse %q: %w", "registry-mirror", err)
		}
	}
	if cache := b.CacheRepository; cache != "" && cache != CacheDisabled && (CheckRegistry(cache) != nil || !strings.Contains(cache, "/")) {
		return fmt.Errorf("failed to parse %q: write a host with a path, without a scheme and a tag, or %q", "cache-repository", CacheDisabled)
	}
	if b.ServiceAccount != "" {
		if msgs := validation.IsDNS1123Subdomain(b.ServiceAccount); len(msgs) > 0 {
			return fmt.Errorf("failed to parse %q: %s", "service-account", strings.Join(msgs, "; "))
		}
	}
	return nil
}

// parseCertificates returns the certificates in PEM, without what people write between them.
func parseCertificates(text string) (string, error) {
	if len(text) > maxRegistryCA {
		return "", fmt.Errorf("%d bytes are too many: give the certificates of your own authorities only, in at most %d", len(text), maxRegistryCA)
	}
	var certificates strings.Builder
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return "", fmt.Errorf("give certificates only, and no %s", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", fmt.Errorf("give certificates in PEM: %w", err)
		}
		certificates.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if text != "" && certificates.Len() == 0 || strings.Contains(string(rest), "-----BEGIN") {
		return "", errors.New("give certificates in PEM: -----BEGIN CERTIFICATE-----, lines of base64, -----END CERTIFICATE-----")
	}
	return certificates.String(), nil
}

// checkIndex returns what is wrong with the address that packages of a language come from.
func checkIndex(key, value string) error {
	if value == "" {
		return nil
	}
	if webURL(value) == nil {
		return fmt.Errorf("failed to parse %q: write an http or https URL", key)
	}
	return nil
}

// webURL returns an http or https URL, or nil where the text is none.
func webURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil
	}
	return u
}

// checkGoProxy returns what is wrong with a list of places that modules of Go come from.
func checkGoProxy(list string) error {
	for place := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '|' }) {
		if place == "direct" || place == "off" {
			continue
		}
		if webURL(place) == nil {
			return errors.New("failed to parse \"goproxy\": write http or https URLs, direct or off, with commas between them")
		}
	}
	return nil
}

// CheckRegistry returns what is wrong with a registry that images are to be pushed to.
func CheckRegistry(registry string) error {
	_, err := name.NewRepository(registry+"/namespace/name", name.StrictValidation)
	// The parser takes empty parts, and so "https:" for a host.
	if err != nil || slices.Contains(strings.Split(registry, "/"), "") {
		return errors.New("write a host with or without a path, without a scheme")
	}
	return nil
}

// PullAddress is where nodes pull what is pushed to the repository.
func (b *Build) PullAddress(repository string) string {
	if path, ok := strings.CutPrefix(repository, b.Registry+"/"); ok && b.PullRegistry != "" {
		return b.PullRegistry + "/" + path
	}
	return repository
}

// RegistryHost is the host of Registry, with its port, and "" where there is none.
func (b *Build) RegistryHost() string {
	if b.Registry == "" {
		return ""
	}
	repository, err := name.NewRepository(b.Registry+"/name", name.StrictValidation)
	if err != nil {
		return ""
	}
	return repository.RegistryStr()
}

func asQuantity(key string, target *corev1.ResourceList, resourceName corev1.ResourceName) parser.ParseFunc {
	return func(data map[string]string) error {
		raw, ok := data[key]
		if !ok || raw == "" {
			return nil
		}
		quantity, err := resource.ParseQuantity(raw)
		if err != nil {
			return fmt.Errorf("failed to parse %q: %w", key, err)
		}
		if quantity.Sign() <= 0 {
			return fmt.Errorf("failed to parse %q: give more than 0", key)
		}
		if *target == nil {
			*target = corev1.ResourceList{}
		}
		(*target)[resourceName] = quantity
		return nil
	}
}
