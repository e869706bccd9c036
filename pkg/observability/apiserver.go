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

package observability

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// paths reads the paths of the API server as that does itself.
var paths = request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}

// APITransport counts requests to the API server, and has those that belong to a trace be spans of it. It is for
// rest.Config.Wrap, before any client is made.
func APITransport(next http.RoundTripper) http.RoundTripper {
	traced := otelhttp.NewTransport(next,
		// Knative measures requests already.
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		// Watches and leases are nobody's.
		otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanContextFromContext(r.Context()).IsValid() }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			verb, resource := callOf(r)
			return verb + " " + resource
		}),
		otelhttp.WithSpanOptions(trace.WithAttributes(AttributeOperation.String("api"), AttributeOperationName.String("api"))),
	)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := traced.RoundTrip(r)
		verb, resource := callOf(r)
		apiRequests.Add(r.Context(), 1, with(label("verb", verb), label("resource", resource), label("result", resultOf(response, err))))
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// callOf returns the verb and the resource with its group, such as "update" and "lambdafunctions.lambda.knative.io/status".
// What is no resource is "other", so that there are no more of them than there are kinds.
func callOf(r *http.Request) (verb, resource string) {
	info, err := paths.NewRequestInfo(r)
	if err != nil || !info.IsResourceRequest {
		return "get", "other"
	}
	resource = schema.GroupResource{Group: info.APIGroup, Resource: info.Resource}.String()
	if info.Subresource != "" {
		resource += "/" + info.Subresource
	}
	return info.Verb, resource
}

func resultOf(response *http.Response, err error) string {
	switch {
	case err != nil:
		return "unreachable"
	case response.StatusCode < http.StatusBadRequest:
		return ResultSuccess
	case response.StatusCode == http.StatusNotFound:
		return "not_found"
	case response.StatusCode == http.StatusConflict:
		return resultConflict
	case response.StatusCode == http.StatusTooManyRequests:
		return "throttled"
	case response.StatusCode < http.StatusInternalServerError:
		return "refused"
	default:
		return resultError
	}
}
