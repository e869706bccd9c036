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
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const twoRedrives = `{"redrives": [
	{"id": "a1", "state": "Running", "user": "system:serviceaccount:default:clerk", "createdAt": "2026-03-01T11:50:00Z", "matched": 9, "delivered": 4, "undelivered": 1, "refused": 1},
	{"id": "b2", "state": "Cancelled", "message": "by\nclerk", "user": "ada", "createdAt": "2026-02-28T12:00:00Z", "matched": 2, "gone": 2, "rate": 50}]}`

func TestRedrives(t *testing.T) {
	for file, format := range map[string]string{
		"dlq-redrives.txt": "", "dlq-redrives-wide.txt": formatWide, "dlq-redrives-name.txt": "name", "dlq-redrives.json": "json", "dlq-redrives.yaml": "yaml",
	} {
		t.Run(file, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{"GET /redrives": {twoRedrives}}}
			got := clusterWithSink(t, k).run(t.Context(), "dlq", "redrives", "-o", format)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v", got)
			}
			golden(t, file, got.out)
		})
	}
}

func TestRedrivesAndCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		args    string
		answers map[string][]string
		code    int
		text    string
	}{
		"none":                  {"redrives", map[string][]string{"GET /redrives": {`{"redrives": []}`}}, ExitOK, "No redrives found.\n"},
		"none, as JSON":         {"redrives -o json", map[string][]string{"GET /redrives": {`{}`}}, ExitOK, "{\n  \"redrives\": []\n}\n"},
		"no such format":        {"redrives -o xml", nil, ExitUsage, `--output "xml"`},
		"no JSON":               {"redrives", map[string][]string{"GET /redrives": {"<html>"}}, ExitFailure, "failed to list redrives: failed to read the answer"},
		"no redrive":            {"redrives", map[string][]string{"GET /redrives": {`{"redrives": [7]}`}}, ExitFailure, "failed to read a redrive"},
		"no sink":               {"redrives --operator-namespace none", nil, ExitFailure, "no pod of the sink"},
		"ended":                 {"cancel a1", map[string][]string{"DELETE /redrives/a1": {`{"id": "a1", "state": "Cancelled", "matched": 3, "delivered": 1}`}}, ExitOK, "Redrive 'a1' has ended. Cancelled: 1 of 3 delivered.\n"},
		"ended, by another way": {"cancel a/../1", map[string][]string{"DELETE /redrives/a%2F..%2F1": {`{"id": "a1"}`}}, ExitOK, "Redrive 'a1'"},
		"not there":             {"cancel z", nil, ExitFailure, `failed to end redrive "z": the sink of dead letters: not found` + "\nTry:   kn lambda dlq redrives"},
		"which":                 {"cancel", nil, ExitUsage, "accepts 1 arg"},
		"cancelled nowhere":     {"cancel a --operator-namespace none", nil, ExitFailure, "no pod of the sink"},
	} {
		t.Run(name, func(t *testing.T) {
			got := clusterWithSink(t, &fakeSink{answers: tc.answers}).run(t.Context(), append([]string{"dlq"}, strings.Fields(tc.args)...)...)
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
		})
	}
}

// FuzzSink has the sink answer anything: it is read, or told to be an error.
func FuzzSink(f *testing.F) {
	for _, body := range []string{
		"", "{", "null", "[]", twoRedrives, `{"letters": [` + aLetter("1", "") + `]}`, `{"letters": [1, null, {}]}`,
		`{"detail": "no", "errors": [{"pointer": "/filter", "detail": "bad"}]}`,
	} {
		for _, status := range []int{200, 202, 400, 401, 403, 404, 429, 503} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		k := &sink{namespace: "default", client: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}}
		var answer struct{ Letters, Redrives []json.RawMessage }
		err := k.call(context.Background(), http.MethodGet, "/", nil, &answer)
		if (status < 200 || status > 299) && (err == nil || err.Error() == "") {
			t.Errorf("call() = %v for status %d", err, status)
		}
		for _, format := range lettersFormats {
			var letters, redrives strings.Builder
			if err := printLetters(&letters, answer.Letters, format, now); err == nil && len(answer.Letters) > 0 && letters.Len() == 0 {
				t.Errorf("printLetters(%q, %q) prints nothing", answer.Letters, format)
			}
			if err := printRedrives(&redrives, answer.Redrives, format, now); err == nil && len(answer.Redrives) > 0 && redrives.Len() == 0 {
				t.Errorf("printRedrives(%q, %q) prints nothing", answer.Redrives, format)
			}
		}
	})
}
