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
	"fmt"
	"net/http"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// buckets are an object store.
type buckets struct {
	mutex   sync.Mutex
	backend *s3mem.Backend
}

var _ container = (*buckets)(nil)

func newBuckets() *buckets {
	return &buckets{backend: s3mem.New()}
}

func (b *buckets) handler() http.Handler {
	return gofakes3.New(b.backend).Server()
}

// put returns no revision: each object has one of its own.
func (b *buckets) put(bucket string, files map[string][]byte) (string, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	exists, err := b.backend.BucketExists(bucket)
	if err == nil && exists {
		err = b.backend.ForceDeleteBucket(bucket)
	}
	if err == nil {
		err = b.backend.CreateBucket(bucket)
	}
	if err != nil {
		return "", fmt.Errorf("failed to make bucket %q: %w", bucket, err)
	}
	for key, content := range files {
		if _, err := b.backend.PutObject(bucket, key, nil, bytes.NewReader(content), int64(len(content)), nil); err != nil {
			return "", fmt.Errorf("failed to put object %q: %w", key, err)
		}
	}
	return "", nil
}
