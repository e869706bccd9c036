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
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// deadLetterPort is that of letters and of the API.
const deadLetterPort = 8080

// postOffice is the sink of dead letters, for the letters of a scenario's namespace.
type postOffice struct {
	*scenario
	address string
}

// openPostOffice waits until the sink is ready and can be reached.
func (s *scenario) openPostOffice() *postOffice {
	s.Helper()
	return &postOffice{scenario: s, address: s.reach(test.DeadLetterPods, deadLetterPort)}
}

// ask sends a request for the namespace's letters, and decodes the answer where there is something to decode it to.
func (p *postOffice) ask(method, path, token, body string, into any) *test.Response {
	p.Helper()
	response, err := test.AskDeadLetters(interrupted, p.address, p.namespace, token, method, path, []byte(body))
	if err != nil {
		p.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(response.Body), into); err != nil {
			p.Fatalf("Failed to read the answer to %s %s, status %d: %s", method, path, response.Status, response.Body)
		}
	}
	return response
}

// post sends a letter, as a broker does that has given up.
func (p *postOffice) post(function, id string) {
	p.Helper()
	request, err := http.NewRequestWithContext(interrupted, http.MethodPost,
		fmt.Sprintf("http://%s/v1/namespaces/%s?function=%s&retries=2", p.address, p.namespace, function),
		bytes.NewBufferString(`{"id": "`+id+`"}`))
	if err != nil {
		p.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": id, "Ce-Type": "com.example.order", "Ce-Source": "/e2e",
		"Ce-Subject": function, "Ce-Correlationid": "c-" + id,
		"Ce-Knativeerrordest": fmt.Sprintf("http://%s.%s.svc.cluster.local", function, p.namespace),
		"Ce-Knativeerrorcode": "500", "Ce-Knativeerrordata": "Ym9vbQ==",
	} {
		request.Header.Set(name, value)
	}
	response, err := test.Do(http.DefaultClient, request)
	if err != nil {
		p.Fatal(err)
	}
	if response.Status != http.StatusAccepted {
		p.Fatalf("A letter was not taken: %d %s", response.Status, response.Body)
	}
}

type letterList struct {
	Letters []struct {
		ID       string
		Function string
		Reason   string
		Attempts int
		LastBody string
		Event    map[string]any
	}
}

// token makes a ServiceAccount with the rights of these ClusterRoles, and returns a token.
func (s *scenario) token(name string, roles ...string) string {
	s.Helper()
	token, err := clients.NewToken(interrupted, s.namespace, name, roles...)
	if err != nil {
		s.Fatal(err)
	}
	return token
}

type redriveStatus struct {
	ID, State                       string
	Matched, Delivered, Undelivered int
	Replies, RepliesDropped         int
}

// redrive has letters sent again, and waits until that is over.
func (p *postOffice) redrive(token, order string) *redriveStatus {
	p.Helper()
	var redrive redriveStatus
	if response := p.ask(http.MethodPost, "/redrive", token, order, &redrive); response.Status != http.StatusAccepted {
		p.Fatalf("The redrive was not taken: %d %s", response.Status, response.Body)
	}
	p.wait(func(ctx context.Context) error {
		return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
			p.ask(http.MethodGet, "/redrives/"+redrive.ID, token, "", &redrive)
			return redrive.State != "Queued" && redrive.State != "Running", nil
		})
	})
	return &redrive
}

