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

package kn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

// aLetter is one as the sink tells of it.
func aLetter(id string, more string) string {
	return fmt.Sprintf(`{"id": %q, "namespace": "default", "function": "orders", "reason": "HandlerError",
		"destination": "http://orders.default.svc.cluster.local/", "attempts": 3, "lastStatus": 500, "lastBody": "boom\u001b[31m",
		"receivedAt": "2026-03-01T10:00:00Z", "expiresAt": "2026-03-08T10:00:00Z", "size": 9,
		"event": {"specversion": "1.0", "id": "1", "type": "com.example.order", "source": "/shop"%s}}`, id, more)
}

// fakeSink answers as the sink of dead letters does, and notes what it is asked.
type fakeSink struct {
	// answers by method, path below the namespace and query. Each is given once, but for the last.
	answers map[string][]string
	// status is what it answers where it is not 200.
	status int
	asked  []string
	token  string
}

func (k *fakeSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.token = r.Header.Get("Authorization")
	path, _ := strings.CutPrefix(r.URL.RequestURI(), "/v1/namespaces/default")
	body, _ := io.ReadAll(r.Body)
	asked := r.Method + " " + path
	k.asked = append(k.asked, strings.TrimSpace(asked+" "+string(body)))
	answers := k.answers[asked]
	if len(answers) == 0 {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status": 404, "detail": "not found"}`)
		return
	}
	if len(answers) > 1 {
		k.answers[asked] = answers[1:]
	}
	if k.status != 0 {
		w.WriteHeader(k.status)
	}
	fmt.Fprint(w, answers[0])
}

// clusterWithSink has the sink reachable, for somebody who logs in with a token.
func clusterWithSink(t *testing.T, k *fakeSink) *cluster {
	t.Helper()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	c := newCluster(readyPod("knative-lambda", "lambda-deadletter-0", "app.kubernetes.io/component", "deadletter"))
	c.authorization = "Bearer mine"
	c.forward = func(_ context.Context, namespace, pod string, port int) (string, func(), error) {
		if namespace != "knative-lambda" || pod != "lambda-deadletter-0" || port != 8081 {
			t.Errorf("forward(%q, %q, %d), want the API of the sink", namespace, pod, port)
		}
		return strings.TrimPrefix(server.URL, "http://"), func() {}, nil
	}
	return c
}

func TestLettersList(t *testing.T) {
	for file, args := range map[string][]string{
		"dlq-list.txt":  {},
		"dlq-wide.txt":  {"-o", "wide"},
		"dlq-name.txt":  {"-o", "name"},
		"dlq-list.json": {"-o", "json"},
		"dlq-list.yaml": {"-o", "yaml"},
	} {
		t.Run(file, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{
				"GET /letters?limit=1000":            {`{"letters": [` + aLetter("1", "") + `], "continue": "2"}`},
				"GET /letters?continue=2&limit=1000": {`{"letters": [` + strings.Replace(aLetter("2", ""), `"attempts": 3, "lastStatus": 500,`, "", 1) + `]}`},
			}}
			got := clusterWithSink(t, k).run(t.Context(), append([]string{"dlq", "list"}, args...)...)
			if got.code != ExitOK || got.err != "" || k.token != "Bearer mine" {
				t.Errorf("run() = %+v with %q, want code 0 and the kubeconfig's token", got, k.token)
			}
			golden(t, file, got.out)
		})
	}
}

func TestLettersListSelects(t *testing.T) {
	none := []string{`{"letters": []}`}
	for name, tc := range map[string]struct {
		args []string
		path string
	}{
		"a function": {[]string{"orders"}, "function=orders&limit=1000"},
		"all fields": {
			[]string{"--type", "a.b", "--source", "/s?", "--reason", "Timeout", "--before", "2026-02-01T01:00:00+01:00", "--after", "48h"},
			"after=2026-02-27T12%3A00%3A00Z&before=2026-02-01T00%3A00%3A00Z&limit=1000&reason=Timeout&source=%2Fs%3F&type=a.b",
		},
		"few": {[]string{"--limit", "7"}, "limit=7"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{"GET /letters?" + tc.path: none}}
			got := clusterWithSink(t, k).run(t.Context(), append([]string{"dlq", "list"}, tc.args...)...)
			if got.code != ExitOK || got.err != "No dead letters found.\n" {
				t.Errorf("run() = %+v after %q, want %s", got, k.asked, tc.path)
			}
		})
	}
}

