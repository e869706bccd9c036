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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoRedrives = `{"redrives": [
	{"id": "dki1", "namespace": "default", "state": "Failed", "message": "letters that were not delivered, and are kept: 3", "user": "jane@example.com",
		"createdAt": "2026-02-27T12:00:00Z", "rate": 50, "matched": 10, "delivered": 6, "undelivered": 1, "refused": 2, "gone": 1},
	{"id": "dki2", "namespace": "default", "state": "Running", "user": "system:serviceaccount:default:me\u001b[31m",
		"createdAt": "2026-03-01T11:59:30Z", "rate": 5, "matched": 4, "delivered": 2}]}`

func TestRedrives(t *testing.T) {
	for file, args := range map[string][]string{
		"dlq-redrives.txt":      {},
		"dlq-redrives-wide.txt": {"-o", "wide"},
		"dlq-redrives-name.txt": {"-o", "name"},
		"dlq-redrives.json":     {"-o", "json"},
		"dlq-redrives.yaml":     {"-o", "yaml"},
	} {
		t.Run(file, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{"GET /redrives": {twoRedrives}}}
			if got := clusterWithSink(t, k).run(t.Context(), append([]string{"dlq", "redrives"}, args...)...); got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			} else {
				golden(t, file, got.out)
			}
		})
	}
}

func TestRedrivesOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		status int
		answer string
		want   result
	}{
		"none":          {answer: `{"redrives": []}`, want: result{ExitOK, "", "No redrives found.\n"}},
		"none, as JSON": {args: []string{"-o", "json"}, answer: `{"redrives": []}`, want: result{ExitOK, "{\n  \"redrives\": []\n}\n", ""}},
		"format":        {args: []string{"-o", "xml"}, want: result{ExitUsage, "", `--output "xml": it is none of wide, json, yaml, name`}},
		"an argument":   {args: []string{"orders"}, want: result{ExitUsage, "", `unknown command "orders"`}},
		"no sink":       {args: []string{"--operator-namespace", "none"}, want: result{ExitFailure, "", "no pod of the sink of dead letters is ready"}},
		"no right":      {status: 403, answer: `{"status": 403, "detail": "you may not do this"}`, want: result{ExitFailure, "", "failed to list redrives: the sink of dead letters: you may not do this\nTry:   ask for the right"}},
		"no JSON":       {answer: "<html>", want: result{ExitFailure, "", "failed to list redrives: failed to read the answer"}},
		"no redrive":    {answer: `{"redrives": [1]}`, want: result{ExitFailure, "", "failed to list redrives: failed to read a redrive"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeSink{status: tc.status, answers: map[string][]string{"GET /redrives": {tc.answer}}}
			got := clusterWithSink(t, k).run(t.Context(), append([]string{"dlq", "redrives"}, tc.args...)...)
			if got.code != tc.want.code || got.out != tc.want.out || !strings.Contains(got.err, tc.want.err) {
				t.Errorf("run() = %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestRedriveCancel(t *testing.T) {
	const cancelled = `{"id": "r", "state": "Cancelled", "message": "cancelled by jane", "matched": 4, "delivered": 1}`
	for name, tc := range map[string]struct {
		args   []string
		status int
		answer string
		asked  bool
		want   result
	}{
		"one that goes on": {args: []string{"r"}, answer: cancelled, asked: true, want: result{ExitOK, "Redrive 'r' is cancelled: 1 of 4 delivered.\n", ""}},
		"one that is over": {args: []string{"r"}, answer: done, asked: true, want: result{ExitFailure, "", "failed to cancel redrive \"r\": it had ended before: Succeeded: 2 of 2 delivered\nTry:   kn lambda dlq redrives"}},
		"one that failed":  {args: []string{"r"}, answer: failing, asked: true, want: result{ExitFailure, "", "it had ended before: Failed: 1 of 4 delivered, 1 not delivered, 1 refused, 1 gone meanwhile\n"}},
		"none": {
			args: []string{"r"}, status: 404, answer: `{"status": 404, "detail": "there is none"}`, asked: true,
			want: result{ExitFailure, "", "failed to cancel redrive \"r\": the sink of dead letters: there is none\nTry:   kn lambda dlq redrives\n"},
		},
		"changed":  {args: []string{"r"}, status: 409, answer: `{"status": 409, "detail": "somebody else changed it"}`, asked: true, want: result{ExitFailure, "", "somebody else changed it"}},
		"no JSON":  {args: []string{"r"}, answer: "{", asked: true, want: result{ExitFailure, "", "failed to cancel redrive \"r\": failed to read the answer"}},
		"no ID":    {args: []string{"../letters/7"}, want: result{ExitUsage, "", `"../letters/7" is no ID of a redrive: kn lambda dlq redrives tells those`}},
		"empty ID": {args: []string{""}, want: result{ExitUsage, "", `"" is no ID of a redrive`}},
		"nothing":  {want: result{ExitUsage, "", "accepts 1 arg(s), received 0"}},
		"no sink":  {args: []string{"r", "--operator-namespace", "none"}, want: result{ExitFailure, "", "no pod of the sink"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeSink{status: tc.status, answers: map[string][]string{"DELETE /redrives/r": {tc.answer}}}
			got := clusterWithSink(t, k).run(t.Context(), append([]string{"dlq", "cancel"}, tc.args...)...)
			if got.code != tc.want.code || got.out != tc.want.out || !strings.Contains(got.err, tc.want.err) {
				t.Errorf("run() = %+v, want %+v", got, tc.want)
			}
			var asked []string
			if tc.asked {
				asked = []string{"DELETE /redrives/r"}
			}
			if diff := cmp.Diff(asked, k.asked); diff != "" {
				t.Errorf("asked for something else (-want, +got):\n%s", diff)
			}
		})
	}
}
