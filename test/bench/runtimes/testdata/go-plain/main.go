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

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
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

func handle(e event.Event) (*event.Event, error) {
	var in order
	if len(e.Data()) > 0 {
		if err := e.DataAs(&in); err != nil {
			return nil, err
		}
	}
	var reply any = map[string]int{"x": 1}
	if in.Do != "event" {
		var err error
		if reply, err = answer(in); err != nil || reply == nil {
			return nil, err
		}
	}
	made := event.New()
	made.SetID("8")
	made.SetType("made")
	made.SetSource("/me")
	return &made, made.SetData("application/json", reply)
}

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Ce-Specversion") == "" {
			serve(w, r)
			return
		}
		e, err := binding.ToEvent(r.Context(), cehttp.NewMessageFromHttpRequest(r))
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply, err := handle(*e)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case reply == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			_ = cehttp.WriteResponseWriter(r.Context(), binding.ToMessage(reply), http.StatusOK, w)
		}
	})
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: handler, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		panic(err)
	}
}
