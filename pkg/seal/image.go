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
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// kaniko is the author of the history that Kaniko writes.
const kaniko = "kaniko"

// builtLayers is how many layers, counted from the last, Kaniko added to its base image. A base image that Kaniko built,
// too, has all its layers sealed, which costs time and changes nothing else.
func builtLayers(config *v1.ConfigFile) int {
	n := 0
	for _, entry := range slices.Backward(config.History) {
		if entry.Author != kaniko {
			break
		}
		if !entry.EmptyLayer {
			n++
		}
	}
	return min(n, len(config.RootFS.DiffIDs))
}

// copiedFrom is the image that an instruction copies from, up to its last name. Where an image lies says nothing of what
// is in it: its digest does.
var copiedFrom = regexp.MustCompile(`(--from=)\S*/`)

// sealConfig returns the config of the sealed image, whose layers have the given diff IDs. Of what Kaniko wrote it
// leaves out when and where it was.
func sealConfig(staged *v1.ConfigFile, diffIDs []v1.Hash) *v1.ConfigFile {
	config := staged.DeepCopy()
	config.Created = v1.Time{Time: source.Modified}
	config.Container, config.Config.Hostname = "", ""
	config.DockerVersion = "" //nolint:staticcheck // Older images have it.
	config.RootFS.DiffIDs = diffIDs
	for i := range slices.Backward(config.History) {
		entry := &config.History[i]
		if entry.Author != kaniko {
			break
		}
		*entry = sealEntry(*entry)
	}
	return config
}

func sealEntry(entry v1.History) v1.History {
	entry.Created = v1.Time{Time: source.Modified}
	entry.CreatedBy = copiedFrom.ReplaceAllString(entry.CreatedBy, "$1")
	return entry
}

// stagedImage is an image taken apart.
type stagedImage struct {
	mediaType types.MediaType
	manifest  *v1.Manifest
	config    *v1.ConfigFile
	// layers are as many as the manifest and the config have, in the same order.
	layers []v1.Layer
}

func newStagedImage(image v1.Image) (*stagedImage, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	staged := &stagedImage{manifest: manifest.DeepCopy(), config: config.DeepCopy()}
	if staged.mediaType, err = image.MediaType(); err != nil {
		return nil, err
	}
	if staged.layers, err = image.Layers(); err != nil {
		return nil, err
	}
	if len(staged.layers) != len(staged.manifest.Layers) || len(staged.layers) != len(staged.config.RootFS.DiffIDs) {
		return nil, errors.New("manifest and config have not the same layers")
	}
	return staged, nil
}

// sealedImage is the image as it is pushed.
type sealedImage struct {
	mediaType        types.MediaType
	manifest, config []byte
	layers           map[v1.Hash]v1.Layer
}

// seal returns the image with these layers, those of the base image first, in place of its own.
func (i *stagedImage) seal(layers []v1.Layer) (v1.Image, error) {
	manifest := i.manifest.DeepCopy()
	image := &sealedImage{mediaType: i.mediaType, layers: map[v1.Hash]v1.Layer{}}
	var err error
	diffIDs := make([]v1.Hash, len(layers))
	for at, layer := range layers {
		if diffIDs[at], err = layer.DiffID(); err != nil {
			return nil, fmt.Errorf("failed to read the config: %w", err)
		}
		digest, err := layer.Digest()
		if err != nil {
			return nil, fmt.Errorf("failed to read the manifest: %w", err)
		}
		if digest != manifest.Layers[at].Digest {
			manifest.Layers[at] = v1.Descriptor{MediaType: manifest.Layers[at].MediaType, Digest: digest}
			if manifest.Layers[at].Size, err = layer.Size(); err != nil {
				return nil, fmt.Errorf("failed to read the manifest: %w", err)
			}
		}
		image.layers[digest] = layer
	}
	if err := image.encode(manifest, sealConfig(i.config, diffIDs)); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(image)
}

func (i *sealedImage) encode(manifest *v1.Manifest, config *v1.ConfigFile) (err error) {
	if i.config, err = json.Marshal(config); err != nil {
		return fmt.Errorf("failed to encode the config: %w", err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(i.config))
	if err != nil {
		return fmt.Errorf("failed to encode the config: %w", err)
	}
	manifest.Config = v1.Descriptor{MediaType: manifest.Config.MediaType, Digest: digest, Size: size}
	if i.manifest, err = json.Marshal(manifest); err != nil {
		return fmt.Errorf("failed to encode the manifest: %w", err)
	}
	return nil
}

// MediaType implements partial.CompressedImageCore.
func (i *sealedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (i *sealedImage) RawManifest() ([]byte, error) { return i.manifest, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (i *sealedImage) RawConfigFile() ([]byte, error) { return i.config, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (i *sealedImage) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := i.layers[digest]
	if !ok {
		return nil, fmt.Errorf("the image has no layer %s", digest)
	}
	return layer, nil
}
