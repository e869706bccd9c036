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
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// sealer makes one sealed image of one staged image.
type sealer struct {
	*registry

	options        *Options
	staged, target name.Tag
	// memory is nil where there is no cache.
	memory *memory
	// dependencies are nil where there are none, or none that could be remembered.
	dependencies *dependencies
	note         func(format string, args ...any)
}

// seal seals the image of that digest in the staged reference's repository, and pushes it to the target. It returns the
// digest of the sealed image, sha256:<hex>.
func (s *sealer) seal(ctx context.Context, digest string) (string, error) {
	staged, err := s.read(ctx, digest)
	if err != nil {
		return "", fmt.Errorf("failed to read the staged image: %w", err)
	}
	if s.dependencies != nil && s.dependencies.layer != nil {
		if err := staged.insertDependencies(s.dependencies); err != nil {
			return "", err
		}
	}
	layers, err := s.layers(ctx, staged)
	defer closeFiles(layers)
	if err != nil {
		return "", err
	}
	image, err := staged.seal(layers)
	if err != nil {
		return "", fmt.Errorf("failed to seal the image: %w", err)
	}
	if err := s.Push(ctx, s.target, image); err != nil {
		return "", fmt.Errorf("failed to push to %s: %w", s.target, err)
	}
	sealed, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("failed to seal the image: %w", err)
	}
	s.rememberAll(ctx, staged, layers)
	if sealed.String() != digest {
		s.clean(ctx)
	}
	return sealed.String(), nil
}

// newSealer connects nobody yet. What fails and does not matter is told to note, as to fmt.Printf.
func newSealer(o *Options, note func(format string, args ...any)) (*sealer, error) {
	s := &sealer{options: o, note: note}
	var err error
	if s.staged, err = o.parse(o.Staged); err != nil {
		return nil, err
	}
	if s.target, err = o.parse(o.Image); err != nil {
		return nil, err
	}
	if s.staged.Context() != s.target.Context() {
		return nil, fmt.Errorf("%s and %s are not of one repository", s.staged, s.target)
	}
	if s.registry, err = newRegistry(s.target.RegistryStr(), o, tries); err != nil {
		return nil, err
	}
	if o.CacheRepository != "" {
		s.memory, err = newMemory(o)
	}
	return s, err
}

// clean deletes the staged image. Registries that do not delete by tag keep it, which takes up room and does no harm.
func (s *sealer) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, memoryTime)
	defer cancel()
	if once, err := newRegistry(s.staged.RegistryStr(), s.options, 1); err == nil {
		_ = once.Delete(ctx, s.staged)
	}
}

// read returns the image of that digest in the staged reference's repository, without what is in its layers.
func (s *sealer) read(ctx context.Context, digest string) (staged *stagedImage, err error) {
	err = again(func() error {
		found, err := s.Get(ctx, s.staged.Context().Digest(digest))
		if err != nil {
			return err
		}
		image, err := found.Image()
		if err != nil {
			return err
		}
		staged, err = newStagedImage(image)
		return err
	})
	return staged, err
}

// layers returns the layers of the image, those that Kaniko built sealed and uploaded.
func (s *sealer) layers(ctx context.Context, staged *stagedImage) ([]v1.Layer, error) {
	g, ctx := errgroup.WithContext(ctx)
	// Few are large, and a build has few processors.
	g.SetLimit(2)
	layers := slices.Clone(staged.layers)
	for i := len(layers) - builtLayers(staged.config); i < len(layers); i++ {
		if s.dependencies != nil && layers[i] == s.dependencies.layer {
			continue
		}
		g.Go(func() error {
			return again(func() error {
				sealed, err := s.sealLayer(ctx, layers[i])
				if err == nil {
					layers[i] = sealed
				}
				return err
			})
		})
	}
	return layers, g.Wait()
}

// sealLayer returns the sealed form of a layer, which the target's repository has by then.
func (s *sealer) sealLayer(ctx context.Context, layer v1.Layer) (v1.Layer, error) {
	archive, err := s.newFile()
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	sealed := &sealedLayer{}
	if sealed.diffID, err = writeArchive(archive, layer); err != nil {
		return nil, err
	}
	size, err := archive.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("failed to write the layer: %w", err)
	}
	if s.memory != nil && size >= memorable {
		if known, err := s.recall(ctx, sealed.diffID); err == nil {
			return known, nil
		}
		sealed.memorable = true
	}
	if sealed.mediaType, err = layer.MediaType(); err != nil {
		return nil, fmt.Errorf("failed to read the layer: %w", err)
	}
	if err := s.compress(sealed, archive, size); err != nil {
		return nil, err
	}
	if err := s.Upload(ctx, s.target.Context(), sealed); err != nil {
		return nil, errors.Join(fmt.Errorf("failed to push a layer to %s: %w", s.target, err), sealed.file.Close())
	}
	return sealed, nil
}