// TestLettersAreKept keeps letters over the death of the sink, shows them to those who may see them, and sends them again.
func TestLettersAreKept(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("orders", `
def handler(event, context):
    return {"id": event["id"], "redrive": context.extensions.get("lambdaredrive")}
`)
	editor := s.token("editor", "knative-lambda-namespaced-edit")
	viewer := s.token("viewer", "knative-lambda-namespaced-view")
	nobody := s.token("nobody")
	p := s.openPostOffice()
	for _, id := range []string{"1", "2", "3"} {
		p.post(fn.Name, id)
	}
	// A letter that was accepted outlives its keeper.
	if err := clients.KillPods(interrupted, systemNamespace, test.DeadLetterPods); err != nil {
		t.Fatal(err)
	}
	p = s.openPostOffice()

	// The rights of a binding may take a moment to be known.
	var list letterList
	s.wait(func(ctx context.Context) error {
		return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
			return p.ask(http.MethodGet, "/letters", viewer, "", &list).Status == http.StatusOK, nil
		})
	})
	if len(list.Letters) != 3 {
		t.Fatalf("%d letters, want 3", len(list.Letters))
	}
	if first := list.Letters[0]; first.Function != fn.Name || first.Reason != "HandlerError" || first.Attempts != 3 || first.LastBody != "boom" ||
		first.Event["id"] != "1" || first.Event["correlationid"] != "c-1" {
		t.Errorf("the first letter is %+v", first)
	}
	const order, purge = `{"filter": {"function": "orders"}, "rate": 100}`, `{"filter": {"function": "orders"}}`
	for _, tc := range []struct {
		name, method, path, token, body string
		want                            int
	}{
		{"list without a token", http.MethodGet, "/letters", "", "", http.StatusUnauthorized},
		{"list with a false token", http.MethodGet, "/letters", "false", "", http.StatusUnauthorized},
		{"list without rights", http.MethodGet, "/letters", nobody, "", http.StatusForbidden},
		{"letter without rights", http.MethodGet, "/letters/" + list.Letters[0].ID, nobody, "", http.StatusForbidden},
		{"redrive without a token", http.MethodPost, "/redrive", "", order, http.StatusUnauthorized},
		{"redrive without rights", http.MethodPost, "/redrive", nobody, order, http.StatusForbidden},
		{"redrive with rights to look only", http.MethodPost, "/redrive", viewer, order, http.StatusForbidden},
		{"purge with rights to look only", http.MethodPost, "/purge", viewer, purge, http.StatusForbidden},
	} {
		if response := p.ask(tc.method, tc.path, tc.token, tc.body, nil); response.Status != tc.want || strings.Contains(response.Body, "c-1") {
			t.Errorf("%s: %d, want %d: %s", tc.name, response.Status, tc.want, response.Body)
		}
	}
	redrive := p.redrive(editor, order)
	if redrive.State != "Succeeded" || redrive.Delivered != 3 {
		t.Errorf("the redrive is %+v", redrive)
	}
	var left letterList
	if p.ask(http.MethodGet, "/letters", viewer, "", &left); len(left.Letters) != 0 {
		t.Errorf("%d letters are left", len(left.Letters))
	}
}

// TestRedrive mends a function that has failed on an event, and has it sent again: what it answers then reaches another
// function through the Broker, as it would have at first.
func TestRedrive(t *testing.T) {
	s := newScenario(t)
	fn := s.newRecorder("orders", recording("context.id", `raise ValueError("not yet")`), v1alpha1.EventingSpec{
		Delivery: &v1alpha1.DeliverySpec{Retry: ptr.Int32(0)}, DLQ: &v1alpha1.DLQSpec{},
	})
	fn = s.create(fn)
	replies := s.newRecorder("replies", recording(`context.extensions["causationid"] + ":" + event["of"]`, "return None"),
		v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})
	replies.Spec.Triggers = []v1alpha1.TriggerSpec{{
		Broker: sharedBroker, Filter: map[string]string{"source": responseSource + s.namespace + "/orders"},
	}}
	replies = s.create(replies)
	fn, replies = s.awaitReady(fn), s.awaitReady(replies)
	editor := s.token("editor", "knative-lambda-namespaced-edit", "knative-lambda-namespaced-view")
	p := s.openPostOffice()

	s.sendToBroker(fn.Status.EventingStatus.BrokerURL, addressed(fn, "late"))
	s.wait(func(ctx context.Context) error {
		return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
			var list letterList
			response := p.ask(http.MethodGet, "/letters", editor, "", &list)
			return response.Status == http.StatusOK && len(list.Letters) == 1, nil
		})
	})
	s.awaitReady(s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Source.Inline.Code = "def handler(event, context):\n    return {\"of\": context.id}\n"
	}))
	if redrive := p.redrive(editor, `{"filter": {"function": "orders"}}`); redrive.Delivered != 1 || redrive.Replies != 1 || redrive.RepliesDropped != 0 {
		t.Errorf("the redrive is %+v", redrive)
	}
	s.awaitKept(replies, "late:late")
}
