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

package portforward_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/knative-lambda/knative-lambda-operator/pkg/portforward"
)

func TestRefused(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path
		http.Error(w, "no right", http.StatusForbidden)
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = portforward.Pod(t.Context(), config, client, "shop", "orders", 8012)
	if err == nil || !strings.Contains(err.Error(), `failed to forward port 8012 of pod "orders"`) {
		t.Errorf("Pod() = %v, want which port of which pod", err)
	}
	if want := "POST /api/v1/namespaces/shop/pods/orders/portforward"; asked != want {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		<-ctx.Done()
		http.Error(w, "too late", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := portforward.Pod(ctx, config, client, "shop", "orders", 8012); err == nil {
		t.Error("Pod() = nil, want an error")
	} else if !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "failed to forward port") {
		t.Errorf("Pod() = %v, want that it was interrupted or refused", err)
	}
}
