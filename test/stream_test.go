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

package test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestStream(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch call := calls.Add(1); {
		case call == 10:
			w.WriteHeader(http.StatusBadGateway)
		case call <= 20:
			_, _ = w.Write([]byte("one"))
		default:
			_, _ = w.Write([]byte("two"))
		}
	}))
	defer server.Close()

	stream := StartStream(t.Context(), server.Client(), server.URL, 500)
	<-stream.First("two")
	sent := stream.Stop()

	if got, want := len(sent.Failures), 1; got != want {
		t.Errorf("Failures = %q, want %d", sent.Failures, want)
	}
	if got, want := sent.Answers["one"], 19; got != want {
		t.Errorf("Answers = %v, want %d times one", sent.Answers, want)
	}
	if got, want := sent.Answers["one"]+sent.Answers["two"]+len(sent.Failures), sent.Requests; got != want {
		t.Errorf("answers and failures = %d, want as many as requests: %d", got, want)
	}
}