func TestLettersListLimit(t *testing.T) {
	k := &fakeSink{answers: map[string][]string{
		"GET /letters?limit=2":            {`{"letters": [` + aLetter("1", "") + `], "continue": "5"}`},
		"GET /letters?continue=5&limit=1": {`{"letters": [` + aLetter("5", "") + `], "continue": "6"}`},
	}}
	got := clusterWithSink(t, k).run(t.Context(), "dlq", "list", "--limit", "2", "-o", "name")
	if got.code != ExitOK || got.out != "1\n5\n" || !strings.Contains(got.err, "There may be more") {
		t.Errorf("run() = %+v, want two and that there may be more", got)
	}
}

func TestLettersFails(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		status int
		answer string
		change func(*cluster)
		code   int
		err    string
	}{
		"format":  {args: []string{"-o", "xml"}, code: ExitUsage, err: `--output "xml": it is none of wide, json, yaml, name`},
		"limit":   {args: []string{"--limit", "-1"}, code: ExitUsage, err: "--limit -1: write 0 or more"},
		"reason":  {args: []string{"--reason", "Bad"}, code: ExitUsage, err: `--reason "Bad": it is none of Rejected, `},
		"time":    {args: []string{"--after", "noon"}, code: ExitUsage, err: `--after "noon": write a time`},
		"names":   {args: []string{"a", "b"}, code: ExitUsage, err: "accepts at most 1 arg(s)"},
		"as":      {args: []string{"--as", "jane"}, code: ExitUsage, err: "say --service-account NAME"},
		"no sink": {args: []string{"--operator-namespace", "none"}, code: ExitFailure, err: `no pod of the sink of dead letters is ready in namespace "none"`},
		"no account": {args: []string{"--service-account", "none"}, code: ExitFailure, err: `failed to make a token of ServiceAccount "none" in namespace "default"`, change: func(c *cluster) {
			c.kube.PrependReactor("create", "serviceaccounts", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("none there")
			})
		}},
		"no way": {code: ExitFailure, err: "failed to reach the sink of dead letters: no way", change: func(c *cluster) {
			c.forward = func(context.Context, string, string, int) (string, func(), error) {
				return "", nil, errors.New("no way")
			}
		}},
		"no answer": {code: ExitFailure, err: "failed to ask the sink of dead letters", change: func(c *cluster) {
			c.forward = func(context.Context, string, string, int) (string, func(), error) {
				return "127.0.0.1:1", func() {}, nil
			}
		}},
		"a certificate": {code: ExitFailure, err: "the kubeconfig logs in without one\nTry:   say --service-account NAME", change: func(c *cluster) { c.authorization = "" }},
		"a password":    {code: ExitFailure, err: "the kubeconfig logs in without one", change: func(c *cluster) { c.authorization = "Basic bXk6b3du" }},
		"parameters": {
			status: 400, answer: `{"status": 400, "detail": "some parameters cannot be used", "errors": [{"parameter": "limit", "detail": "is wrong"}, {"pointer": "/ids", "detail": "is there"}]}`,
			code: ExitUsage, err: "some parameters cannot be used; limit is wrong; /ids is there",
		},
		"not logged in": {status: 401, answer: `{"status": 401, "detail": "no token"}`, code: ExitFailure, err: "no token\nTry:   log in"},
		"no right":      {status: 403, answer: `{"status": 403, "detail": "you may not do this"}`, code: ExitFailure, err: "you may not do this\nTry:   ask for the right"},
		"busy":          {status: 503, answer: `{"status": 503, "detail": "busy"}`, code: ExitFailure, err: "busy\nTry:   do it again later"},
		"another":       {status: 502, answer: `<html>`, code: ExitFailure, err: "answered 502 Bad Gateway"},
		"no JSON":       {answer: `<html>`, code: ExitFailure, err: "failed to read the answer"},
		"no end":        {answer: `{"letters": [], "continue": "5"}`, code: ExitFailure, err: `does not go on after letter "5"`},
		"no letter":     {answer: `{"letters": [1]}`, code: ExitFailure, err: "failed to read a letter"},
	} {
		t.Run(name, func(t *testing.T) {
			c := clusterWithSink(t, &fakeSink{status: tc.status, answers: map[string][]string{
				"GET /letters?limit=1000": {tc.answer}, "GET /letters?continue=5&limit=1000": {tc.answer},
			}})
			if tc.change != nil {
				tc.change(c)
			}
			if got := c.run(t.Context(), append([]string{"dlq", "list"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
		})
	}
}

func TestLettersServiceAccount(t *testing.T) {
	k := &fakeSink{answers: map[string][]string{"GET /letters?limit=1000": {`{"letters": []}`}}}
	c := clusterWithSink(t, k)
	c.authorization = ""
	c.kube.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "token" || action.GetNamespace() != "default" {
			t.Errorf("created %v, want a token", action)
		}
		return true, &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{Token: "made"}}, nil
	})
	if got := c.run(t.Context(), "dlq", "list", "--service-account", "me", "--as", "jane"); got.code != ExitOK || k.token != "Bearer made" {
		t.Errorf("run() = %+v with %q, want the token that was made", got, k.token)
	}
}

