//go:build e2e

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

package e2e

import (
	"context"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	responseType   = "io.knative.lambda.response.success"
	responseSource = "io.knative.lambda/"
)

func TestCloudEvents(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("events", `
def handler(event, context):
    return {"name": event["name"], "id": context.id, "type": context.type, "source": context.source,
            "subject": context.subject, "extensions": context.extensions}
`)

	for name, encoding := range map[string]func(context.Context) context.Context{
		"binary":     binding.WithForceBinary,
		"structured": binding.WithForceStructured,
	} {
		t.Run(name, func(t *testing.T) {
			in := event.New()
			in.SetID("id-of-" + name)
			in.SetType("com.example.order.placed")
			in.SetSource("/shop")
			in.SetSubject("order-7")
			in.SetExtension("tenant", "acme")
			if err := in.SetData(event.ApplicationJSON, map[string]string{"name": "Knative"}); err != nil {
				t.Fatal(err)
			}
			out := (&scenario{T: t, namespace: s.namespace}).send(encoding(interrupted), fn.Status.URL.String(), in)

			if got, want := out.Type(), responseType; got != want {
				t.Errorf("type = %q, want %q", got, want)
			}
			if got, want := out.Source(), responseSource+fn.Namespace+"/"+fn.Name; got != want {
				t.Errorf("source = %q, want %q", got, want)
			}
			// A subject would make the reply match the trigger of the function that it comes from.
			if out.Subject() != "" {
				t.Errorf("subject = %q, want none", out.Subject())
			}
			if got, want := out.Extensions()["causationid"], in.ID(); got != want {
				t.Errorf("causationid = %q, want %q", got, want)
			}
			if out.Extensions()["correlationid"] == nil {
				t.Error("there is no correlationid")
			}
			var got map[string]any
			if err := out.DataAs(&got); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"name": "Knative", "id": in.ID(), "type": in.Type(), "source": in.Source(), "subject": in.Subject(),
				"extensions": map[string]any{"tenant": "acme"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("data (-want, +got): %s", diff)
			}
		})
	}
}

// send sends an event, in the encoding that the context asks for, and returns the event that is the answer.
func (s *scenario) send(ctx context.Context, url string, in event.Event) *event.Event {
	s.Helper()
	request, err := cehttp.NewHTTPRequestFromEvent(ctx, url, in)
	if err != nil {
		s.Fatal(err)
	}
	response, err := caller.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	out, err := cehttp.NewEventFromHTTPResponse(response)
	if err != nil {
		s.Fatalf("Failed to read an event from the answer, status %d: %v", response.StatusCode, err)
	}
	if err := out.Validate(); err != nil {
		s.Fatalf("The answer is no valid event: %v", err)
	}
	return out
}

func TestMalformedEvent(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("strict", answering("never"))

	request, err := cehttp.NewHTTPRequestFromEvent(interrupted, fn.Status.URL.String(), validEvent())
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Del("Ce-Source")
	// What cannot become right must not be sent again: 4xx tells a broker so.
	if got, want := s.do(request), (&test.Response{Status: 400}); got.Status != want.Status {
		t.Errorf("status = %d, want %d; body: %s", got.Status, want.Status, got.Body)
	}
}

func validEvent() event.Event {
	e := event.New()
	e.SetID("1")
	e.SetType("com.example.test")
	e.SetSource("/e2e")
	return e
}
