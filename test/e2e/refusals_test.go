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
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// receiverAccount is whom the receiver writes as.
const receiverAccount = "system:serviceaccount:" + systemNamespace + ":lambda-receiver"

// wantNoWrites holds that the receiver has written nothing since a time, where there is an audit log of the API server.
func (s *scenario) wantNoWrites(since time.Time) {
	s.Helper()
	path := os.Getenv("AUDIT_LOG")
	if path == "" {
		s.Log("Whether the receiver has written is not seen: there is no audit log (AUDIT_LOG)")
		return
	}
	writes, err := test.ReadWrites(path, test.Writer{Account: receiverAccount, From: since, To: time.Now()})
	if err != nil {
		s.Fatal(err)
	}
	if len(writes) > 0 {
		s.Errorf("The receiver has written: %s", writes)
	}
}

// badCommand is a request that the receiver refuses.
type badCommand struct {
	headers map[string]string
	body    string
	// status, code and path are those of the answer.
	status     int
	code, path string
}

// binaryCommand is a command in binary mode. Headers that are "" are left out.
func binaryCommand(eventType, data string, changes ...string) badCommand {
	b := badCommand{body: data, headers: map[string]string{
		"Content-Type": event.ApplicationJSON, "Ce-Specversion": event.CloudEventsVersionV1, "Ce-Id": "bad", "Ce-Source": "/e2e", "Ce-Type": eventType,
	}}
	for i := 0; i < len(changes); i += 2 {
		if b.headers[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(b.headers, changes[i])
		}
	}
	return b
}

func structuredCommand(text string) badCommand {
	return badCommand{body: text, headers: map[string]string{"Content-Type": event.ApplicationCloudEventsJSON}}
}

func (b badCommand) refused(status int, code, path string) badCommand {
	b.status, b.code, b.path = status, code, path
	return b
}

