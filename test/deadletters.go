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
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// DeadLetterPods selects the pods of the sink of dead letters.
const DeadLetterPods = "app.kubernetes.io/name=knative-lambda,app.kubernetes.io/component=deadletter"

// AskDeadLetters sends a request for a namespace's letters to the sink at an address, host and port, with a token unless
// that is "". It returns the answer, whatever its status.
func AskDeadLetters(ctx context.Context, address, namespace, token, method, path string, body []byte) (*Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s/v1/namespaces/%s%s", address, namespace, path), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("failed to make a request to the sink of dead letters: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return Do(http.DefaultClient, request)
}
