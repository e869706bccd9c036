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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

const (
	// probeTimeout is how long an endpoint may take to answer.
	probeTimeout = 5 * time.Second
	// maxPages is how many pages of a list are asked for.
	maxPages = 10
	// anthropicVersion is that of the API which is spoken (https://docs.anthropic.com/en/api/versioning).
	anthropicVersion = "2023-06-01"
)

// finding is what a probe found.
type finding struct {
	// list is what the endpoint has. It is nil where that is not known: reason says why, or "" where the endpoint answers well
	// at a path of the user's.
	list            *list
	reason, message string
	at              time.Time
	latency         time.Duration
}

func found(reason, format string, args ...any) *finding {
	return &finding{reason: reason, message: fmt.Sprintf(format, args...)}
}

// probe asks an endpoint.
func (c *Checker) probe(ctx context.Context, e *endpoint) *finding {
	start := c.clock.Now()
	f := c.askByKey(ctx, e)
	f.at, f.latency = start, c.clock.Since(start)
	return f
}

// askByKey asks an endpoint with its key. One whose key may not be read is asked without it: that tells whether it is there.
func (c *Checker) askByKey(ctx context.Context, e *endpoint) *finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if e.key.Name == "" {
		return c.ask(ctx, e, nil)
	}
	key, err := c.keys(ctx, e.key)
	switch {
	case errors.Is(err, ErrKeyMissing):
		return found(v1alpha1.ReasonAPIKeyMissing, "Secret %q has no key %q: create it.", e.key.Name, e.key.Key)
	case errors.Is(err, ErrKeyUnreadable):
		f := c.ask(ctx, e, nil)
		if f.reason == v1alpha1.ReasonAPIKeyRejected {
			return found(v1alpha1.ReasonAPIKeyUnreadable, "The endpoint answers. Whether it has the model is not known: the operator may not read "+
				"Secret %q. Give its ServiceAccount a Role that may get it, or set spec.behavior.healthCheck.enabled to false.", e.key.Name)
		}
		return f
	case bytes.ContainsAny(key, "\r\n"):
		return found(v1alpha1.ReasonAPIKeyRejected, "Key %q of Secret %q has a line break, which no header can carry: remove it.", e.key.Key, e.key.Name)
	case err != nil:
		return found(v1alpha1.ReasonHealthCheckPending, "The API server does not say what Secret %q has; it is asked again.", e.key.Name)
	}
	return c.ask(ctx, e, key)
}

// ask gets the list of models, or only the answer at a path of the user's.
func (c *Checker) ask(ctx context.Context, e *endpoint, key []byte) *finding {
	if e.path != "" {
		_, failed := c.get(ctx, e, host(e.url)+e.path, key)
		if failed != nil {
			return failed
		}
		return &finding{}
	}
	all := &list{}
	address := e.url + listPath[e.provider]
	for range maxPages {
		body, failed := c.get(ctx, e, address, key)
		if failed != nil {
			return failed
		}
		page, err := readList(e.provider, body)
		if err != nil {
			return found(v1alpha1.ReasonEndpointFailed, "%s answers, but not with a list of models: is it an endpoint of %s?", harmless(e.url), e.provider)
		}
		all.names = append(all.names, page.names...)
		if page.next == "" {
			break
		}
		address = e.url + listPath[e.provider] + "?after_id=" + url.QueryEscape(page.next)
	}
	return &finding{list: all}
}

// host is an address without its path.
func host(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Scheme + "://" + u.Host
	}
	return address
}

// listPath is where the providers' APIs list models, after what AISpec.EndpointURL returns.
var listPath = map[v1alpha1.AIProvider]string{
	v1alpha1.AIProviderOllama:    "/api/tags",
	v1alpha1.AIProviderOpenAI:    "/models",
	v1alpha1.AIProviderAnthropic: "/v1/models",
}

// get returns the body of a good answer, or what is wrong.
func (c *Checker) get(ctx context.Context, e *endpoint, address string, key []byte) ([]byte, *finding) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, found(v1alpha1.ReasonEndpointFailed, "The endpoint is no URL.")
	}
	switch {
	case len(key) == 0:
	case e.provider == v1alpha1.AIProviderAnthropic:
		request.Header.Set("X-Api-Key", string(key))
	default:
		request.Header.Set("Authorization", "Bearer "+string(key))
	}
	if e.provider == v1alpha1.AIProviderAnthropic {
		request.Header.Set("Anthropic-Version", anthropicVersion)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, unreachable(e, err)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return nil, found(v1alpha1.ReasonAPIKeyRejected, "%s answers %d: put a key that it takes into the Secret of spec.ai.apiKeySecretRef.", harmless(e.url), status)
	case status < http.StatusOK || status >= http.StatusMultipleChoices:
		return nil, found(v1alpha1.ReasonEndpointFailed, "%s answers %d to %s.", harmless(e.url), status, harmless(request.URL.Path))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, unreachable(e, err)
	case len(body) > maxBody:
		return nil, found(v1alpha1.ReasonEndpointFailed, "%s answers with more than %d bytes.", harmless(e.url), maxBody)
	}
	return body, nil
}

// unreachable says why there is no answer. The error itself may have more than everybody should know.
func unreachable(e *endpoint, err error) *finding {
	refused, isRefused := netguard.Refused(err)
	switch {
	case isRefused:
		return found(v1alpha1.ReasonEndpointForbidden, "Health checks do not go to %s: %s.", harmless(refused.Host), refused.Why)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return found(v1alpha1.ReasonEndpointTimeout, "%s does not answer within %v.", harmless(e.url), probeTimeout)
	}
	return found(v1alpha1.ReasonEndpointUnreachable, "No connection to %s comes about: is its Service there, and has it ready pods?", harmless(e.url))
}
