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
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// IngressVariable is the environment variable with the address, host and port, of the cluster's ingress. Without it
// the names in the functions' URLs have to be known to DNS.
const IngressVariable = "LAMBDA_INGRESS"

// callTimeout is longer than any cold start: a call that takes longer has failed.
const callTimeout = time.Minute

// NewHTTPClient makes a client that reaches functions by their URL.
func NewHTTPClient() *http.Client {
	var dialer net.Dialer
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DialContext: dialer.DialContext}
	if ingress := os.Getenv(IngressVariable); ingress != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, ingress)
		}
	}
	return &http.Client{Transport: transport, Timeout: callTimeout}
}

// Response is an answer that was read to its end.
type Response struct {
	// Status is the HTTP status code.
	Status int
	// Header is the HTTP header.
	Header http.Header
	// Body is all of the body.
	Body string
}

// Do sends a request and reads the answer, whatever its status.
func Do(client *http.Client, request *http.Request) (*Response, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("failed to read the answer of %s: %w", request.URL, err)
	}
	return &Response{Status: response.StatusCode, Header: response.Header, Body: string(body)}, nil
}

// Get fetches a URL.
func Get(ctx context.Context, client *http.Client, url string) (*Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("failed to make a request to %q: %w", url, err)
	}
	return Do(client, request)
}
