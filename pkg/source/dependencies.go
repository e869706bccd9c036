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

package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// DockerfileName is the file of the build context that says how the image is built.
	DockerfileName = "Dockerfile"
	// DependenciesStage is the stage of the Dockerfile that dependencies are installed in. The first layer of the image
	// is copied from it, where there are any.
	DependenciesStage = "deps"
	// RuntimeProgram is the supervisor in its own image. The layer that is copied from there comes right after that of
	// the dependencies.
	RuntimeProgram = "/ko-app/runtime"

	codeDockerfileName   = "Dockerfile.code"
	dependenciesFileName = "dependencies.json"
)

// Dependencies tell what the layer of the dependencies is made of, so that a layer which an earlier build made can stand
// in for it. They are a file of the build context, in JSON.
type Dependencies struct {
	// Builder is the image that they are installed in.
	Builder string `json:"builder"`
	// Hash is the SHA-256, in hex, of the instructions that install them and of the files that list them.
	Hash string `json:"hash"`
	// Dockerfile is the file of the build context that makes the image without them. It installs nothing.
	Dockerfile string `json:"dockerfile"`
}

// ReadDependencies reads those of the build context in dir. It returns nil where the image has none, or is built in a
// way that makes no layer of them.
func ReadDependencies(dir string) (*Dependencies, error) {
	data, err := os.ReadFile(filepath.Join(dir, dependenciesFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to read what the dependencies are: %w", err)
	}
	d := &Dependencies{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("failed to read what the dependencies are: %s: %w", dependenciesFileName, err)
	}
	return d, nil
}

// writeDependencies writes Dependencies, and the Dockerfile that they name. lists are in the context by then.
func writeDependencies(ctx context.Context, p *Plan, lists []string, t *tree) error {
	install, err := installation(p, lists)
	if err != nil {
		return err
	}
	code, err := Dockerfile(p)
	if err != nil {
		return err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", languages[p.Language].dependenciesPath, install)
	for _, list := range lists {
		fmt.Fprintf(h, "%s %x\n", list, t.sums[list])
	}
	data, err := json.Marshal(Dependencies{Builder: p.builder(), Hash: hex.EncodeToString(h.Sum(nil)), Dockerfile: codeDockerfileName})
	if err != nil {
		return fmt.Errorf("failed to write what the dependencies are: %w", err)
	}
	if err := t.write(ctx, codeDockerfileName, []byte(code)); err != nil {
		return err
	}
	return t.write(ctx, dependenciesFileName, data)
}
