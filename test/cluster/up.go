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
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ownModules are the import paths, in manifests, of programs that modules of this folder build.
var ownModules = map[string]binary{
	"github.com/knative-lambda/knative-lambda-operator/test/cluster/coredns": corednsBinary,
	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress": ingressBinary,
}

const helloImage = "hello:latest"

// up makes the cluster, or finds that it is there.
func (c *cluster) up(ctx context.Context, p *progress, languages []string) error {
	runtimes, err := c.wantedRuntimes(languages)
	if err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.foreign(); err != nil {
		return err
	}
	return c.cutOff(ctx, func() error {
		broken := c.check(ctx)
		if broken == nil {
			return c.resume(ctx, p, runtimes)
		}
		return c.renew(ctx, p, runtimes, broken)
	})
}

// renew makes the cluster, after clearing what is left of an earlier one.
func (c *cluster) renew(ctx context.Context, p *progress, runtimes []image, broken error) error {
	if _, err := os.Stat(c.state); err == nil {
		p.step("clear what an earlier run left: %v", broken)
	}
	if err := c.clear(ctx); err != nil {
		return err
	}
	if err := c.installPackages(ctx, p); err != nil {
		return err
	}
	made, err := c.makeAll(ctx, p, runtimes)
	if err != nil {
		return err
	}
	return c.create(ctx, p, made)
}

// resume waits until a cluster that runs serves, and gives it the images it was made without.
func (c *cluster) resume(ctx context.Context, p *progress, runtimes []image) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	if err := k.waitAvailable(ctx); err != nil {
		return err
	}
	images, err := c.openImages()
	if err != nil {
		return err
	}
	digests, err := images.ensure(ctx, p, c.work(), runtimes)
	if err != nil {
		return err
	}
	if err := images.publish(ctx, digests); err != nil {
		return err
	}
	p.step("the cluster is up")
	return nil
}

// made is what a cluster is started from.
type made struct {
	programs map[string]string // by the name they are started under
	images   *images
	digests  map[string]v1.Hash
	objects  []*unstructured.Unstructured
}

// makeAll builds the programs and the images, or finds them in the cache.
func (c *cluster) makeAll(ctx context.Context, p *progress, runtimes []image) (*made, error) {
	var err error
	if c.source, err = sourceFolder(); err != nil {
		return nil, err
	}
	m := &made{programs: map[string]string{}, digests: map[string]v1.Hash{}}
	if m.objects, err = c.readManifests(ctx); err != nil {
		return nil, err
	}
	if m.images, err = c.openImages(); err != nil {
		return nil, err
	}
	if err := c.makeImages(ctx, p, m, runtimes); err != nil {
		return nil, err
	}
	if err := errors.Join(m.images.prune(), c.pruneBinaries(time.Now())); err != nil {
		return nil, err
	}
	return m, adapt(m.objects, m.digests)
}

// makeImages has base images downloaded while programs are compiled.
func (c *cluster) makeImages(ctx context.Context, p *progress, m *made, runtimes []image) error {
	base, err := c.baseImages(ctx)
	if err != nil {
		return err
	}
	base = append(base, runtimes...)
	var programs []image
	var baseDigests map[string]v1.Hash
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		baseDigests, err = m.images.ensure(groupCtx, p, c.work(), base)
		return err
	})
	group.Go(func() (err error) {
		programs, err = c.buildPrograms(groupCtx, p, m)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	digests, err := m.images.ensure(ctx, p, c.work(), programs)
	if err != nil {
		return err
	}
	maps.Copy(m.digests, baseDigests)
	maps.Copy(m.digests, digests)
	return nil
}

// kubernetesComponents are the names that the one binary of Kubernetes answers to.
var kubernetesComponents = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
}

