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

package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	// memorable is the size of the archive, in bytes, from which on a layer is worth to be remembered: smaller ones are
	// compressed faster than looked up.
	memorable = 1 << 20
	// formLabel is the label of a remembered layer's image with the form that it is sealed in.
	formLabel = "lambda.knative.io/sealed-form"
	// memoryTime is how long looking up or remembering a layer may take: a build does without.
	memoryTime = 30 * time.Second
)

// memory has sealed layers in the repository of Kaniko's cache, so that what stays the same from build to build is not
// made each time. Each is the only layer of an image. Layers are tagged by their diff ID, the digest of the archive that
// they were made of, and those of dependencies by what they were installed from. It is trusted that a layer is what its
// tag says, as Kaniko trusts the layers of its cache in the same repository: who writes there can put anything into the
// images of the function.
type memory struct {
	*registry

	repository name.Repository
}

// newMemory connects nobody yet. What fails is not tried again.
func newMemory(o *Options) (*memory, error) {
	cache, err := o.parse(o.CacheRepository)
	if err != nil {
		return nil, err
	}
	m := &memory{repository: cache.Context()}
	m.registry, err = newRegistry(cache.RegistryStr(), o, 1)
	return m, err
}

func (m *memory) tag(kind, hex string) name.Tag {
	const digits = 32
	return m.repository.Tag(kind + "-" + form + "-" + hex[:digits])
}

func (m *memory) tagOf(diffID v1.Hash) name.Tag {
	return m.tag("sealed", diffID.Hex)
}

// recall returns the sealed layer of that tag, which can be mounted into other repositories of the same registry, and the
// config of its image. The layer is read with ctx.
func (m *memory) recall(ctx context.Context, tag name.Tag) (v1.Layer, *v1.ConfigFile, error) {
	found, err := m.Get(ctx, tag)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to look up a sealed layer: %w", err)
	}
	image, err := found.Image()
	if err != nil {
		return nil, nil, fmt.Errorf("failed to look up a sealed layer: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, nil, fmt.Errorf("failed to look up a sealed layer: %w", err)
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, nil, fmt.Errorf("failed to look up a sealed layer: %w", err)
	}
	if len(layers) != 1 || len(config.RootFS.DiffIDs) != 1 || config.Config.Labels[formLabel] != form {
		return nil, nil, fmt.Errorf("%s is no sealed layer", tag)
	}
	layer := layers[0]
	if mountable, ok := layer.(*remote.MountableLayer); ok {
		layer = mountable.Layer
	}
	return &remote.MountableLayer{Layer: layer, Reference: tag}, config, nil
}

// remember puts a sealed layer, which is in another repository, too, where recall finds it.
func (m *memory) remember(ctx context.Context, tag name.Tag, layer v1.Layer, history v1.History, from name.Reference) error {
	ctx, cancel := context.WithTimeout(ctx, memoryTime)
	defer cancel()
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: history})
	if err != nil {
		return fmt.Errorf("failed to remember a sealed layer: %w", err)
	}
	if image, err = mutate.Config(image, v1.Config{Labels: map[string]string{formLabel: form}}); err != nil {
		return fmt.Errorf("failed to remember a sealed layer: %w", err)
	}
	if image, err = mutate.CreatedAt(image, v1.Time{Time: time.Now()}); err != nil {
		return fmt.Errorf("failed to remember a sealed layer: %w", err)
	}
	if err := errors.Join(
		m.Upload(ctx, m.repository, &remote.MountableLayer{Layer: layer, Reference: from}),
		m.Push(ctx, tag, image),
	); err != nil {
		return fmt.Errorf("failed to remember a sealed layer: %w", err)
	}
	return nil
}
