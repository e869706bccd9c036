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

package runtime

import (
	"net"
	"net/http"
	"testing"
	"time"
)

func TestArrivals(t *testing.T) {
	var a arrivals
	a.settle(time.Hour) // none has come
	one, two := net.Pipe()
	a.observe(one, http.StateNew)
	a.observe(two, http.StateNew)
	a.settle(0) // who says nothing is not waited for
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		a.settle(time.Hour)
	}()
	a.observe(one, http.StateActive)
	a.observe(one, http.StateIdle)
	select {
	case <-settled:
		t.Error("settled with a connection that may still bring a request")
	default:
	}
	a.observe(two, http.StateClosed)
	<-settled
}