// buildPrograms builds every program, and returns the images of those that run in pods.
func (c *cluster) buildPrograms(ctx context.Context, p *progress, m *made) ([]image, error) {
	for _, b := range []binary{kubernetesBinary, corednsBinary, registryBinary, koBinary} {
		path, err := c.build(ctx, p, b)
		if err != nil {
			return nil, err
		}
		m.programs[b.name()] = path
	}
	for _, component := range kubernetesComponents {
		m.programs[component] = m.programs[kubernetesBinary.name()]
	}
	executor, err := c.build(ctx, p, kanikoBinary)
	if err != nil {
		return nil, err
	}
	inputs, err := staticInputs(ctx)
	if err != nil {
		return nil, err
	}
	images := []image{kaniko(executor)}
	wanted := map[string]binary{helloImage: helloBinary}
	for _, importPath := range importPaths(m.objects) {
		b, ok := ownModules[importPath]
		if !ok {
			b = binary{module: "platform", pkg: importPath}
		}
		wanted[imageName(importPath)] = b
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		path, err := c.build(ctx, p, wanted[name])
		if err != nil {
			return nil, err
		}
		images = append(images, program(name, path, inputs))
	}
	return images, nil
}

// makeVolume makes the folder of the volume. Kubernetes does not give a host's folder to the user of a pod, so that it is
// everybody's; that of the state above it is not.
func (c *cluster) makeVolume() error {
	folder := c.path(volumeFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("failed to make %s: %w", folder, err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		return fmt.Errorf("failed to open %s: %w", folder, err)
	}
	return nil
}

// create starts everything, and waits until it serves.
func (c *cluster) create(ctx context.Context, p *progress, m *made) error {
	p.step("create the network, certificates and configuration")
	for _, folder := range []string{
		"log", "registry", "node/log", "node/cni", "node/kubelet", "/var/lib/cni", "/var/lib/kubelet",
	} {
		if !filepath.IsAbs(folder) {
			folder = c.path(folder)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("failed to make %s: %w", folder, err)
		}
	}
	if err := c.makeVolume(); err != nil {
		return err
	}
	if err := errors.Join(
		c.linkBinaries(m.programs), c.createPKI(), c.writeConfiguration(), createCgroups(), c.createNetwork(ctx),
	); err != nil {
		return err
	}
	p.step("start the control plane, the registry and containerd")
	k, err := c.startDaemons(ctx, m)
	if err != nil {
		return err
	}
	p.step("apply %d manifests: Tekton, Knative Serving, Knative Eventing", len(m.objects))
	if err := k.applyAll(ctx, m.objects); err != nil {
		return err
	}
	p.step("wait until all of them serve")
	if err := k.waitAvailable(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("complete"), nil, 0o644); err != nil {
		return fmt.Errorf("failed to note that the cluster is complete: %w", err)
	}
	p.step("the cluster is up")
	return nil
}

func (c *cluster) startDaemons(ctx context.Context, m *made) (*client, error) {
	var k *client
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		k, err = c.startControlPlane(groupCtx)
		return err
	})
	group.Go(func() error {
		if err := c.start(groupCtx, c.registry()); err != nil {
			return err
		}
		return m.images.publish(groupCtx, m.digests)
	})
	for _, d := range []daemon{c.containerd(), c.resolver()} {
		group.Go(func() error { return c.start(groupCtx, d) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	kubelet, err := c.kubelet()
	if err != nil {
		return nil, err
	}
	return k, errors.Join(c.start(ctx, kubelet), c.start(ctx, c.kubeProxy()))
}

// components are the daemons of a cluster, in the order in which status lists them.
var components = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "registry", "resolver", "containerd",
	"kubelet", "kube-proxy",
}

// check says what is wrong with the cluster's daemons, if anything is. Pods are not its business: kubelet starts them
// again, which is no reason for up to start all over.
func (c *cluster) check(ctx context.Context) error {
	if _, err := os.Stat(c.path("complete")); err != nil {
		return errors.New("no cluster was completed")
	}
	running, err := c.running()
	if err != nil {
		return err
	}
	var dead []string
	for _, component := range components {
		if _, ok := running[component]; !ok {
			dead = append(dead, component)
		}
	}
	if len(dead) > 0 {
		return fmt.Errorf("not running: %s", strings.Join(dead, ", "))
	}
	k, err := c.client()
	if err != nil {
		return err
	}
	readyCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := k.ready(readyCtx); err != nil {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return nil
}

// running finds the daemons. Of what a daemon started, and so carries its name too, it is the oldest.
func (c *cluster) running() (map[string]process, error) {
	all, err := c.processes()
	if err != nil {
		return nil, err
	}
	running := map[string]process{}
	for _, p := range all {
		if _, ok := running[p.component]; !ok {
			running[p.component] = p
		}
	}
	return running, nil
}
