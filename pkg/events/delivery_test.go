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

package events

import (
	"net/http"
	"testing"
)

func TestSentAgain(t *testing.T) {
	for status, want := range map[int]bool{
		http.StatusOK: false, http.StatusAccepted: false, http.StatusFound: false, http.StatusBadRequest: false, http.StatusUnauthorized: false,
		http.StatusForbidden: false, http.StatusNotFound: true, http.StatusRequestTimeout: true, http.StatusConflict: true,
		http.StatusRequestEntityTooLarge: false, http.StatusUnprocessableEntity: false, http.StatusTooEarly: false, http.StatusTooManyRequests: true,
		http.StatusInternalServerError: true, http.StatusBadGateway: true, http.StatusServiceUnavailable: true, http.StatusGatewayTimeout: true,
	} {
		if got := SentAgain(status); got != want {
			t.Errorf("SentAgain(%d) = %t, want %t", status, got, want)
		}
	}
}
