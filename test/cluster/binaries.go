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
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// binary is a Go program to build: a package, and the folder of the module whose versions it is built with.
type binary struct {
	module  string
	pkg     string
	ldflags string
}

var (
	kubernetesBinary = binary{module: "kubernetes", pkg: ".", ldflags: kubernetesVersionFlags}
	corednsBinary    = binary{module: "coredns", pkg: "."}
	kanikoBinary     = binary{module: "kaniko", pkg: "github.com/chainguard-dev/kaniko/cmd/executor"}
	ingressBinary    = binary{module: "ingress", pkg: "."}
	koBinary         = binary{module: "tools", pkg: "github.com/google/ko"}
	registryBinary   = binary{module: ".", pkg: "./registry"}
	helloBinary      = binary{module: ".", pkg: "./hello"}
)

// kubernetesVersion is the version of k8s.io/kubernetes in kubernetes/go.mod: only the linker can tell it to the
// programs themselves.
const (
	kubernetesVersion      = "v1.35.4"
	kubernetesVersionFlags = " -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
)

// unused is how long a binary that no run asked for stays in the cache.
const unused = 14 * 24 * time.Hour

// build returns the path of the built program: from the cache, unless something it is made of changed.
func (c *cluster) build(ctx context.Context, p *progress, b binary) (string, error) {
	goVersion, err := c.output(ctx, "go", "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	key, err := b.key(c.source, strings.TrimSpace(goVersion))
	if err != nil {
		return "", err
	}
	folder := filepath.Join(c.cache, "bin", key)
	path := filepath.Join(folder, b.name())
	if _, err := os.Stat(path); err == nil {
		now := time.Now()
		return path, os.Chtimes(folder, now, now)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("failed to make %s: %w", folder, err)
	}
	p.step("build %s", b)
	cmd := c.command(ctx, "build", "go", "build", "-C", filepath.Join(c.source, b.module), "-trimpath",
		"-buildvcs=false", "-ldflags=-s -w"+b.ldflags, "-o", path+".new", b.pkg)
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0", "GOWORK=off")
	if _, err := output(cmd); err != nil {
		return "", err
	}
	// The name appears when the file is whole.
	return path, os.Rename(path+".new", path)
}

func (b binary) name() string {
	if strings.Trim(b.pkg, "./") == "" {
		return b.module
	}
	return filepath.Base(b.pkg)
}

func (b binary) String() string {
	if strings.HasPrefix(b.pkg, ".") {
		return b.name()
	}
	return b.pkg
}

// key is a hash of what a binary is made of: the compiler, the flags, the versions of all it imports (go.sum), and
// its own source where that lies here.
func (b binary) key(source, goVersion string) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%s\n%s\n", goVersion, b.pkg, b.ldflags)
	module := filepath.Join(source, b.module)
	files := []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")}
	if strings.HasPrefix(b.pkg, ".") {
		own, err := sourceFiles(filepath.Join(module, b.pkg))
		if err != nil {
			return "", err
		}
		files = append(files, own...)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("failed to read what %s is made of: %w", b, err)
		}
		fmt.Fprintf(hash, "%s %x\n", strings.TrimPrefix(file, source), sha256.Sum256(content))
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// sourceFiles lists the Go files under a folder that are part of its program.
func sourceFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("failed to list source files: %w", err)
	}
	return files, nil
}

// pruneBinaries removes from the cache what no run asked for of late.
func (c *cluster) pruneBinaries(now time.Time) error {
	folders, err := os.ReadDir(filepath.Join(c.cache, "bin"))
	if err != nil {
		return fmt.Errorf("failed to list cached binaries: %w", err)
	}
	for _, folder := range folders {
		info, err := folder.Info()
		if err != nil {
			return ignore(err, fs.ErrNotExist)
		}
		if now.Sub(info.ModTime()) > unused {
			if err := os.RemoveAll(filepath.Join(c.cache, "bin", folder.Name())); err != nil {
				return fmt.Errorf("failed to remove an unused binary: %w", err)
			}
		}
	}
	return nil
}

// linkBinaries puts the programs under the names they answer to in one folder of the state.
func (c *cluster) linkBinaries(targets map[string]string) error {
	if err := os.MkdirAll(c.path("bin"), 0o755); err != nil {
		return fmt.Errorf("failed to make the folder of programs: %w", err)
	}
	for link, target := range targets {
		if err := os.Symlink(target, c.path("bin", link)); err != nil {
			return fmt.Errorf("failed to link %s: %w", link, err)
		}
	}
	return nil
}

// moduleFolders downloads modules, at the versions the platform is built with, and says where they lie.
func (c *cluster) moduleFolders(ctx context.Context, modules ...string) (map[string]string, error) {
	args := append([]string{"-C", filepath.Join(c.source, "platform"), "mod", "download", "-json"}, modules...)
	out, err := c.output(ctx, "go", args...)
	if err != nil {
		return nil, err
	}
	folders := make(map[string]string, len(modules))
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var module struct{ Path, Dir, Error string }
		if err := decoder.Decode(&module); err != nil {
			return nil, fmt.Errorf("failed to parse what go downloaded: %w", err)
		}
		if module.Error != "" {
			return nil, fmt.Errorf("failed to download %s: %w", module.Path, errors.New(module.Error))
		}
		folders[module.Path] = module.Dir
	}
	return folders, nil
}
