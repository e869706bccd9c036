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
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// freshness is how long a layer of dependencies stands in for one that is installed anew, for what is asked for without
// an exact version. It is as long as Kaniko uses a layer of its cache.
const freshness = 14 * 24 * time.Hour

// dependencies are those of the image that is built.
type dependencies struct {
	// tag is where the memory has the layer, or will have it.
	tag name.Tag
	// layer is what an earlier build made, in the target's repository, too. It is nil where Kaniko installs them.
	layer v1.Layer
	// history is of that layer.
	history v1.History
}

// prepare looks for the layer of the dependencies, and returns what Kaniko is to be told beside its arguments.
func (s *sealer) prepare(ctx context.Context) ([]string, error) {
	wanted, err := source.ReadDependencies(s.options.ContextDir)
	if err != nil {
		return nil, err
	}
	dockerfile := source.DockerfileName
	if wanted != nil && s.memory != nil {
		s.dependencies = s.findDependencies(ctx, wanted)
		if s.dependencies != nil && s.dependencies.layer != nil {
			dockerfile = wanted.Dockerfile
		}
	}
	dockerfile = filepath.Join(s.options.ContextDir, dockerfile)
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return nil, fmt.Errorf("failed to read how the image is built: %w", err)
	}
	args := []string{"--dockerfile=" + dockerfile}
	if !strings.Contains(string(text), "\nRUN ") {
		// Kaniko unpacks the base image although nothing runs in it. What is ignored is neither unpacked nor looked at:
		// the image has it all the same, in the base's own layers.
		for _, folder := range []string{"/bin", "/lib", "/lib64", "/opt", "/sbin", "/usr", "/var"} {
			args = append(args, "--ignore-path="+folder)
		}
	}
	return args, nil
}

// findDependencies returns nil where it cannot be said what they are made of. Whatever fails, Kaniko installs them.
func (s *sealer) findDependencies(ctx context.Context, wanted *source.Dependencies) *dependencies {
	ctx, cancel := context.WithTimeout(ctx, memoryTime)
	defer cancel()
	builder, err := s.options.digestOf(ctx, wanted.Builder)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256([]byte(runtime.GOARCH + "\n" + builder + "\n" + wanted.Hash))
	d := &dependencies{tag: s.memory.tag("dependencies", hex.EncodeToString(sum[:]))}
	layer, config, err := s.memory.recall(ctx, d.tag)
	if err != nil || len(config.History) != 1 || time.Since(config.Created.Time) > freshness {
		return d
	}
	// Before it counts as found: after Kaniko it would be too late to install them.
	if err := s.Upload(ctx, s.target.Context(), layer); err != nil {
		return d
	}
	d.layer, d.history = layer, config.History[0]
	s.note("the dependencies are those that an earlier build installed")
	return d
}

// digestOf asks the registry that Kaniko would ask.
func (o *Options) digestOf(ctx context.Context, image string) (string, error) {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest, nil
	}
	tag, err := o.parse(image)
	if err != nil {
		return "", err
	}
	if o.Mirror != "" && tag.RegistryStr() == name.DefaultRegistry {
		if tag, err = o.parse(o.Mirror + "/" + tag.RepositoryStr() + ":" + tag.TagStr()); err != nil {
			return "", err
		}
	}
	r, err := newRegistry(tag.RegistryStr(), o, 1)
	if err != nil {
		return "", err
	}
	found, err := r.Head(ctx, tag)
	if err != nil {
		return "", fmt.Errorf("failed to look up %s: %w", tag, err)
	}
	return found.Digest.String(), nil
}

// insertDependencies puts the layer where Kaniko would have put it: before that of the supervisor.
func (i *stagedImage) insertDependencies(d *dependencies) error {
	entry, layer := i.lastCopy(source.RuntimeProgram)
	if entry < 0 {
		return errors.New("failed to add the dependencies: the image has no layer of the supervisor")
	}
	diffID, err := d.layer.DiffID()
	if err != nil {
		return fmt.Errorf("failed to add the dependencies: %w", err)
	}
	descriptor, err := partial.Descriptor(d.layer)
	if err != nil {
		return fmt.Errorf("failed to add the dependencies: %w", err)
	}
	i.config.History = slices.Insert(i.config.History, entry, d.history)
	i.config.RootFS.DiffIDs = slices.Insert(i.config.RootFS.DiffIDs, layer, diffID)
	i.manifest.Layers = slices.Insert(i.manifest.Layers, layer, *descriptor)
	i.layers = slices.Insert(i.layers, layer, d.layer)
	return nil
}

// lastCopy returns the places, in the history and among the layers, of the last layer that Kaniko copied from there,
// an image or a stage, or -1.
func (i *stagedImage) lastCopy(what string) (entry, layer int) {
	layer = len(i.layers)
	for entry, made := range slices.Backward(i.config.History) {
		if made.Author != kaniko {
			break
		}
		if made.EmptyLayer {
			continue
		}
		if layer--; layer < 0 {
			break
		}
		if slices.Contains(strings.Fields(made.CreatedBy), what) {
			return entry, layer
		}
	}
	return -1, -1
}

// rememberDependencies remembers the layer, where Kaniko has just made it. layers are the sealed ones of the image.
func (s *sealer) rememberDependencies(ctx context.Context, image *stagedImage, layers []v1.Layer) error {
	if s.dependencies == nil || s.dependencies.layer != nil {
		return nil
	}
	entry, layer := image.lastCopy("--from=" + source.DependenciesStage)
	if entry < 0 {
		return nil
	}
	made := layers[layer]
	if mountable, ok := made.(*remote.MountableLayer); ok {
		made = mountable.Layer
	}
	return s.memory.remember(ctx, s.dependencies.tag, made, sealEntry(image.config.History[entry]), s.target)
}
