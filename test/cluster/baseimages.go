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
	"fmt"
	"os/exec"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names of the images that the cluster makes without building a Go program for each.
const (
	staticImage  = "static:latest"
	busyboxImage = "busybox:latest"
	pauseImage   = "pause:latest"
	kanikoImage  = "kaniko:latest"
)

// baseImages are those that others are built on or with, and that need no Go program.
func (c *cluster) baseImages(ctx context.Context) ([]image, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("failed to find busybox: %w", err)
	}
	inputs, err := staticInputs(ctx)
	if err != nil {
		return nil, err
	}
	return []image{
		{name: staticImage, inputs: inputs, recipe: "1", make: func(context.Context, string) (v1.Image, error) {
			return makeStatic(inputs)
		}},
		{name: busyboxImage, inputs: append(inputs, busybox), recipe: "1", make: func(ctx context.Context, _ string) (v1.Image, error) {
			return c.makeBusybox(ctx, busybox, inputs)
		}},
		{name: pauseImage, inputs: []string{busybox}, recipe: "1", make: func(context.Context, string) (v1.Image, error) {
			return makePause(busybox)
		}},
	}, nil
}

// kaniko is the image that builds images.
func kaniko(executor string) image {
	return image{name: kanikoImage, inputs: []string{caBundle}, recipe: "1 " + executor, make: func(context.Context, string) (v1.Image, error) {
		return makeKaniko(executor)
	}}
}

func makeStatic(inputs []string) (v1.Image, error) {
	base, err := layerOf(static(inputs))
	if err != nil {
		return nil, err
	}
	return compose(staticConfig, base)
}

// makeBusybox makes the image that Tekton runs scripts in. It must allow root.
func (c *cluster) makeBusybox(ctx context.Context, busybox string, inputs []string) (v1.Image, error) {
	applets, err := c.output(ctx, busybox, "--list")
	if err != nil {
		return nil, err
	}
	files := append(static(inputs), folder("bin", 0o755), file{path: "bin/busybox", mode: 0o755, source: busybox})
	for applet := range strings.FieldsSeq(applets) {
		if applet != "busybox" {
			files = append(files, file{path: "bin/" + applet, link: "busybox"})
		}
	}
	layer, err := layerOf(files)
	if err != nil {
		return nil, err
	}
	return compose(v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"sh"}}, layer)
}

// makePause makes the image that holds a pod's namespaces open.
func makePause(busybox string) (v1.Image, error) {
	layer, err := layerOf([]file{folder("bin", 0o755), {path: "bin/sleep", mode: 0o755, source: busybox}})
	if err != nil {
		return nil, err
	}
	return compose(v1.Config{User: staticConfig.User, Entrypoint: []string{"/bin/sleep", "2147483647"}}, layer)
}

// makeKaniko lays Kaniko out as its own image is. It builds as root in its container's root folder, so that one is
// otherwise empty.
func makeKaniko(executor string) (v1.Image, error) {
	layer, err := layerOf(append(accounts,
		folder("kaniko", 0o777), folder("kaniko/.docker", 0o755), folder("kaniko/ssl", 0o755),
		folder("kaniko/ssl/certs", 0o755), folder("workspace", 0o755), folder("root", 0o700), folder("etc", 0o755),
		file{path: "kaniko/executor", mode: 0o755, source: executor},
		file{path: "kaniko/ssl/certs/ca-certificates.crt", source: caBundle},
		file{path: "etc/nsswitch.conf", content: "hosts: files dns\n"},
	))
	if err != nil {
		return nil, err
	}
	return compose(v1.Config{
		Env: []string{
			"PATH=/usr/local/bin:/kaniko", "HOME=/root", "USER=root",
			"SSL_CERT_DIR=/kaniko/ssl/certs", "DOCKER_CONFIG=/kaniko/.docker/",
		},
		WorkingDir: "/workspace",
		Entrypoint: []string{"/kaniko/executor"},
	}, layer)
}
