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

package modelhealth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// Services are reached by name. Of addresses the private ones are not, unless they are allowed, and this process never is.
func TestTransport(t *testing.T) {
	local := httptest.NewServer(http.NotFoundHandler())
	defer local.Close()
	var networks []string
	transport := NewTransport(func() []string { return networks })
	refused := func(url string) bool {
		t.Helper()
		// Where it is not refused nobody waits for a connection.
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil {
			response.Body.Close()
		}
		_, is := netguard.Refused(err)
		return is
	}
	for _, url := range []string{local.URL, "http://169.254.169.254", "http://10.1.2.3:1", "http://localhost", "http://kubernetes.default.svc"} {
		if !refused(url) {
			t.Errorf("%s is not refused", url)
		}
	}
	networks = []string{"127.0.0.0/8", "0.0.0.0/0", "nonsense"}
	if !refused(local.URL) {
		t.Error("this process is reached where all networks are allowed")
	}
	for host, want := range map[string]bool{
		"ollama.ai.svc": true, "ollama.ai.svc.": true, "ollama.ai.svc.cluster.local": true, "ollama": false, "ollama.ai": false, "api.example.com": false,
		"svc": false, "10.0.0.1": false, "svc.example.com": false,
	} {
		if got := isService(host); got != want {
			t.Errorf("isService(%q) = %t", host, got)
		}
	}
}
