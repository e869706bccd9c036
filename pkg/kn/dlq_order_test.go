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
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

const (
	twoMeant = `{"dryRun": true, "matched": 2, "letters": []}`
	oneMeant = `{"dryRun": true, "matched": 1, "letters": [{"id": "7", "receivedAt": "2026-03-01T10:00:00Z", "event": {"type": "t"}}]}`
	noneIs   = `{"dryRun": true, "matched": 0, "letters": []}`
	running  = `{"id": "r", "state": "Queued", "matched": 2}`
	halfway  = `{"id": "r", "state": "Running", "matched": 2, "delivered": 1}`
	done     = `{"id": "r", "state": "Succeeded", "matched": 2, "delivered": 2}`
	failing  = `{"id": "r", "state": "Failed", "message": "letters that were not delivered, and are kept: 2", "matched": 4, "delivered": 1,
		"undelivered": 1, "refused": 1, "gone": 1, "failures": [{"id": "7", "status": 500, "detail": "it failed"}, {"id": "8", "detail": "no\u001b answer"}]}`
)

func TestLettersRedrive(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		in     string
		asked  []string
		status []string
		code   int
		out    string
		err    string
	}{
		"a function": {
			args: []string{"orders", "--reason", "Timeout", "--rate", "5"}, status: []string{halfway, done},
			asked: []string{`POST /redrive {"filter":{"function":"orders","reason":"Timeout"},"rate":5}`, "GET /redrives/r", "GET /redrives/r"},
			out:   "Delivered 2 letters.\n", err: "Queued: 0 of 2 delivered\n    0.0s  Running: 1 of 2 delivered\n    0.0s  Succeeded: 2 of 2 delivered\n",
		},
		"IDs, to another": {
			args: []string{"8", "7", "8", "--to", "http://other.default.svc"}, status: []string{failing}, code: ExitNotReady,
			asked: []string{`POST /redrive {"ids":["7","8"],"destination":"http://other.default.svc"}`, "GET /redrives/r"},
			err:   "Letter 7: 500: it failed\nLetter 8: no^[ answer\nError: failed to send dead letters again: Failed: 1 of 4 delivered, 1 not delivered, 1 refused, 1 gone meanwhile: letters",
		},
		"not waited for": {
			args: []string{"orders", "--no-wait"}, asked: []string{`POST /redrive {"filter":{"function":"orders"}}`},
			out: "Redrive 'r' sends 2 letters of namespace 'default' again.\n",
		},
		"all": {args: []string{"--yes"}, status: []string{done}, asked: []string{`POST /redrive {"filter":{}}`, "GET /redrives/r"}, out: "Delivered 2"},
		"all, asked": {
			in: "Y\n", status: []string{done}, asked: []string{`POST /redrive {"filter":{},"dryRun":true}`, `POST /redrive {"filter":{}}`, "GET /redrives/r"},
			out: "Delivered 2", err: "Send 2 letters of namespace 'default' again? [y/N] ",
		},
		"all, refused":         {in: "\n", asked: []string{`POST /redrive {"filter":{},"dryRun":true}`}, code: ExitFailure, err: "nothing was done"},
		"all, and it is over":  {in: "n", asked: []string{`POST /redrive {"filter":{},"dryRun":true}`}, code: ExitFailure, err: "nothing was done"},
		"all, nobody is there": {asked: []string{`POST /redrive {"filter":{},"dryRun":true}`}, code: ExitUsage, err: "nobody is there to be asked"},
		"tried":                {args: []string{"orders", "--dry-run"}, asked: []string{`POST /redrive {"filter":{"function":"orders"},"dryRun":true}`}, err: "2 letters would be sent again.\n"},
		"too slow":             {args: []string{"orders", "--rate", "0"}, code: ExitUsage, err: "--rate 0: write a number above 0"},
		"two functions":        {args: []string{"a", "b"}, code: ExitUsage, err: "name one function, or IDs of letters"},
		"a function and an ID": {args: []string{"a", "7"}, code: ExitUsage, err: "name one function, or IDs of letters"},
		"IDs and a filter":     {args: []string{"7", "--type", "t"}, code: ExitUsage, err: "leave out --type"},
		"too many IDs":         {args: strings.Fields(strings.Repeat("7 ", 1001)), code: ExitUsage, err: "1001 IDs are too many"},
		"a wrong filter":       {args: []string{"--reason", "None"}, code: ExitUsage, err: `--reason "None"`},
		"no sink":              {args: []string{"a", "--operator-namespace", "none"}, code: ExitFailure, err: "failed to send dead letters again: no pod"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{"POST /redrive": {running}, "GET /redrives/r": tc.status}}
			if strings.Contains(strings.Join(tc.asked, " "), "dryRun") {
				k.answers["POST /redrive"] = []string{twoMeant, running}
			}
			c := clusterWithSink(t, k)
			c.in, c.asked = tc.in, tc.in != ""
			got := c.run(t.Context(), append([]string{"dlq", "redrive"}, tc.args...)...)
			if got.code != tc.code || !strings.HasPrefix(got.out, tc.out) || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d, %q and %q", got, tc.code, tc.out, tc.err)
			}
			if tc.asked == nil {
				tc.asked = k.asked[:0]
			}
			if diff := cmp.Diff(tc.asked, k.asked); diff != "" {
				t.Errorf("asked for something else (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestLettersRedriveGoesOn(t *testing.T) {
	k := &fakeSink{answers: map[string][]string{"POST /redrive": {running}, "GET /redrives/r": {"{", done}}}
	if got := clusterWithSink(t, k).run(t.Context(), "dlq", "redrive", "orders"); got.code != ExitOK || !strings.Contains(got.err, "The sink cannot be asked for now") {
		t.Errorf("run() = %+v, want the end of it", got)
	}

	// The sink does not come back.
	k = &fakeSink{answers: map[string][]string{"POST /redrive": {running}, "GET /redrives/r": {"{"}}}
	c := clusterWithSink(t, k)
	forward, times := c.forward, 0
	c.forward = func(ctx context.Context, namespace, pod string, port int) (string, func(), error) {
		if times++; times > 1 {
			return "", nil, errors.New("no way")
		}
		return forward(ctx, namespace, pod, port)
	}
	if got := c.run(t.Context(), "dlq", "redrive", "orders"); got.code != ExitFailure || !strings.Contains(got.err, "Redrive 'r' goes on without you.\nError: failed to send dead letters again: failed to reach the sink") {
		t.Errorf("run() = %+v, want that it goes on", got)
	}

	// Somebody presses Ctrl-C.
	ctx, cancel := context.WithCancel(t.Context())
	k = &fakeSink{answers: map[string][]string{"POST /redrive": {running}, "GET /redrives/r": {halfway}}}
	c = clusterWithSink(t, k)
	var errs interrupting
	errs.cancel = cancel
	if code := execute(ctx, c.session, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &strings.Builder{}, ErrOut: &errs}, []string{"dlq", "redrive", "orders"}); code != ExitInterrupted || !strings.Contains(errs.String(), "goes on without you") {
		t.Errorf("execute() = %d with %s, want that it goes on", code, errs.String())
	}
}

