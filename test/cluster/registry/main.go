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

// Command registry is the cluster's image registry. Layers of the images that are made once and cached are read
// where they lie, in an OCI layout, so that a new cluster need not be sent a gigabyte of them again; what the
// cluster itself pushes goes to a folder that ends with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "address to listen on")
	cached := flag.String("cached", "", "folder of cached blobs, only read")
	pushed := flag.String("pushed", "", "folder of pushed blobs")
	flag.Parse()
	blobs := &overlay{cached: *cached, pushed: *pushed}
	log.Fatal(http.ListenAndServe(*listen, registry.New(registry.WithBlobHandler(blobs))))
}

// overlay finds blobs in two folders and writes to the second. The registry's own disk handler would do but that it
// hashes a blob again each time it is asked for; these folders are written by rename only.
type overlay struct{ cached, pushed string }

var (
	_ registry.BlobHandler     = (*overlay)(nil)
	_ registry.BlobStatHandler = (*overlay)(nil)
	_ registry.BlobPutHandler  = (*overlay)(nil)
)

func (o *overlay) open(h v1.Hash) (*os.File, error) {
	for _, folder := range []string{o.pushed, o.cached} {
		f, err := os.Open(filepath.Join(folder, h.Algorithm, h.Hex))
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, registry.ErrNotFound
}

func (o *overlay) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	return o.open(h)
}

func (o *overlay) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	f, err := o.open(h)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (o *overlay) Put(_ context.Context, _ string, h v1.Hash, content io.ReadCloser) error {
	defer content.Close()
	folder := filepath.Join(o.pushed, h.Algorithm)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(o.pushed, "upload-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := io.Copy(f, content); err != nil {
		f.Close()
		return fmt.Errorf("failed to store blob %s: %w", h, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("failed to store blob %s: %w", h, err)
	}
	return os.Rename(f.Name(), filepath.Join(folder, h.Hex))
}
