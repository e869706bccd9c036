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

package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// product is a part of the platform: a Go module, and those of its manifests that a cluster of one node needs.
type product struct {
	module string
	files  []string
}

// products leave out autoscaling and disruption budgets, which one node has no use for, and migrations. A module
// holds no symbolic links: what serving's config only links to is taken from where it lies.
var products = []product{
	{"github.com/tektoncd/pipeline", []string{
		"config/100-namespace/*.yaml", "config/200-*.yaml", "config/201-*.yaml", "config/300-crds/*.yaml",
		"config/clusterrole-aggregate-*.yaml", "config/config-*.yaml", "config/500-webhooks.yaml",
		"config/controller.yaml", "config/webhook.yaml",
	}},
	{"knative.dev/networking", []string{"config/*.yaml"}},
	{"knative.dev/caching", []string{"config/image.yaml"}},
	{"knative.dev/serving", []string{
		"config/core/100-namespace.yaml", "config/core/200-roles/*.yaml", "config/core/200-serviceaccount.yaml",
		"config/core/300-resources/*.yaml", "config/core/300-knativecertificate.yaml", "config/core/999-cache.yaml",
		"config/core/configmaps/*.yaml", "config/core/webhooks/*.yaml", "config/core/deployments/activator.yaml",
		"config/core/deployments/autoscaler.yaml", "config/core/deployments/controller.yaml",
		"config/core/deployments/webhook.yaml",
	}},
	{"knative.dev/eventing", []string{
		"config/core/100-namespace.yaml", "config/core/200-*.yaml", "config/core/roles/*.yaml",
		"config/core/resources/*.yaml", "config/core/configmaps/*.yaml", "config/core/webhooks/*.yaml",
		"third_party/eventing-integrations-latest/*.yaml", "config/core/deployments/controller.yaml",
		"config/core/deployments/webhook.yaml", "config/core/deployments/pingsource-mt-adapter.yaml",
		"config/channels/in-memory-channel/*.yaml", "config/channels/in-memory-channel/*/*.yaml",
		"config/brokers/mt-channel-broker/roles/*.yaml", "config/brokers/mt-channel-broker/deployments/broker-*.yaml",
		"config/brokers/mt-channel-broker/deployments/controller.yaml",
	}},
}

// settings are what this cluster sets in the platform's config maps.
var settings = map[string]map[string]string{
	"knative-serving/config-network":    {"ingress-class": "lambda.ingress.networking.knative.dev"},
	"knative-serving/config-domain":     {domain: ""},
	"knative-serving/config-deployment": {"queue-sidecar-cpu-request": cpuRequest},
	// Nothing injects sidecars here, so that a step need not wait for Tekton to have seen all containers start.
	"tekton-pipelines/feature-flags": {"running-in-environment-with-injected-sidecars": "false"},
}

// tektonShell is the image that Tekton's manifests name for scripts.
var tektonShell = regexp.MustCompile(`^cgr\.dev/chainguard/busybox@sha256:[0-9a-f]+$`)

// cpuRequest is what every container of the platform asks for instead of its own request: upstream's together are
// more than a small machine has, and none uses that much here.
const cpuRequest = "10m"

//go:embed manifests
var ownManifests embed.FS

// readManifests reads the manifests of everything that runs in the cluster, as they are published.
func (c *cluster) readManifests(ctx context.Context) ([]*unstructured.Unstructured, error) {
	modules := make([]string, 0, len(products))
	for _, p := range products {
		modules = append(modules, p.module)
	}
	folders, err := c.moduleFolders(ctx, modules...)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, p := range products {
		read, err := readProduct(os.DirFS(folders[p.module]), p.files)
		if err != nil {
			return nil, fmt.Errorf("failed to read the manifests of %s: %w", p.module, err)
		}
		objects = append(objects, read...)
	}
	ingress, err := readProduct(os.DirFS(filepath.Join(c.source, "ingress")), []string{"manifest.yaml"})
	if err != nil {
		return nil, fmt.Errorf("failed to read the manifest of the ingress: %w", err)
	}
	own, err := readProduct(ownManifests, []string{"manifests/*.yaml"})
	if err != nil {
		return nil, fmt.Errorf("failed to read the cluster's manifests: %w", err)
	}
	return slices.Concat(objects, ingress, own, []*unstructured.Unstructured{c.volume()}), nil
}

// volumeFolder holds the one volume there is: what is in it goes with the cluster.
const volumeFolder = "volume"

