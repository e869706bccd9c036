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
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gcr "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func oneLayer(content string, makes *int) func(context.Context, string) (v1.Image, error) {
	return func(context.Context, string) (v1.Image, error) {
		*makes++
		layer, err := layerOf([]file{{path: "content", content: content}})
		if err != nil {
			return nil, err
		}
		return compose(v1.Config{}, layer)
	}
}

func TestImagesAreMadeOnce(t *testing.T) {
	c := testCluster(t)
	cache, err := c.openImages()
	if err != nil {
		t.Fatal(err)
	}
	var makes int
	ensure := func(recipe, content string) v1.Hash {
		t.Helper()
		wanted := []image{{name: "one:latest", recipe: recipe, make: oneLayer(content, &makes)}}
		digests, err := cache.ensure(context.Background(), newProgress(io.Discard), t.TempDir(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if err := cache.prune(); err != nil {
			t.Fatal(err)
		}
		return digests["one:latest"]
	}
	first := ensure("1", "a")
	if again := ensure("1", "a"); again != first || makes != 1 {
		t.Errorf("made %d times, digest %s and %s, want once and the same", makes, first, again)
	}
	if changed := ensure("2", "b"); changed == first || makes != 2 {
		t.Errorf("made %d times with another recipe, digest still %s", makes, changed)
	}
	// The first one's manifest, configuration and layer are gone.
	blobs, err := os.ReadDir(filepath.Join(c.imageFolder(), "blobs", "sha256"))
	if err != nil || len(blobs) != 3 {
		t.Errorf("%d blobs, %v, want 3", len(blobs), err)
	}
}

func TestImageThatFails(t *testing.T) {
	cache, err := testCluster(t).openImages()
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	_, err = cache.ensure(context.Background(), newProgress(io.Discard), t.TempDir(), []image{
		{name: "one:latest", make: func(context.Context, string) (v1.Image, error) { return nil, broken }},
	})
	if !errors.Is(err, broken) {
		t.Errorf("ensure() = %v, want %v", err, broken)
	}
}

func TestLayer(t *testing.T) {
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("binary"), 0o600); err != nil {
		t.Fatal(err)
	}
	layer, err := layerOf([]file{
		folder("bin", 0o755),
		{path: "bin/program", mode: 0o755, source: source},
		{path: "bin/link", link: "program"},
		{path: "etc", content: "text"},
	})
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var got []string
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, header.FileInfo().Mode().String()+" "+header.Name+" "+header.Linkname+string(body))
	}
	want := []string{"drwxr-xr-x bin/ ", "-rwxr-xr-x bin/program binary", "Lrw-r--r-- bin/link program", "-rw-r--r-- etc text"}
	if !slices.Equal(got, want) {
		t.Errorf("layer holds %q, want %q", got, want)
	}
}

func TestLocalName(t *testing.T) {
	const digest = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for source, want := range map[string]string{
		"python":                             "/library/python:latest",
		"docker.io/library/python:3.13-slim": "/library/python:3.13-slim",
		"gcr.io/a/b/c:v1":                    "/a/b/c:v1",
		"gcr.io/a/b" + digest:                "/a/b" + digest,
	} {
		named, err := gcr.ParseReference(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := localName(named); err != nil || got.Name() != registryAddress+want {
			t.Errorf("localName(%s) = %v, %v, want %s", source, got, err, registryAddress+want)
		}
	}
}
