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
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

// gcsClient asks for a token as a service account does, and then for what the bucket has.
func gcsClient(t *testing.T, address, token string) *storage.Client {
	t.Helper()
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(address+"/storage/v1/"),
		option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestGCS(t *testing.T) {
	b, err := newGCSBuckets()
	if err != nil {
		t.Fatal(err)
	}
	s := &settings{password: "hunter2"}
	server := httptest.NewServer(s.granted(b.handler()))
	t.Cleanup(server.Close)
	put(t, b, "code", map[string][]byte{"fn/main.py": []byte("one"), "old.py": nil})
	put(t, b, "code", map[string][]byte{"fn/main.py": []byte("two")})

	bucket := gcsClient(t, server.URL, "hunter2").Bucket("code")
	r, err := bucket.Object("fn/main.py").NewReader(t.Context())
	if err != nil {
		t.Fatal("failed to open an object:", err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "two" {
		t.Errorf("object = %q, %v, want %q", got, err, "two")
	}
	var listed []string
	objects := bucket.Objects(t.Context(), &storage.Query{})
	for {
		object, err := objects.Next()
		if err == iterator.Done { //nolint:errorlint // As the package says it is compared.
			break
		}
		if err != nil {
			t.Fatal("failed to list:", err)
		}
		listed = append(listed, object.Name)
	}
	if want := []string{"fn/main.py"}; !slices.Equal(listed, want) {
		t.Errorf("objects = %v, want %v", listed, want)
	}

	if _, err := gcsClient(t, server.URL, "other").Bucket("code").Object("fn/main.py").NewReader(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "401") {
		t.Errorf("error with another token = %v, want one with status 401", err)
	}
}

func TestGCSToken(t *testing.T) {
	s := &settings{password: "hunter2"}
	handler := s.granted(http.NotFoundHandler())
	for _, test := range []struct {
		name, body, want string
		status           int
	}{
		{name: "assertion", body: "assertion=signed", want: `"access_token": "hunter2"`, status: http.StatusOK},
		{name: "nothing", want: "assertion", status: http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(test.body))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if recorder.Code != test.status || !strings.Contains(recorder.Body.String(), test.want) {
				t.Errorf("answer = %d %s, want %d with %q", recorder.Code, recorder.Body, test.status, test.want)
			}
		})
	}
}