// badCommands are for a namespace.
func badCommands(namespace string) map[string]badCommand {
	const spec = `{"source":{"type":"inline","inline":{"code":"A"}},"runtime":{"language":"python"}}`
	deploy := func(metadata, spec string) badCommand {
		metadata = strings.Replace(metadata, "{", fmt.Sprintf(`{"namespace":%q,`, namespace), 1)
		return binaryCommand(events.FunctionDeploy, fmt.Sprintf(`{"metadata":%s,"spec":%s}`, metadata, spec))
	}
	forged := func(key string) badCommand {
		return deploy(fmt.Sprintf(`{"name":"bad","annotations":{%q:"true"}}`, key), spec).
			refused(http.StatusUnprocessableEntity, "Forbidden", "/data/metadata/annotations/"+strings.ReplaceAll(key, "/", "~1"))
	}
	const named = `{"name":"bad"}`
	large := strings.Repeat("x", 2<<20)
	elsewhere := binaryCommand(events.FunctionDeploy, `{"metadata":{"name":"bad","namespace":"default"},"spec":`+spec+`}`).refused(http.StatusForbidden, "Forbidden", "")
	deleted := binaryCommand(events.ServiceDelete, "", "Ce-Subject", "kube-system/bad").refused(http.StatusForbidden, "Forbidden", "")
	return map[string]badCommand{
		"no event":                   binaryCommand("", "{}", "Ce-Specversion", "", "Ce-Id", "", "Ce-Source", "", "Ce-Type", "").refused(400, "InvalidEvent", "/specversion"),
		"version 9.9":                binaryCommand(events.BuildStart, "", "Ce-Specversion", "9.9").refused(400, "InvalidEvent", "/specversion"),
		"no id":                      binaryCommand(events.BuildStart, "", "Ce-Id", "").refused(400, "InvalidEvent", "/id"),
		"no source":                  binaryCommand(events.BuildStart, "", "Ce-Source", "").refused(400, "InvalidEvent", "/source"),
		"no type":                    binaryCommand("", "").refused(400, "InvalidEvent", "/type"),
		"structured, cut off":        structuredCommand(`{"specversion":"1.0",`).refused(400, "InvalidEvent", ""),
		"structured, an array":       structuredCommand(`[]`).refused(400, "InvalidEvent", ""),
		"structured, no version":     structuredCommand(`{"id":"1","source":"s","type":"t"}`).refused(400, "InvalidEvent", ""),
		"structured, version 9.9":    structuredCommand(`{"specversion":"9.9","id":"1","source":"s","type":"t"}`).refused(400, "InvalidEvent", ""),
		"structured, no id":          structuredCommand(`{"specversion":"1.0","source":"s","type":"t"}`).refused(400, "InvalidEvent", "/id"),
		"unknown type":               binaryCommand(events.CommandPrefix+"service.restart", "").refused(400, "UnknownType", "/type"),
		"2 MiB":                      binaryCommand(events.FunctionDeploy, large).refused(413, "TooLarge", ""),
		"data that is no JSON":       binaryCommand(events.FunctionDeploy, "spec: {}").refused(400, "InvalidData", "/data"),
		"data that is cut off":       binaryCommand(events.FunctionDeploy, `{"metadata":{"name":`).refused(400, "InvalidData", "/data"),
		"data that is text":          binaryCommand(events.FunctionDeploy, "hello", "Content-Type", "text/plain").refused(415, "UnsupportedMediaType", "/datacontenttype"),
		"data that is an array":      binaryCommand(events.FunctionDeploy, `[]`).refused(400, "InvalidData", "/data"),
		"data that is null":          binaryCommand(events.FunctionDeploy, `null`).refused(400, "InvalidData", "/data"),
		"a member twice":             binaryCommand(events.BuildStart, `{"name":"a","name":"b"}`).refused(400, "InvalidData", "/data"),
		"no spec":                    binaryCommand(events.FunctionDeploy, `{"metadata":{"name":"bad"}}`).refused(400, "InvalidData", "/data/spec"),
		"spec that is text":          deploy(named, `"python"`).refused(400, "InvalidData", "/data/spec"),
		"source that is text":        deploy(named, `{"source":"inline"}`).refused(400, "InvalidData", "/data/spec/source"),
		"unknown field":              deploy(named, `{"source":{"type":"inline"},"replicas":3}`).refused(400, "InvalidData", "/data/spec/replicas"),
		"unknown field below":        deploy(named, `{"source":{"type":"inline","inlined":{}}}`).refused(400, "InvalidData", "/data/spec/source/inlined"),
		"unknown field of a delete":  binaryCommand(events.ServiceDelete, `{"name":"bad","cascade":true}`).refused(400, "InvalidData", "/data/cascade"),
		"flag that is text":          binaryCommand(events.BuildStart, `{"name":"bad","forceRebuild":"yes"}`).refused(400, "InvalidData", "/data/forceRebuild"),
		"label that is a number":     deploy(`{"name":"bad","labels":{"a":1}}`, spec).refused(400, "InvalidData", "/data/metadata/labels/a"),
		"owner":                      deploy(`{"name":"bad","ownerReferences":[]}`, spec).refused(400, "InvalidData", "/data/metadata/ownerReferences"),
		"another kind":               binaryCommand(events.FunctionDeploy, `{"kind":"Secret","metadata":{"name":"bad"},"spec":`+spec+`}`).refused(400, "InvalidData", "/data/kind"),
		"no name":                    binaryCommand(events.ServiceDelete, `{}`).refused(400, "InvalidData", "/data/name"),
		"name in capitals":           deploy(`{"name":"Bad"}`, spec).refused(400, "InvalidData", "/data/metadata/name"),
		"name of 64 characters":      deploy(`{"name":"`+strings.Repeat("a", 64)+`"}`, spec).refused(400, "InvalidData", "/data/metadata/name"),
		"name that leads elsewhere":  binaryCommand(events.ServiceDelete, `{"name":"../secrets/x"}`).refused(400, "InvalidData", "/data/name"),
		"subject that is no name":    binaryCommand(events.ServiceDelete, "", "Ce-Subject", "a/b/c").refused(400, "InvalidData", "/subject"),
		"namespace that is none":     binaryCommand(events.ServiceDelete, `{"name":"bad","namespace":"a.b"}`).refused(400, "InvalidData", "/data/namespace"),
		"namespace of others":        elsewhere,
		"delete of others":           deleted,
		"privilege of old":           forged("lambda.knative.io/receiver-mode"),
		"privilege of old, another":  forged("lambda.knative.io/use-operator-image"),
		"forged memory":              forged("lambda.knative.io/cloudevents"),
		"forged origin":              forged("lambda.knative.io/created-by-cloudevent"),
		"Knative's annotation":       forged("serving.knative.dev/creator"),
		"spec that admission minds":  deploy(named, `{"source":{"type":"inline","inline":{"code":"A"}},"runtime":{"language":"cobol"}}`).refused(422, "InvalidSpec", "/data/spec/runtime/language"),
		"spec that has what it must": deploy(named, `{"source":{"type":"git"},"runtime":{"language":"python"}}`).refused(422, "InvalidSpec", "/data/spec/source/git"),
	}
}

