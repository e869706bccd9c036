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
	"net/http"
	"sync"
)

// fault is what a server answers in place of what it would.
type fault struct {
	// Status is of 400 and above; 0 is no fault.
	Status int `json:"status"`
	// OnlyPushes spares requests that read.
	OnlyPushes bool `json:"onlyPushes"`
}

// faults stand before a registry, and are one at a time.
type faults struct {
	mutex   sync.Mutex
	present fault
}

func (f *faults) set(to fault) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.present = to
}

func (f *faults) get() fault {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.present
}

// codes are the words of a registry for a status.
var codes = map[int]string{
	http.StatusUnauthorized:    "UNAUTHORIZED",
	http.StatusForbidden:       "DENIED",
	http.StatusNotFound:        "NAME_UNKNOWN",
	http.StatusTooManyRequests: "TOOMANYREQUESTS",
}

// before answers with the present fault, in the form of registries, or leaves the request to the handler.
func (f *faults) before(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		present := f.get()
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if present.Status == 0 || present.OnlyPushes && reads {
			handler.ServeHTTP(w, r)
			return
		}
		code, ok := codes[present.Status]
		if !ok {
			http.Error(w, "out of order", present.Status)
			return
		}
		if present.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(present.Status)
		type answer struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}
		// Nobody is left to hear that it failed.
		_ = json.NewEncoder(w).Encode(map[string][]answer{"errors": {{Code: code, Message: "the test says so"}}})
	})
}

// admin takes faults: PUT /fault, with a fault as a JSON object.
func (f *faults) admin(mux *http.ServeMux) {
	mux.HandleFunc("PUT /fault", func(w http.ResponseWriter, r *http.Request) {
		var to fault
		if err := json.NewDecoder(r.Body).Decode(&to); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if to.Status != 0 && (to.Status < 400 || to.Status > 599) {
			http.Error(w, "status: give 400 to 599, or 0 for none", http.StatusBadRequest)
			return
		}
		f.set(to)
	})
}
