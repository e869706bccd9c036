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
	"io"
	"io/fs"
	"os"
	"strings"

	gcr "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// load puts an image into the cluster's registry: from an archive (`docker save`, `ko build --tarball`) or from another
// registry. Pods then name it as it is named elsewhere. It returns the name it has in the registry.
func (c *cluster) load(ctx context.Context, source string) (string, error) {
	named, content, err := open(ctx, source)
	if err != nil {
		return "", fmt.Errorf("failed to read image %s: %w", source, err)
	}
	target, err := localName(named)
	if err != nil {
		return "", err
	}
	if err := remote.Write(target, content, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("failed to load image %s: %w", source, err)
	}
	return target.Name(), nil
}

// open reads an image, and says what it is called.
func open(ctx context.Context, source string) (gcr.Reference, v1.Image, error) {
	if _, err := os.Stat(source); err == nil {
		return openArchive(source)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	named, err := gcr.ParseReference(source)
	if err != nil {
		return nil, nil, err
	}
	content, err := remote.Image(named, remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	return named, content, err
}

func openArchive(path string) (gcr.Reference, v1.Image, error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		return nil, nil, err
	}
	if len(manifest) != 1 || len(manifest[0].RepoTags) == 0 {
		return nil, nil, errors.New("an archive must hold one image, with a name")
	}
	named, err := gcr.ParseReference(manifest[0].RepoTags[0])
	if err != nil {
		return nil, nil, err
	}
	content, err := tarball.ImageFromPath(path, nil)
	return named, content, err
}

// localName is what an image is called in the cluster's registry, which stands in for every other: all but the
// registry stays.
func localName(named gcr.Reference) (gcr.Reference, error) {
	separator := ":"
	if strings.HasPrefix(named.Identifier(), "sha256:") {
		separator = "@"
	}
	local, err := gcr.ParseReference(registryAddress + "/" + named.Context().RepositoryStr() + separator + named.Identifier())
	if err != nil {
		return nil, fmt.Errorf("failed to name image: %w", err)
	}
	return local, nil
}