// wantLetters holds that so many events have become dead letters, with the status that they were refused with.
func (s *scenario) wantLetters(n int) {
	s.Helper()
	p := s.openPostOffice()
	viewer := s.token("viewer", "knative-lambda-namespaced-view")
	var list letterList
	s.until("letters", func() error {
		if p.ask(http.MethodGet, "/letters?limit=1000", viewer, "", &list); len(list.Letters) < n {
			return fmt.Errorf("there are %d of %d", len(list.Letters), n)
		}
		return nil
	})
	if len(list.Letters) > n {
		s.Errorf("There are %d letters, want %d", len(list.Letters), n)
	}
	for _, letter := range list.Letters {
		if letter.Attempts != 1 || !strings.Contains(letter.LastBody, `"status":"error"`) {
			s.Errorf("A letter is of %d tries, the last of them: %s", letter.Attempts, letter.LastBody)
		}
	}
}

// TestBadCommands sends what is no command to the receiver, which says what is wrong and writes nothing, and to a Broker, which
// brings what it takes once, and then keeps it as a dead letter.
func TestBadCommands(t *testing.T) {
	s := newScenario(t)
	linear := eventingduckv1.BackoffPolicyLinear
	c := s.newCommander(&eventingduckv1.DeliverySpec{
		Retry: ptr.Int32(3), BackoffPolicy: &linear, BackoffDelay: ptr.String("PT0.1S"),
		DeadLetterSink: &duckv1.Destination{
			Ref: &duckv1.KReference{APIVersion: "v1", Kind: "Service", Name: "lambda-deadletter", Namespace: systemNamespace},
			URI: &apis.URL{Path: "/v1/namespaces/" + s.namespace, RawQuery: "function=commands"},
		},
	})
	start := time.Now()
	commands := badCommands(s.namespace)
	for name, bad := range commands {
		request, err := http.NewRequestWithContext(interrupted, http.MethodPost, "http://"+c.address, strings.NewReader(bad.body))
		if err != nil {
			t.Fatal(err)
		}
		for header, value := range bad.headers {
			request.Header.Set(header, value)
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
		response, err := test.Do(http.DefaultClient, request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var answer struct{ Status, Error, Message, Path string }
		s.decode(response.Body, &answer)
		if response.Status != bad.status || answer.Status != "error" || answer.Error != bad.code || answer.Path != bad.path || answer.Message == "" {
			t.Errorf("%s: %d %s; want %d %s at %q", name, response.Status, response.Body, bad.status, bad.code, bad.path)
		}
	}

	s.awaitChannels()
	// An in-memory channel has tried an event as often as it will when the sender gets its answer.
	before, taken := c.refused(), 0.0
	for name, bad := range commands {
		if bad.headers["Ce-Id"] != "" {
			// Of one event there is one letter.
			bad.headers["Ce-Id"] = fmt.Sprintf("bad-%v", taken)
		}
		err := test.PostToBroker(interrupted, clients.Kube, c.broker, bad.headers, []byte(bad.body))
		switch {
		case err == nil:
			taken++
		case !apierrs.IsBadRequest(err) && !apierrs.IsRequestEntityTooLargeError(err):
			t.Errorf("%s: the Broker says: %v", name, err)
		}
	}
	if times := c.refused() - before; times != taken || taken == 0 {
		t.Errorf("%v events were brought %v times", taken, times)
	}
	s.wantLetters(int(taken))
	t.Logf("%d bad commands, %v of them by way of the Broker", len(commands), taken)
	s.wantNoWrites(start)
	functions, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).List(interrupted, metav1.ListOptions{})
	if err != nil || len(functions.Items) > 0 {
		t.Errorf("There are %d functions: %v", len(functions.Items), err)
	}
}
