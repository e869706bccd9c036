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

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// contractTimeout is how many seconds our runtime gives a handler that never answers.
const contractTimeout = 3

// contractRow is a request and what a right answer to it is.
type contractRow struct {
	name    string
	kind    string
	request request
	// returned is true where it is about what a handler returns: functions that write their answers are left out.
	returned bool
	right    func(*response) bool
}

func is(status int, body string) func(*response) bool {
	return func(r *response) bool { return r.status == status && strings.TrimSuffix(r.body, "\n") == body }
}

func status(least, most int) func(*response) bool {
	return func(r *response) bool { return r.status >= least && r.status <= most }
}

func binaryWithout(names ...string) request {
	r := doRequest(kindEvent, `{"do":"object"}`)
	var kept []string
	for i := 0; i < len(r.header); i += 2 {
		if !strings.Contains(strings.Join(names, " "), r.header[i]) {
			kept = append(kept, r.header[i], r.header[i+1])
		}
	}
	r.header = kept
	return r
}

func to(method, path string, r request) request {
	r.method, r.path = method, path
	return r
}

// contract rows are what runtimes answer differently. A broker tries again what is answered by 5xx: what no retry helps
// must be 4xx.
func contractRows() []contractRow {
	do := func(what string) request { return doRequest(kindHTTP, `{"do":"`+what+`"}`) }
	event := func(what string) request { return doRequest(kindEvent, `{"do":"`+what+`"}`) }
	structured := func(body, media string) request {
		return request{http.MethodPost, "", "/", body, []string{"Content-Type", media}}
	}
	const one = `{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"object"}}`
	return []contractRow{
		{"nothing is 204", kindHTTP, do("nothing"), true, status(204, 204)},
		{"empty text is 200", kindHTTP, do("empty"), true, is(200, "")},
		{"zero is 200 with 0", kindHTTP, do("zero"), true, is(200, "0")},
		{"number is 200 with it", kindHTTP, do("number"), true, is(200, "42")},
		{"object is JSON", kindHTTP, do("object"), true, func(r *response) bool {
			return r.status == 200 && strings.Contains(r.header.Get("Content-Type"), "json") && strings.Contains(r.body, `"x"`)
		}},
		{"bytes are application/octet-stream", kindHTTP, do("bytes"), true, func(r *response) bool {
			return r.body == "\xff\x01" && strings.HasPrefix(r.header.Get("Content-Type"), "application/octet-stream")
		}},
		{"error is 500", kindHTTP, do("fail"), false, status(500, 500)},
		{"status that an error carries", kindHTTP, do("not found"), true, status(404, 404)},
		{"error with a code that is no status is 500 with its text", kindHTTP, do("refused"), true, func(r *response) bool {
			return r.status == 500 && strings.Contains(strings.ToLower(r.body), "refused") && !strings.Contains(r.body, "FST_")
		}},
		{"error is no HTML and has no stack", kindHTTP, do("fail"), false, func(r *response) bool {
			return !strings.Contains(r.body, "<html") && !strings.Contains(r.body, "at ") && !strings.Contains(r.body, "Traceback")
		}},
		{"PUT", kindHTTP, to(http.MethodPut, "/", do("object")), false, status(200, 200)},
		{"DELETE of a sub-path", kindHTTP, to(http.MethodDelete, "/a/b", do("object")), false, status(200, 200)},
		{"no CORS that nobody asked for", kindHTTP, do("object"), false, func(r *response) bool { return r.header.Get("Access-Control-Allow-Origin") == "" }},
		{"a request says nothing of the one before", kindHTTP, do("object"), false, func(r *response) bool { return strings.Contains(r.body, "1") && !strings.Contains(r.body, "42") }},
		{"broken JSON is 4xx", kindHTTP, doRequest(kindHTTP, `{"do":`), false, status(400, 499)},
		{"handler that never answers is 504", kindHTTP, do("wait"), false, status(504, 504)},
		{"health answers", kindHTTP, request{http.MethodGet, "", "/health", "", nil}, false, func(r *response) bool { return r.status == 200 && !strings.Contains(r.body, "1") }},
		{"metrics count errors of the handler", kindHTTP, request{http.MethodGet, "", "/metrics", "", nil}, false, func(r *response) bool {
			return strings.Contains(r.body, "_errors") && !strings.Contains(r.body, "_errors_total 0\n") && !strings.Contains(r.body, "faas_errors 0")
		}},

		{"event, binary", kindEvent, event("object"), false, status(200, 204)},
		{"event, structured", kindEvent, structured(one, "application/cloudevents+json"), false, status(200, 204)},
		{"event, batch", kindEvent, structured("["+one+"]", "application/cloudevents-batch+json"), false, status(200, 204)},
		{"event that a handler returns is the reply", kindEvent, event("event"), false, func(r *response) bool {
			return r.status == 200 && (r.header.Get("Ce-Type") == "made" || strings.Contains(r.body, `"type":"made"`))
		}},
		{"nothing is 204, and no event", kindEvent, event("nothing"), false, func(r *response) bool { return r.status == 204 && r.header.Get("Ce-Type") == "" }},
		{"error is 500", kindEvent, event("fail"), false, status(500, 500)},
		{"event without source is 4xx", kindEvent, binaryWithout("Ce-Source"), false, status(400, 499)},
		{"event without id is 4xx", kindEvent, binaryWithout("Ce-Id"), false, status(400, 499)},
		{"event of version 9.9 is 4xx", kindEvent, func() request {
			r := binaryWithout("Ce-Specversion")
			r.header = append(r.header, "Ce-Specversion", "9.9")
			return r
		}(), false, status(400, 499)},
		{"event with broken JSON is 4xx", kindEvent, doRequest(kindEvent, `{"do":`), false, status(400, 499)},
		{"event by PUT of a sub-path", kindEvent, to(http.MethodPut, "/a", event("object")), false, status(200, 204)},
		{"structured event that is no JSON is 4xx", kindEvent, structured("{", "application/cloudevents+json"), false, status(400, 499)},
	}
}

