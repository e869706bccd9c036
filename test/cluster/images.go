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
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/compression"
	gcr "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

const (
	caBundle = "/etc/ssl/certs/ca-certificates.crt"
	nonRoot  = 65532

	nameAnnotation   = "org.opencontainers.image.ref.name"
	recipeAnnotation = "dev.knative.lambda.recipe"
)

// image is one to make, unless the cache holds it, made by the same recipe from files with the same content.
type image struct {
	name   string // repository and tag
	recipe string
	inputs []string
	// make may use the folder for what is to be read while the image is written.
	make func(ctx context.Context, work string) (v1.Image, error)
}

// key is a hash of the recipe and of what goes in.
func (i image) key() (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q\n", i.recipe)
	for _, input := range i.inputs {
		content, err := os.ReadFile(input)
		if err != nil {
			return "", fmt.Errorf("failed to read what image %s is made of: %w", i.name, err)
		}
		fmt.Fprintf(hash, "%x\n", sha256.Sum256(content))
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// images is the cache of made images: an OCI layout, which the cluster's registry serves from.
type images struct {
	mutex  sync.Mutex // of its index
	layout layout.Path
}

func (c *cluster) imageFolder() string { return filepath.Join(c.cache, "images") }

func (c *cluster) openImages() (*images, error) {
	path, err := layout.FromPath(c.imageFolder())
	if errors.Is(err, fs.ErrNotExist) {
		path, err = layout.Write(c.imageFolder(), empty.Index)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to open the cache of images: %w", err)
	}
	return &images{layout: path}, nil
}

// ensure makes what is missing, two at a time, and returns the digest of each by name.
func (s *images) ensure(ctx context.Context, p *progress, work string, wanted []image) (map[string]v1.Hash, error) {
	digests, err := s.digests(wanted)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, fmt.Errorf("failed to make the work folder: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, w := range wanted {
		if _, ok := digests[w.name]; ok {
			continue
		}
		group.Go(func() error {
			p.step("image %s", w.name)
			if err := s.add(ctx, w, work); err != nil {
				return fmt.Errorf("failed to make image %s: %w", w.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s.digests(wanted)
}

func (s *images) add(ctx context.Context, w image, work string) error {
	work, err := os.MkdirTemp(work, "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	key, err := w.key()
	if err != nil {
		return err
	}
	made, err := w.make(ctx, work)
	if err != nil {
		return err
	}
	// Layers are written before the lock is taken: that is what takes long.
	if err := s.layout.WriteImage(made); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.layout.ReplaceImage(made, match.Name(w.name), layout.WithAnnotations(map[string]string{
		nameAnnotation: w.name, recipeAnnotation: key,
	}))
}

// digests looks up those of the wanted images that are there, made by the recipe that is wanted now.
func (s *images) digests(wanted []image) (map[string]v1.Hash, error) {
	index, err := s.layout.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("failed to read the cache of images: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("failed to read the cache of images: %w", err)
	}
	made := make(map[string]v1.Descriptor, len(manifest.Manifests))
	for _, descriptor := range manifest.Manifests {
		made[descriptor.Annotations[nameAnnotation]] = descriptor
	}
	digests := make(map[string]v1.Hash, len(wanted))
	for _, w := range wanted {
		key, err := w.key()
		if err != nil {
			return nil, err
		}
		if descriptor, ok := made[w.name]; ok && descriptor.Annotations[recipeAnnotation] == key {
			digests[w.name] = descriptor.Digest
		}
	}
	return digests, nil
}

// prune removes layers that no image has any more.
func (s *images) prune() error {
	stale, err := s.layout.GarbageCollect()
	if err != nil {
		return fmt.Errorf("failed to find stale layers: %w", err)
	}
	for _, hash := range stale {
		if err := s.layout.RemoveBlob(hash); err != nil {
			return fmt.Errorf("failed to remove a stale layer: %w", err)
		}
	}
	return nil
}

// publish tells the registry of the images. It has their layers already: it reads them from the same folder.
func (s *images) publish(ctx context.Context, digests map[string]v1.Hash) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for name, digest := range digests {
		group.Go(func() error {
			cached, err := s.layout.Image(digest)
			if err != nil {
				return fmt.Errorf("failed to read image %s: %w", name, err)
			}
			tag, err := gcr.NewTag(registryAddress + "/" + name)
			if err != nil {
				return fmt.Errorf("failed to name image: %w", err)
			}
			if err := remote.Put(tag, cached, remote.WithContext(ctx)); err != nil {
				return fmt.Errorf("failed to publish image %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// reference is how manifests name an image: by digest, so that what runs is what was made.
func reference(name string, digest v1.Hash) (string, error) {
	tag, err := gcr.NewTag(registryAddress + "/" + name)
	if err != nil {
		return "", fmt.Errorf("failed to name image: %w", err)
	}
	return tag.Context().Digest(digest.String()).Name(), nil
}

// file is one entry of a layer: a folder, a link, or a file with its content here or at a path of the machine.
type file struct {
	path    string
	mode    int64
	link    string
	content string
	source  string
}

func folder(path string, mode int64) file { return file{path: path + "/", mode: mode} }

// layerOf makes a layer of files. It depends on their content only: no times, no owners.
func layerOf(files []file) (v1.Layer, error) {
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		reader, writer := io.Pipe()
		go func() {
			archive := tar.NewWriter(writer)
			for _, f := range files {
				if err := f.writeTo(archive); err != nil {
					writer.CloseWithError(err)
					return
				}
			}
			writer.CloseWithError(archive.Close())
		}()
		return reader, nil
		// zstd, at its fastest, is read several times as fast as gzip: two cores unpack a gigabyte on the way up.
	}, tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd))
}

func (f file) writeTo(archive *tar.Writer) error {
	header := &tar.Header{Name: f.path, Mode: cmp.Or(f.mode, 0o644), Size: int64(len(f.content)), Linkname: f.link}
	var content io.Reader = bytes.NewReader([]byte(f.content))
	switch {
	case f.path[len(f.path)-1] == '/':
		header.Typeflag = tar.TypeDir
	case f.link != "":
		header.Typeflag = tar.TypeSymlink
	case f.source != "":
		source, err := os.Open(f.source)
		if err != nil {
			return err
		}
		defer source.Close()
		info, err := source.Stat()
		if err != nil {
			return err
		}
		header.Size, content = info.Size(), source
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

// compose makes an image of layers.
func compose(config v1.Config, layers ...v1.Layer) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	made, err := mutate.AppendLayers(base, layers...)
	if err != nil {
		return nil, err
	}
	configFile, err := made.ConfigFile()
	if err != nil {
		return nil, err
	}
	configFile = configFile.DeepCopy()
	configFile.OS, configFile.Architecture, configFile.Config = "linux", runtime.GOARCH, config
	return mutate.ConfigFile(made, configFile)
}

// accounts are root and the user that everything without a reason to be root runs as.
var accounts = []file{
	{path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"},
	{path: "etc/group", content: "root:x:0:\nnonroot:x:65532:\n"},
}

// zoneInfoPath is where images have the time zones of the world, which schedules are in.
const zoneInfoPath = "/usr/share/zoneinfo.zip"

// staticInputs are the files of this machine that are part of each image of a static binary: whom it trusts, and Go's own
// copy of the time zones.
func staticInputs(ctx context.Context) ([]string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("failed to find Go: %w", err)
	}
	return []string{caBundle, filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")}, nil
}

// static is what a static binary expects to find: accounts, a place for temporary files, time zones, and the certificate
// authorities that this machine trusts. inputs are those of staticInputs.
func static(inputs []string) (files []file) {
	files = append(files,
		folder("etc", 0o755), folder("etc/ssl", 0o755), folder("etc/ssl/certs", 0o755), folder("tmp", 0o1777),
		folder("home", 0o755), folder("home/nonroot", 0o755), // nobody writes there
		file{path: "etc/ssl/certs/ca-certificates.crt", source: caBundle},
		file{path: "etc/nsswitch.conf", content: "hosts: files dns\n"},
		folder("usr", 0o755), folder("usr/share", 0o755), file{path: strings.TrimPrefix(zoneInfoPath, "/"), source: inputs[1]},
	)
	return append(files, accounts...)
}

var staticConfig = v1.Config{
	User: fmt.Sprintf("%d:%d", nonRoot, nonRoot),
	Env:  []string{"PATH=/ko-app:/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=" + caBundle, "ZONEINFO=" + zoneInfoPath},
}

// program is the image of one static binary, laid out as ko would. The binary's path is its version.
func program(name, binary string, inputs []string) image {
	return image{name: name, recipe: "1 " + binary, inputs: inputs, make: func(context.Context, string) (v1.Image, error) {
		base, err := layerOf(static(inputs))
		if err != nil {
			return nil, err
		}
		path := path.Join("ko-app", filepath.Base(binary))
		top, err := layerOf([]file{folder("ko-app", 0o755), {path: path, mode: 0o755, source: binary}})
		if err != nil {
			return nil, err
		}
		config := staticConfig
		config.Entrypoint = []string{"/" + path}
		return compose(config, base, top)
	}}
}
