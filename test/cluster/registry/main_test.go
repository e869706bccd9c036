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
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestOverlay(t *testing.T) {
	ctx := context.Background()
	o := &overlay{cached: t.TempDir(), pushed: t.TempDir()}
	digest := func(content string) v1.Hash {
		t.Helper()
		hash, _, err := v1.SHA256(bytes.NewBufferString(content))
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	cached, pushed, missing := digest("cached"), digest("pushed!"), digest("missing")
	if err := os.MkdirAll(filepath.Join(o.cached, "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.cached, "sha256", cached.Hex), []byte("cached"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := o.Put(ctx, "", pushed, io.NopCloser(bytes.NewBufferString("pushed!"))); err != nil {
		t.Fatal(err)
	}
	for want, hash := range map[string]v1.Hash{"cached": cached, "pushed!": pushed} {
		if size, err := o.Stat(ctx, "", hash); err != nil || size != int64(len(want)) {
			t.Errorf("Stat(%s) = %d, %v", want, size, err)
		}
		content, err := o.Get(ctx, "", hash)
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		if got, err := io.ReadAll(content); err != nil || string(got) != want {
			t.Errorf("Get(%s) = %s, %v", want, got, err)
		}
	}
	if _, err := o.Get(ctx, "", missing); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("Get(missing) = %v, want %v", err, registry.ErrNotFound)
	}
	if _, err := o.Stat(ctx, "", missing); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("Stat(missing) = %v, want %v", err, registry.ErrNotFound)
	}
	// The cache is only read.
	if files, err := os.ReadDir(filepath.Join(o.cached, "sha256")); err != nil || len(files) != 1 {
		t.Errorf("the cache holds %v, %v", files, err)
	}
}