// contract has every runtime answer every row.
func (b *bench) contract(ctx context.Context) error {
	defer func(before int) { ourTimeout = before }(ourTimeout)
	ourTimeout = contractTimeout
	rows := contractRows()
	for _, language := range strings.Split(b.languages, ",") {
		var names []string
		columns := map[string]map[int]string{}
		for _, s := range b.subjects {
			if s.language != language || s.bare {
				continue
			}
			if columns[s.name] == nil {
				columns[s.name] = map[int]string{}
				names = append(names, s.name)
			}
			progress("contract of %s, %s", s.language, s.name)
			for _, kind := range s.kinds {
				if err := b.contractOf(ctx, s, kind, rows, columns[s.name]); err != nil {
					return err
				}
			}
		}
		b.printContract(language, names, rows, columns)
	}
	return nil
}

func (b *bench) contractOf(ctx context.Context, s *subject, kind string, rows []contractRow, cells map[int]string) error {
	p, err := s.run(ctx, kind)
	if err != nil {
		b.notStarted(s, kind, err)
		return nil
	}
	defer func() { p.end() }()
	for i, row := range rows {
		if row.kind != kind || row.returned && s.writes {
			continue
		}
		r, err := send(ctx, p.addr, row.request)
		switch {
		case err != nil:
			cells[i] = "no answer"
		case row.right(r):
			cells[i] = "right"
		default:
			cells[i] = fmt.Sprintf("**%d** `%.40s`", r.status, strings.NewReplacer("\n", " ", "|", "\\|", "`", "'").Replace(r.body))
		}
		if s.ours && cells[i] != "right" {
			b.fault("%s: %s, %s: %s", s.language, row.kind, row.name, cells[i])
		}
		select {
		case <-p.exited:
			if p, err = s.run(ctx, kind); err != nil {
				return err
			}
		default:
		}
	}
	return nil
}

// notStarted tells that a runtime does not run here. Ours has to.
func (b *bench) notStarted(s *subject, kind string, err error) {
	if s.ours {
		b.fault("%s does not start for %s: %w", s.language, kind, err)
		return
	}
	progress("%s, %s is left out for %s: %v", s.language, s.name, kind, err)
}

func (b *bench) printContract(language string, names []string, rows []contractRow, columns map[string]map[int]string) {
	out := os.Stdout
	fmt.Fprintf(out, "\n## Contract, %s\n\n| | %s |\n|---%s|\n", language, strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	for i, row := range rows {
		cells := make([]string, 0, len(names))
		for _, name := range names {
			cell := columns[name][i]
			if cell == "" {
				cell = "–"
			}
			cells = append(cells, cell)
		}
		fmt.Fprintf(out, "| %s: %s | %s |\n", row.kind, row.name, strings.Join(cells, " | "))
	}
}

// await waits until something is true, for at most a minute.
func await(ctx context.Context, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}
