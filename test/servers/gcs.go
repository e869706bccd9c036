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
	"fmt"
	"net/http"
	"sync"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// gcsBuckets are an object store that speaks the protocol of Google Cloud Storage.
type gcsBuckets struct {
	mutex  sync.Mutex
	server *fakestorage.Server
}

var _ container = (*gcsBuckets)(nil)

func newGCSBuckets() (*gcsBuckets, error) {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		return nil, err
	}
	return &gcsBuckets{server: server}, nil
}

// handler serves the buckets under whatever name it is asked: the library takes other hosts than its own for buckets.
func (b *gcsBuckets) handler() http.Handler {
	handler := b.server.HTTPHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = publicGCSHost
		handler.ServeHTTP(w, r)
	})
}

const publicGCSHost = "storage.googleapis.com"

// put returns no revision: each object has one of its own.
func (b *gcsBuckets) put(bucket string, files map[string][]byte) (string, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	old, err := b.server.ListObjectsWithOptionsPaginated(bucket, fakestorage.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("failed to list bucket %q: %w", bucket, err)
	}
	for _, object := range old.Objects {
		if err := b.server.Backend().DeleteObject(bucket, object.Name); err != nil {
			return "", fmt.Errorf("failed to delete object %q: %w", object.Name, err)
		}
	}
	for key, content := range files {
		b.server.CreateObject(fakestorage.Object{
			ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: key}, Content: content,
		})
	}
	return "", nil
}

// tokenPath is where a service account asks for a token, as token_uri of its key says.
const tokenPath = "/token"

// granted lets in who has a token, and hands out the token to whoever asks in a service account's name. Without a password
// everybody is let in.
func (s *settings) granted(handler http.Handler) http.Handler {
	if s.password == "" {
		return handler
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("assertion") == "" {
			http.Error(w, "there is no assertion", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, s.password)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !equal(r.Header.Get("Authorization"), "Bearer "+s.password) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
	return mux
}
