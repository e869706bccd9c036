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
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const published = `
apiVersion: v1
kind: ConfigMap
metadata: {name: config-network, namespace: knative-serving}
data: {_example: untouched}
---
# nothing but a comment
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: webhook}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller}
spec:
  template:
    spec:
      containers:
      - image: ko://example.com/cmd/controller
        args: [-entrypoint-image, ko://example.com/cmd/entrypoint]
        resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2}}
        readinessProbe: {initialDelaySeconds: 20, periodSeconds: 10, timeoutSeconds: 5}
      - image: cgr.dev/chainguard/busybox@sha256:19f02276bf8dbdd62f069b922f10c65262cc34b710eea26ff928129a736be791
`

var testDigest = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}

func TestAdapt(t *testing.T) {
	objects, err := parse([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := importPaths(objects), []string{"example.com/cmd/controller", "example.com/cmd/entrypoint"}; !slices.Equal(got, want) {
		t.Errorf("importPaths() = %v, want %v", got, want)
	}
	digests := map[string]v1.Hash{
		"example.com/cmd/controller:latest": testDigest, "example.com/cmd/entrypoint:latest": testDigest, busyboxImage: testDigest,
	}
	if err := adapt(objects, digests); err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/adapted.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("adapt() made\n%s\nwant\n%s", got, want)
	}
}

func TestAdaptNeedsEveryImage(t *testing.T) {
	objects, err := parse([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	if err := adapt(objects, nil); err == nil || !strings.Contains(err.Error(), "there is no image") {
		t.Errorf("adapt() = %v, want an error that names the image", err)
	}
}

func TestOwnManifests(t *testing.T) {
	objects, err := readProduct(ownManifests, []string{"manifests/*.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object.GetKind() == "ClusterRoleBinding" {
			role, _, _ := unstructured.NestedString(object.Object, "roleRef", "name")
			if role == "cluster-admin" {
				t.Errorf("%s binds cluster-admin", object.GetName())
			}
		}
	}
	// The addresses are written out in the manifests: they must be those of the cluster.
	all, err := ownManifests.ReadFile("manifests/coredns.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"clusterIP: " + dnsIP + "\n", "forward . " + hostIP + "\n"} {
		if !strings.Contains(string(all), want) {
			t.Errorf("manifests/coredns.yaml lacks %q", want)
		}
	}
}

func TestReadProductNamesWhatIsMissing(t *testing.T) {
	if _, err := readProduct(ownManifests, []string{"manifests/none-*.yaml"}); err == nil {
		t.Error("readProduct() passed over a pattern without a file")
	}
}

func TestWaves(t *testing.T) {
	for kind, want := range map[string]int{
		"v1/Namespace": 0,
		"apiextensions.k8s.io/v1/CustomResourceDefinition": 0,
		"apps/v1/Deployment":                                           1,
		"caching.internal.knative.dev/v1alpha1/Image":                  1,
		"admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": 2,
	} {
		object := &unstructured.Unstructured{}
		i := strings.LastIndex(kind, "/")
		object.SetAPIVersion(kind[:i])
		object.SetKind(kind[i+1:])
		if got := wave(object); got != want {
			t.Errorf("wave(%s) = %d, want %d", kind, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte("---\n---\n"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, content []byte) {
		objects, err := parse(content)
		if err != nil {
			return
		}
		for _, object := range objects {
			if object.GetKind() == "" {
				t.Errorf("parse(%q) returned an object without a kind", content)
			}
		}
	})
}
