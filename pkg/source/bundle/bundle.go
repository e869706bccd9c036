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

// Package bundle makes of a folder of code the OCI artifact that a LambdaFunction of source.type oci is built from.
//
// The artifact is a manifest of OCI of the type ArtifactType, with an empty config and one layer: a tar archive, by gzip,
// of the folder's files. The same files are the same digest, by the same release of this program: the archive has them in
// the order of their names, without times and owners, and of their modes only whether they may be run.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// ArtifactType is the type of the artifacts.
const ArtifactType = "application/vnd.knative.lambda.source.v1"

const (
	// configType is that of a config that says nothing, and emptyConfig is what it is, by the specification of OCI.
	configType  = types.MediaType("application/vnd.oci.empty.v1+json")
	emptyConfig = "{}"
)

// skipped are files and folders that are left out by their name, wherever they are: they are large, and builds install
// dependencies anew.
var skipped = []string{".git", "node_modules", "__pycache__", ".venv"}

// Skips is true for a file or folder that Pack leaves out: one named .git, node_modules, __pycache__ or .venv, and a virtual
// environment of Python of whatever name.
func Skips(files fs.FS, file string) bool {
	if slices.Contains(skipped, path.Base(file)) {
		return true
	}
	_, err := fs.Stat(files, path.Join(file, "pyvenv.cfg"))
	return err == nil && file != "."
}

// Push packs the folder dir and pushes the artifact to where ref says. It returns the digest, sha256: and 64 hex digits.
// Options say how the registry is spoken to, and who logs in; without any it is nobody.
func Push(ctx context.Context, ref name.Reference, dir string, options ...remote.Option) (string, error) {
	image, err := Pack(dir)
	if err != nil {
		return "", err
	}
	digest, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("failed to pack %s: %w", dir, err)
	}
	if err := remote.Write(ref, image, append(options, remote.WithContext(ctx))...); err != nil {
		return "", fmt.Errorf("failed to push %s: %w", ref, err)
	}
	return digest.String(), nil
}

// Pack makes an artifact of the files in the folder dir, but for those that Skips names. It fails where a link leads out of
// the folder, and where there is more than a build takes, see source.DefaultLimits.
func Pack(dir string) (v1.Image, error) {
	image, err := pack(dir, source.DefaultLimits)
	if err != nil {
		return nil, fmt.Errorf("failed to pack %s: %w", dir, err)
	}
	return image, nil
}

func pack(dir string, limits source.Limits) (v1.Image, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	p := &packer{root: root, files: root.FS(), tar: tar.NewWriter(z), left: limits, limits: limits}
	err = fs.WalkDir(p.files, ".", p.add)
	if err == nil && p.left == limits {
		err = errors.New("it has no files")
	}
	if err = errors.Join(err, p.tar.Close(), z.Close()); err != nil {
		return nil, err
	}
	return newArtifact(static.NewLayer(b.Bytes(), types.OCILayer))
}

// packer writes the files of a folder into an archive.
type packer struct {
	root  *os.Root
	files fs.FS
	tar   *tar.Writer
	// left is what may still come, of limits.
	left, limits source.Limits
}

// add is a fs.WalkDirFunc. Folders are there by the files in them.
func (p *packer) add(file string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if Skips(p.files, file) {
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if entry.IsDir() {
		return nil
	}
	if p.left.Files--; p.left.Files < 0 {
		return fmt.Errorf("it has more than %d files: leave out what the function does not need", p.limits.Files)
	}
	switch entry.Type() {
	case 0:
		return p.file(file)
	case fs.ModeSymlink:
		return p.link(file)
	default:
		return fmt.Errorf("%q is neither a file, a folder nor a link: remove it", file)
	}
}

func (p *packer) file(file string) error {
	f, err := p.root.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if p.left.Bytes -= info.Size(); p.left.Bytes < 0 {
		return fmt.Errorf("it has more than %d bytes: leave out what the function does not need", p.limits.Bytes)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: file, Size: info.Size(), Mode: 0o644}
	if info.Mode()&0o111 != 0 {
		header.Mode = 0o755
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("%q: %w", file, err)
	}
	if _, err := io.Copy(p.tar, f); err != nil {
		return fmt.Errorf("%q: %w", file, err)
	}
	return nil
}

func (p *packer) link(file string) error {
	target, err := p.root.Readlink(file)
	if err != nil {
		return err
	}
	// Of a root nothing outside of it is found.
	if _, err := p.root.Stat(file); err != nil {
		return fmt.Errorf("the link %q to %q leads out of the folder, or to nothing: put what it leads to into the folder, or remove it", file, target)
	}
	if err := p.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: file, Linkname: target, Mode: 0o777}); err != nil {
		return fmt.Errorf("%q: %w", file, err)
	}
	return nil
}

// artifact is a partial.CompressedImageCore of one layer.
type artifact struct {
	manifest []byte
	layer    v1.Layer
}

func newArtifact(layer v1.Layer) (v1.Image, error) {
	config, err := partial.Descriptor(static.NewLayer([]byte(emptyConfig), configType))
	if err != nil {
		return nil, err
	}
	content, err := partial.Descriptor(layer)
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  ArtifactType,
		Config:        *config,
		Layers:        []v1.Descriptor{*content},
	})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(&artifact{manifest: manifest, layer: layer})
}

func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func (a *artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

func (a *artifact) RawConfigFile() ([]byte, error) { return []byte(emptyConfig), nil }

// LayerByDigest implements partial.CompressedImageCore. There is only the one.
func (a *artifact) LayerByDigest(v1.Hash) (partial.CompressedLayer, error) { return a.layer, nil }
