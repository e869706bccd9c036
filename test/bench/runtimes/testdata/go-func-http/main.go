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
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	server "knative.dev/func-go/http"
)

type order struct {
	Do string `json:"do"`
	X  int    `json:"x"`
}

type notFound struct{ error }

func (notFound) StatusCode() int { return 404 }

func answer(in order) (any, error) {
	switch in.Do {
	case "", "nothing":
		return nil, nil
	case "empty":
		return "", nil
	case "zero":
		return 0, nil
	case "number":
		return 42, nil
	case "text":
		return "text", nil
	case "object":
		return map[string]int{"x": in.X + 1}, nil
	case "bytes":
		return []byte{255, 1}, nil
	case "not found":
		return nil, notFound{errors.New("none")}
	case "refused":
		return nil, syscall.ECONNREFUSED
	case "wait":
		select {}
	case "sleep":
		time.Sleep(time.Duration(in.X) * time.Second)
		return "slept", nil
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stream":
		return io.LimitReader(zeros{}, int64(in.X)<<20), nil
	}
	panic("cannot")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func serve(w http.ResponseWriter, r *http.Request) {
	var in order
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	reply, err := answer(in)
	switch reply := reply.(type) {
	case nil:
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	case io.Reader:
		_, _ = io.Copy(w, reply)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(reply)
	}
}

type function struct{}

// Handle does what it is told.
func (function) Handle(w http.ResponseWriter, r *http.Request) { serve(w, r) }

func main() {
	if err := server.Start(function{}); err != nil {
		panic(err)
	}
}