// volume is for the first claim that asks for no other StorageClass than the default, which is local.
func (c *cluster) volume() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "PersistentVolume",
		"metadata":   map[string]any{"name": "local"},
		"spec": map[string]any{
			"accessModes":                   []any{"ReadWriteOnce"},
			"capacity":                      map[string]any{"storage": "10Gi"},
			"hostPath":                      map[string]any{"path": c.path(volumeFolder), "type": "Directory"},
			"persistentVolumeReclaimPolicy": "Retain",
			"storageClassName":              "local",
		},
	}}
}

func readProduct(folder fs.FS, patterns []string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, pattern := range patterns {
		files, err := fs.Glob(folder, pattern)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("no file matches %s", pattern)
		}
		for _, file := range files {
			content, err := fs.ReadFile(folder, file)
			if err != nil {
				return nil, err
			}
			read, err := parse(content)
			if err != nil {
				return nil, fmt.Errorf("failed to parse %s: %w", file, err)
			}
			objects = append(objects, read...)
		}
	}
	return objects, nil
}

func parse(content []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096); ; {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		switch object.GetKind() {
		case "", "HorizontalPodAutoscaler", "PodDisruptionBudget":
		default:
			objects = append(objects, object)
		}
	}
}

const koScheme = "ko://"

// importPaths lists the Go programs that manifests want as images.
func importPaths(objects []*unstructured.Unstructured) []string {
	found := map[string]bool{}
	for _, object := range objects {
		mapStrings(object.Object, func(s string) string {
			if importPath, ok := strings.CutPrefix(s, koScheme); ok {
				found[importPath] = true
			}
			return s
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// adapt makes published manifests this cluster's: its images, its settings, small requests.
func adapt(objects []*unstructured.Unstructured, digests map[string]v1.Hash) error {
	for _, object := range objects {
		if err := resolveImages(object, digests); err != nil {
			return fmt.Errorf("failed to adapt %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		switch object.GetKind() {
		case "ConfigMap":
			if err := configure(object); err != nil {
				return fmt.Errorf("failed to configure %s: %w", object.GetName(), err)
			}
		case "Deployment":
			if err := adaptContainers(object); err != nil {
				return fmt.Errorf("failed to adapt the containers of %s: %w", object.GetName(), err)
			}
		}
	}
	return nil
}

func resolveImages(object *unstructured.Unstructured, digests map[string]v1.Hash) error {
	var failed error
	mapStrings(object.Object, func(s string) string {
		name := busyboxImage
		if importPath, ok := strings.CutPrefix(s, koScheme); ok {
			name = imageName(importPath)
		} else if !tektonShell.MatchString(s) {
			return s
		}
		digest, ok := digests[name]
		if !ok {
			failed = fmt.Errorf("there is no image %s", name)
			return s
		}
		resolved, err := reference(name, digest)
		failed = errors.Join(failed, err)
		return resolved
	})
	return failed
}

// imageName is what the image of a program is pushed as.
func imageName(importPath string) string { return importPath + ":latest" }

func configure(object *unstructured.Unstructured) error {
	for key, value := range settings[object.GetNamespace()+"/"+object.GetName()] {
		if err := unstructured.SetNestedField(object.Object, value, "data", key); err != nil {
			return err
		}
	}
	return nil
}

// adaptContainers lowers requests, and has readiness asked for every second from the start: some of the published
// probes first wait for 20 seconds, which is all the time that the rest takes.
func adaptContainers(deployment *unstructured.Unstructured) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil {
		return err
	}
	for _, container := range containers {
		fields, ok := container.(map[string]any)
		if !ok {
			return errors.New("a container is not an object")
		}
		if err := unstructured.SetNestedField(fields, cpuRequest, "resources", "requests", "cpu"); err != nil {
			return err
		}
		if _, ok := fields["readinessProbe"]; ok {
			unstructured.RemoveNestedField(fields, "readinessProbe", "initialDelaySeconds")
			if err := unstructured.SetNestedField(fields, int64(1), "readinessProbe", "periodSeconds"); err != nil {
				return err
			}
		}
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}

// mapStrings replaces every string in a tree of maps and lists.
func mapStrings(value any, replace func(string) string) any {
	switch v := value.(type) {
	case string:
		return replace(v)
	case map[string]any:
		for key := range v {
			v[key] = mapStrings(v[key], replace)
		}
	case []any:
		for i := range v {
			v[i] = mapStrings(v[i], replace)
		}
	}
	return value
}
