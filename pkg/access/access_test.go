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

package access_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/access/accesstest"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

func request(t *testing.T, authorization string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal("NewRequest() =", err)
	}
	r.Header.Set("Authorization", authorization)
	return r
}

func TestVerdictsAreKept(t *testing.T) {
	c := accesstest.NewCluster("admin update shop/")
	reviewer := c.Reviewer(time.Minute)
	for range 3 {
		admin, err := reviewer.Authenticate(request(t, "bearer admin"), "")
		if err != nil || admin.Name != "admin" {
			t.Fatalf("Authenticate() = %v, %v", admin, err)
		}
		for namespace, want := range map[string]bool{"shop": true, "other": false} {
			if ok, err := reviewer.May(t.Context(), admin, "update", lambda.LambdaFunctionsResource, namespace, ""); err != nil || ok != want {
				t.Errorf("May(%s) = %t, %v", namespace, ok, err)
			}
		}
		if _, err := reviewer.Authenticate(request(t, "Bearer "+accesstest.Stranger), ""); !errors.Is(err, access.ErrUnauthenticated) {
			t.Error("Authenticate() =", err)
		}
	}
	// What is denied is asked twice.
	if c.Reviews() != 3 || c.AccessReviews() != 3 {
		t.Errorf("%d looks at tokens and %d at rights, want 3 and 3", c.Reviews(), c.AccessReviews())
	}
}

func TestWhatIsNoTokenIsNotAskedAbout(t *testing.T) {
	c := accesstest.NewCluster()
	reviewer := c.Reviewer(time.Minute)
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic admin", "Bearer " + strings.Repeat("x", 1<<20)} {
		if _, err := reviewer.Authenticate(request(t, header), ""); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("Authenticate(%.20q) = %v", header, err)
		}
	}
	if c.Reviews() != 0 {
		t.Error("the API server was asked")
	}
}

func TestAudience(t *testing.T) {
	c := accesstest.NewCluster()
	c.SetAudience("broker", "receiver")
	reviewer := c.Reviewer(time.Minute)
	for audience, want := range map[string]error{"receiver": nil, "another": access.ErrUnauthenticated, "": access.ErrUnauthenticated} {
		if _, err := reviewer.Authenticate(request(t, "Bearer broker"), audience); !errors.Is(err, want) {
			t.Errorf("Authenticate(%q) = %v, want %v", audience, err, want)
		}
	}
}

// No verdict is kept of an API server that does not answer.
func TestUnavailable(t *testing.T) {
	c := accesstest.NewCluster("admin update shop/")
	reviewer := c.Reviewer(time.Minute)
	admin, err := reviewer.Authenticate(request(t, "Bearer admin"), "")
	if err != nil {
		t.Fatal("Authenticate() =", err)
	}
	c.Break(errors.New("broken"))
	if _, err := reviewer.Authenticate(request(t, "Bearer other"), ""); !errors.Is(err, access.ErrUnavailable) {
		t.Error("Authenticate() =", err)
	}
	if _, err := reviewer.May(t.Context(), admin, "update", lambda.LambdaFunctionsResource, "shop", ""); !errors.Is(err, access.ErrUnavailable) {
		t.Error("May() =", err)
	}
	c.Break(nil)
	if _, err := reviewer.Authenticate(request(t, "Bearer other"), ""); err != nil {
		t.Error("Authenticate() =", err)
	}
	if ok, err := reviewer.May(t.Context(), admin, "update", lambda.LambdaFunctionsResource, "shop", ""); err != nil || !ok {
		t.Errorf("May() = %t, %v", ok, err)
	}
}

// An API server that has just started knows nobody: that is no verdict.
func TestStarting(t *testing.T) {
	c := accesstest.NewCluster("admin update shop/")
	reviewer := c.Reviewer(time.Minute)
	c.Start(1)
	if _, err := reviewer.Authenticate(request(t, "Bearer admin"), ""); !errors.Is(err, access.ErrUnavailable) {
		t.Error("Authenticate() =", err)
	}
	admin, err := reviewer.Authenticate(request(t, "Bearer admin"), "")
	if err != nil {
		t.Fatal("Authenticate() =", err)
	}
	c.Start(1)
	may := func() (bool, error) {
		return reviewer.May(t.Context(), admin, "update", lambda.LambdaFunctionsResource, "shop", "")
	}
	if _, err := may(); !errors.Is(err, access.ErrUnavailable) {
		t.Error("May() =", err)
	}
	if ok, err := may(); err != nil || !ok {
		t.Errorf("May() = %t, %v", ok, err)
	}
}

// Whether an API server is ready is what it says at /readyz.
func TestReadyAt(t *testing.T) {
	status := http.StatusForbidden
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("path %q", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ready := access.ReadyAt(client.Discovery().RESTClient())
	if err := ready(t.Context()); !errors.Is(err, access.ErrUnavailable) {
		t.Error("Ready() =", err)
	}
	status = http.StatusOK
	if err := ready(t.Context()); err != nil {
		t.Error("Ready() =", err)
	}
}
