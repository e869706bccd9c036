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
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// settings say who is let in, and how. They are the keys of a Secret, and each may be absent.
type settings struct {
	certificate, key string // paths
	// username and password are what is asked for over HTTP; for S3 they are the id and the secret of an access key.
	username, password string
	hostKey            []byte // of ssh
	authorized         []byte // the public key that ssh lets in, as in authorized_keys

	traffic traffic
}

func readSettings(folder string) (*settings, error) {
	s := &settings{}
	if folder == "" {
		return s, nil
	}
	read := map[string][]byte{}
	for _, key := range []string{"tls.crt", "tls.key", "username", "password", "ssh-hostkey", "ssh-authorized"} {
		content, err := os.ReadFile(filepath.Join(folder, key))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("failed to read settings: %w", err)
		}
		read[key] = content
	}
	if len(read["tls.crt"]) > 0 {
		s.certificate, s.key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	}
	s.username, s.password = string(read["username"]), string(read["password"])
	s.hostKey, s.authorized = read["ssh-hostkey"], read["ssh-authorized"]
	return s, nil
}

// authenticated lets in who knows the login, or everybody where there is none.
func (s *settings) authenticated(handler http.Handler) http.Handler {
	if s.username == "" {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		username, password, _ := r.BasicAuth()
		if !equal(username, s.username) || !equal(password, s.password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// signed lets in who signs by the access key. The signature itself is not looked at: it would be wrong for whoever does
// not know the key's secret, but a test that mistakes the key mistakes its id.
func (s *settings) signed(handler http.Handler) http.Handler {
	if s.username == "" {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		switch {
		case authorization == "":
			refuse(w, "AccessDenied", "Access Denied")
		case !strings.Contains(authorization, "Credential="+s.username+"/"):
			refuse(w, "InvalidAccessKeyId", "The access key is not known")
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	// Nobody is left to hear that it failed.
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>")
}

func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