// interrupting cancels when something has been delivered.
type interrupting struct {
	strings.Builder
	cancel func()
}

func (i *interrupting) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "1 of 2 delivered") {
		i.cancel()
	}
	return i.Builder.Write(text)
}

func TestLettersPurge(t *testing.T) {
	const purged = `{"matched": 1, "purged": 1}`
	for name, tc := range map[string]struct {
		args    []string
		in      string
		answers []string
		asked   []string
		code    int
		out     string
		err     string
	}{
		"IDs": {
			args: []string{"7", "--yes"}, answers: []string{purged},
			asked: []string{`POST /purge {"ids":["7"]}`}, out: "Removed 1 letter of namespace 'default'.\n",
		},
		"asked": {
			args: []string{"orders", "--before", "24h"}, in: "yes\n", answers: []string{oneMeant, purged},
			asked: []string{`POST /purge {"filter":{"function":"orders","before":"2026-02-28T12:00:00Z"},"dryRun":true}`, `POST /purge {"filter":{"function":"orders","before":"2026-02-28T12:00:00Z"}}`},
			out:   "Removed 1 letter", err: "Remove 1 letter of namespace 'default'? [y/N] ",
		},
		"tried":           {args: []string{"7", "--dry-run"}, answers: []string{oneMeant}, asked: []string{`POST /purge {"ids":["7"],"dryRun":true}`}, out: "ID    FUNCTION", err: "1 letter would be removed.\n"},
		"none":            {in: "y\n", answers: []string{noneIs}, asked: []string{`POST /purge {"filter":{},"dryRun":true}`}, err: "No dead letters found.\n"},
		"none, tried":     {args: []string{"--dry-run"}, answers: []string{noneIs}, asked: []string{`POST /purge {"filter":{},"dryRun":true}`}, err: "0 letters would be removed.\n"},
		"nobody is there": {args: []string{"7"}, answers: []string{oneMeant}, asked: []string{`POST /purge {"ids":["7"],"dryRun":true}`}, code: ExitUsage, err: "say --yes"},
		"refused":         {args: []string{"7"}, asked: []string{`POST /purge {"ids":["7"],"dryRun":true}`}, code: ExitFailure, err: "failed to remove dead letters: the sink of dead letters: not found"},
		"and then":        {args: []string{"7", "--yes"}, asked: []string{`POST /purge {"ids":["7"]}`}, code: ExitFailure, err: "not found"},
		"both":            {args: []string{"--yes", "--dry-run"}, code: ExitUsage, err: "none of the others can be"},
		"two functions":   {args: []string{"a", "b"}, code: ExitUsage, err: "name one function"},
		"no sink":         {args: []string{"7", "--operator-namespace", "none"}, code: ExitFailure, err: "failed to remove dead letters: no pod"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeSink{answers: map[string][]string{"POST /purge": tc.answers}}
			c := clusterWithSink(t, k)
			c.in, c.asked = tc.in, tc.in != ""
			got := c.run(t.Context(), append([]string{"dlq", "purge"}, tc.args...)...)
			if got.code != tc.code || !strings.HasPrefix(got.out, tc.out) || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d, %q and %q", got, tc.code, tc.out, tc.err)
			}
			if diff := cmp.Diff(tc.asked, k.asked); diff != "" {
				t.Errorf("asked for something else (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestAskFails(t *testing.T) {
	c := clusterWithSink(t, &fakeSink{answers: map[string][]string{"POST /purge": {oneMeant}}})
	c.asked = true
	var errs strings.Builder
	code := execute(t.Context(), c.session, genericiooptions.IOStreams{In: iotest.ErrReader(errors.New("torn")), Out: &strings.Builder{}, ErrOut: &errs}, []string{"dlq", "purge", "7"})
	if code != ExitFailure || !strings.Contains(errs.String(), "failed to read the answer: torn") {
		t.Errorf("execute() = %d with %s, want that nothing could be read", code, errs.String())
	}
}