// recall returns the sealed layer of that diff ID from the memory, when the target's repository has it, too.
func (s *sealer) recall(ctx context.Context, diffID v1.Hash) (v1.Layer, error) {
	// The layer is read with this context, too.
	ctx, cancel := context.WithTimeout(ctx, memoryTime)
	defer cancel()
	tag := s.memory.tagOf(diffID)
	layer, config, err := s.memory.recall(ctx, tag)
	if err != nil {
		return nil, err
	}
	if config.RootFS.DiffIDs[0] != diffID {
		return nil, fmt.Errorf("%s is no sealed layer %s", tag, diffID)
	}
	return layer, s.Upload(ctx, s.target.Context(), layer)
}

// newFile makes a file without a name, which goes when it is closed.
func (s *sealer) newFile() (*os.File, error) {
	file, err := os.CreateTemp(s.options.ScratchDir, "seal")
	if err != nil {
		return nil, fmt.Errorf("failed to make a file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("failed to make a file: %w", err), file.Close())
	}
	return file, nil
}

// writeArchive writes the canonical form of the layer's archive, and returns its SHA-256.
func writeArchive(archive io.Writer, layer v1.Layer) (diffID v1.Hash, err error) {
	compressed, err := layer.Compressed()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("failed to read the layer: %w", err)
	}
	defer func() { err = errors.Join(err, compressed.Close()) }()
	z, err := gzip.NewReader(compressed)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("failed to read the layer: %w", err)
	}
	h := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(archive, h), 1<<20)
	if err := canonicalize(buffered, z); err != nil {
		return v1.Hash{}, err
	}
	// To the end, where it turns out whether all came that was asked for.
	if _, err := io.Copy(io.Discard, compressed); err != nil {
		return v1.Hash{}, fmt.Errorf("failed to read the layer: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return v1.Hash{}, fmt.Errorf("failed to write the layer: %w", err)
	}
	return hashOf(h.Sum(nil)), nil
}

func (s *sealer) compress(sealed *sealedLayer, archive io.ReaderAt, size int64) (err error) {
	if sealed.file, err = s.newFile(); err != nil {
		return err
	}
	h := sha256.New()
	if err := compress(io.MultiWriter(sealed.file, h), io.NewSectionReader(archive, 0, size)); err != nil {
		return err
	}
	if sealed.size, err = sealed.file.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("failed to write the layer: %w", err)
	}
	sealed.digest = hashOf(h.Sum(nil))
	return nil
}

// rememberAll remembers the layers that were worth it and had to be compressed, and the dependencies.
func (s *sealer) rememberAll(ctx context.Context, staged *stagedImage, layers []v1.Layer) {
	for _, layer := range layers {
		if sealed, ok := layer.(*sealedLayer); ok && sealed.memorable {
			if err := s.memory.remember(ctx, s.memory.tagOf(sealed.diffID), sealed, v1.History{}, s.target); err != nil {
				s.note("%v", err)
			}
		}
	}
	if err := s.rememberDependencies(ctx, staged, layers); err != nil {
		s.note("%v", err)
	}
}

// closeFiles closes the files of sealed layers, and so deletes them.
func closeFiles(layers []v1.Layer) {
	for _, layer := range layers {
		if sealed, ok := layer.(*sealedLayer); ok && sealed.file != nil {
			sealed.file.Close()
		}
	}
}

func hashOf(sum []byte) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum)}
}

// sealedLayer is a layer in a file.
type sealedLayer struct {
	file           *os.File
	digest, diffID v1.Hash
	size           int64
	mediaType      types.MediaType
	memorable      bool
}

// Digest implements v1.Layer.
func (l *sealedLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID implements v1.Layer.
func (l *sealedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size implements v1.Layer.
func (l *sealedLayer) Size() (int64, error) { return l.size, nil }

// MediaType implements v1.Layer.
func (l *sealedLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

// Compressed implements v1.Layer.
func (l *sealedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(l.file, 0, l.size)), nil
}

// Uncompressed implements v1.Layer.
func (l *sealedLayer) Uncompressed() (io.ReadCloser, error) {
	return gzip.NewReader(io.NewSectionReader(l.file, 0, l.size))
}

// oneLine makes one line of an error, for whoever looks for the cause in a log line by line.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
