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
	"io"
	"net/http"
	"strings"
	"testing"
)

// fuzzedVerbs are those that read what the sink answers.
var fuzzedVerbs = [][]string{
	{"list"},
	{"list", "-o", "wide"},
	{"list", "-o", "name"},
	{"list", "-o", "json"},
	{"list", "-o", "yaml"},
	{"peek", "7"},
	{"peek", "7", "--event"},
	{"peek", "7", "--data"},
	{"peek", "7", "-o", "yaml"},
	{"redrives"},
	{"redrives", "-o", "wide"},
	{"redrives", "-o", "name"},
	{"redrives", "-o", "yaml"},
	{"cancel", "r"},
	{"redrive", "orders", "--no-wait"},
	{"redrive", "orders", "--dry-run"},
	{"purge", "orders", "--yes"},
}

// answering makes a cluster whose sink gives the same answer to whatever it is asked.
func answering(status int, body string) *cluster {
	c := newCluster(readyPod("knative-lambda", "lambda-deadletter-0", "app.kubernetes.io/component", "deadletter"))
	c.forward = func(context.Context, string, string, int) (string, func(), error) { return "sink", func() {}, nil }
	connect := c.session.connect
	c.session.connect = func() (*clients, error) {
		made, err := connect()
		made.authorized = func(http.RoundTripper) (http.RoundTripper, error) {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				return &http.Response{
					Status: http.StatusText(status), StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: request,
				}, nil
			}), nil
		}
		return made, err
	}
	return c
}

// FuzzSinkAnswers holds that no answer of the sink stops a verb from coming to an end, that a verb succeeds only with an answer
// that is a success, says so where it fails, and does not command the terminal.
func FuzzSinkAnswers(f *testing.F) {
	letters := `{"letters": [` + aLetter("7", "") + `], "continue": "8"}`
	for _, body := range []string{
		"", "null", "{}", "[]", "{", "<html>", `{"letters": [null, 1]}`, letters, aLetter("7", `, "data": {"a": "<1>"}`), `{"event": {}, "id": "\u001b[2J\n"}`,
		twoRedrives, halfway, done, failing, `{"state": "Cancelled", "id": "\u001b[2J"}`, `{"state": "\u001b[2J\nFailed"}`, oneMeant, `{"matched": -1}`, `{"redrives": [{"createdAt": "9999-12-31T23:59:59Z"}]}`,
		`{"status": 400, "detail": "\u001b[2J", "errors": [{"parameter": "limit", "detail": "is wrong\u001b"}, {"pointer": "/ids"}]}`,
	} {
		for verb := range fuzzedVerbs {
			f.Add(uint8(verb), uint16(http.StatusOK), body)
		}
		for _, status := range []uint16{0, 204, 302, 400, 401, 403, 404, 429, 503, 999} {
			f.Add(uint8(0), status, body)
			f.Add(uint8(13), status, body)
		}
	}
	f.Fuzz(func(t *testing.T, verb uint8, status uint16, body string) {
		args := fuzzedVerbs[int(verb)%len(fuzzedVerbs)]
		got := answering(int(status), body).run(t.Context(), append([]string{"dlq"}, args...)...)
		succeeded := status >= http.StatusOK && status < http.StatusMultipleChoices
		switch {
		case got.code == ExitOK && !succeeded:
			t.Errorf("%q of %d succeeded: %+v", args, status, got)
		case got.code == ExitUsage && status != http.StatusBadRequest, got.code != ExitOK && got.code != ExitUsage && got.code != ExitFailure:
			t.Errorf("%q of %d ended with code %d", args, status, got.code)
		case (got.code == ExitOK) == strings.Contains(got.err, "Error: failed to "):
			t.Errorf("%q of %d ended with code %d and said %q", args, status, got.code, got.err)
		case strings.ContainsRune(got.err, '\x1b'), args[len(args)-1] != "--data" && strings.ContainsRune(got.out, '\x1b'):
			t.Errorf("%q of %d commands the terminal: %q and %q", args, status, got.out, got.err)
		}
	})
}
