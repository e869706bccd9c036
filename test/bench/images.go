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
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// mostImageBytes is what a function without dependencies may add to the image of its language, as registries keep it.
const mostImageBytes = 15 << 20

// measureImages builds a function in each language, and looks how much its image has that its base has not.
func measureImages(ctx context.Context, b *bench, r *report) error {
	cm, err := b.clients.Kube.CoreV1().ConfigMaps(b.operatorNamespace).Get(ctx, config.RuntimesConfigName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to get ConfigMap %q: %w", config.RuntimesConfigName, err)
	}
	runtimes, err := config.NewRuntimesFromConfigMap(cm)
	if err != nil {
		return fmt.Errorf("failed to read ConfigMap %q: %w", config.RuntimesConfigName, err)
	}
	for _, fn := range []*v1alpha1.LambdaFunction{
		test.NewPythonFunction(b.namespace, "image-python", version(0)),
		test.NewNodeFunction(b.namespace, "image-nodejs", "exports.handler = () => 'hello'\n"),
		test.NewGoFunction(b.namespace, "image-go", "package main\n\nfunc Handler() string { return \"hello\" }\n"),
	} {
		language := string(fn.Spec.Runtime.Language)
		if fn, err = b.createReady(ctx, fn); err != nil {
			return err
		}
		service, err := b.clients.Serving.ServingV1().Services(b.namespace).Get(ctx, fn.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("failed to get Knative Service %q: %w", fn.Name, err)
		}
		base, _ := runtimes.BaseImage(language, cmp.Or(fn.Spec.Runtime.Version, runtimes.DefaultVersion(language)))
		if b.mirror != "" {
			base = strings.Replace(base, "docker.io", b.mirror, 1)
		}
		added, err := addedBytes(ctx, service.Spec.Template.Spec.Containers[0].Image, base)
		if err != nil {
			return err
		}
		if added > mostImageBytes {
			r.fault("the image of a function in %s adds %d bytes to its base, more than %d", language, added, mostImageBytes)
		}
		r.add("bytes that an image adds to its base, "+language, fmt.Sprintf("%.1f MiB", float64(added)/(1<<20)), "", "")
	}
	return nil
}

// addedBytes adds up the layers of an image that its base, where there is one, has not.
func addedBytes(ctx context.Context, image, base string) (added int64, err error) {
	known := map[v1.Hash]bool{}
	if base != "" {
		manifest, err := manifestOf(ctx, base)
		if err != nil {
			return 0, err
		}
		for i := range manifest.Layers {
			known[manifest.Layers[i].Digest] = true
		}
	}
	manifest, err := manifestOf(ctx, image)
	if err != nil {
		return 0, err
	}
	for i := range manifest.Layers {
		if layer := &manifest.Layers[i]; !known[layer.Digest] {
			added += layer.Size
		}
	}
	return added, nil
}

func manifestOf(ctx context.Context, image string) (*v1.Manifest, error) {
	reference, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		return nil, fmt.Errorf("failed to parse image %q: %w", image, err)
	}
	found, err := remote.Image(reference, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("failed to get image %q: %w", image, err)
	}
	return found.Manifest()
}
