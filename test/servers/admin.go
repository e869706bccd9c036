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
	"encoding/json"
	"fmt"
	"net/http"
)

// container is what a test puts files into: repositories, or buckets.
type container interface {
	// put makes files all that the repository or bucket of that name has, and returns the revision that they are now.
	put(name string, files map[string][]byte) (revision string, err error)
}

// admin is how tests reach a server: through the API server, which lets in whom it knows.
//
//	PUT /content/NAME   a JSON object of files, each encoded in base64; the answer is their revision
//	PUT /fault          what a registry answers from now on in place of all else
//	PUT /redirects/PATH a URL: who asks for what is below the path is sent to the same below the URL
//	GET /connections    how many connections were accepted where the server serves, which is not here
//	GET /health
func admin(c container, f *faults, t *traffic) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /connections", t.serveConnections)
	mux.HandleFunc("PUT /redirects/{path...}", t.serveRedirect)
	if f != nil {
		f.admin(mux)
	}
	mux.HandleFunc("PUT /content/{name...}", func(w http.ResponseWriter, r *http.Request) {
		if c == nil {
			http.Error(w, errNoContent.Error(), http.StatusNotFound)
			return
		}
		var files map[string][]byte
		if err := json.NewDecoder(r.Body).Decode(&files); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		revision, err := c.put(r.PathValue("name"), files)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, revision)
	})
	return mux
}