func TestLettersVerbs(t *testing.T) {
	if got := newCluster().run(t.Context(), "dlq"); got.code != ExitOK || !strings.Contains(got.out, "kn lambda dlq [command]") {
		t.Errorf("run() = %+v, want the help", got)
	}
	if got := newCluster().run(t.Context(), "dlq", "walk"); got.code != ExitUsage || !strings.Contains(got.err, `unknown command "walk"`) {
		t.Errorf("run() = %+v, want a refusal", got)
	}
}

func TestLettersPeek(t *testing.T) {
	const event = `, "datacontenttype": "application/json", "data": {"a": "<1>"}`
	for file, args := range map[string][]string{
		"dlq-peek.txt":        {},
		"dlq-peek.json":       {"-o", "json"},
		"dlq-peek-event.json": {"--event"},
		"dlq-peek-data.json":  {"--data"},
	} {
		t.Run(file, func(t *testing.T) {
			c := clusterWithSink(t, &fakeSink{answers: map[string][]string{
				"GET /letters/7": {aLetter("7", event)}, "GET /letters/7/event": {`{"a":   "<1>"}`},
			}})
			got := c.run(t.Context(), append([]string{"dlq", "peek", "7"}, args...)...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			}
			golden(t, file, got.out)
		})
	}
}

func TestLettersPeekFails(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		err  string
	}{
		"no ID":       {[]string{"orders"}, ExitUsage, `"orders" is no ID of a letter`},
		"format":      {[]string{"7", "-o", "wide"}, ExitUsage, `--output "wide": it is none of json, yaml`},
		"two of them": {[]string{"7", "--event", "--data"}, ExitUsage, "none of the others can be"},
		"not there":   {[]string{"8"}, ExitFailure, "failed to show dead letter 8: the sink of dead letters: not found\nTry:   kn lambda dlq list"},
		"no data":     {[]string{"8", "--data"}, ExitFailure, "not found"},
		"no letter":   {[]string{"7"}, ExitFailure, "failed to read the letter"},
		"no event":    {[]string{"9"}, ExitFailure, "failed to read the event"},
		"no sink":     {[]string{"7", "--operator-namespace", "none"}, ExitFailure, "no pod of the sink"},
	} {
		t.Run(name, func(t *testing.T) {
			c := clusterWithSink(t, &fakeSink{answers: map[string][]string{"GET /letters/7": {"[]"}, "GET /letters/9": {"{}"}}})
			if got := c.run(t.Context(), append([]string{"dlq", "peek"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
		})
	}
}

func TestAuthorized(t *testing.T) {
	for name, tc := range map[string]struct{ user, want string }{
		"a token":       {`{"token": "mine"}`, "Bearer mine"},
		"a program":     {`{"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": ["testdata/dlq-token.json"], "interactiveMode": "Never"}}`, "Bearer of-a-program"},
		"a certificate": {"{}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			text := `{"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": ` + tc.user + `}],
				"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c"}`
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newSession(io.Discard)
			*s.flags.KubeConfig = file
			c, err := s.connect()
			if err != nil {
				t.Fatal("connect() =", err)
			}
			got := ""
			transport, err := c.authorized(roundTripper(func(request *http.Request) (*http.Response, error) {
				got = request.Header.Get("Authorization")
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}))
			if err != nil {
				t.Fatal("authorized() =", err)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://sink/", http.NoBody)
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal("RoundTrip() =", err)
			}
			response.Body.Close()
			if got != tc.want {
				t.Errorf("authorization %q, want %q", got, tc.want)
			}
		})
	}
}
