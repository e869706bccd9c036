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

package netguard

import (
	"net/netip"
	"testing"
)

func TestInside(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	guard := New(Inside())
	for address, refused := range map[string]bool{
		"10.96.0.1": true, "127.0.0.1": true, "::1": true, "169.254.169.254": true, "10.96.0.2": false, "192.168.0.1": false, "fd00::1": false, "1.1.1.1": false,
	} {
		if err := guard.Check(netip.MustParseAddr(address)); (err != nil) != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "kubernetes.example.com")
	if got := Inside().Denied; got != nil {
		t.Errorf("Denied = %v", got)
	}
}
