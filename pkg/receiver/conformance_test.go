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

package receiver

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	conformance "github.com/cloudevents/conformance/pkg/event"
	conformancehttp "github.com/cloudevents/conformance/pkg/http"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

const conformanceModule = "github.com/cloudevents/conformance"

// conformanceFolder is where the suite's events are.
func conformanceFolder(t *testing.T) string {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", conformanceModule).Output()
	if err != nil {
		t.Fatal("failed to find the suite:", err)
	}
	return strings.TrimSpace(string(folder))
}

// attributes are those of an event that was read, and its data.
func attributes(e *event.Event) map[string]string {
	read := map[string]string{
		"specversion": e.SpecVersion(), "id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(),
		"datacontenttype": e.DataContentType(), "data": strings.TrimSpace(string(e.Data())),
	}
	if !e.Time().IsZero() {
		read["time"] = e.Time().Format(time.RFC3339Nano)
	}
	for name := range e.Extensions() {
		if value, ok := e.Extensions()[name].(string); ok {
			read[name] = value
		}
	}
	return read
}

// TestConformance reads the events of the CloudEvents conformance suite, in each mode that it sends them in.
func TestConformance(t *testing.T) {
	folder := conformanceFolder(t)
	suite, err := conformance.FromYaml(filepath.Join(folder, "yaml"), true)
	if err != nil || len(suite) == 0 {
		t.Fatalf("%d events, %v", len(suite), err)
	}
	for _, sent := range suite {
		modes := []string{conformance.BinaryMode, conformance.StructuredMode}
		if sent.Mode != "" {
			modes = []string{sent.Mode}
		}
		for _, mode := range modes {
			sent.Mode = mode
			if mode == conformance.StructuredMode && sent.Data != "" && !json.Valid([]byte(sent.Data)) {
				continue // The suite sends JSON only in this mode.
			}
			request, err := conformancehttp.EventToRequest("http://receiver/", sent)
			if err != nil {
				t.Errorf("%s, %s: the suite cannot send it: %v", sent.Attributes.ID, mode, err)
				continue
			}
			found, _, err := read(nil, request, 1<<20)
			if err != nil || len(found) != 1 || found[0].err != nil {
				t.Errorf("%s, %s: read() = %+v, %v", sent.Attributes.ID, mode, found, err)
				continue
			}
			a := sent.Attributes
			want := map[string]string{
				"specversion": a.SpecVersion, "id": a.ID, "source": a.Source, "type": a.Type, "subject": a.Subject,
				"datacontenttype": a.DataContentType, "data": strings.TrimSpace(sent.Data),
			}
			if a.Time != "" {
				want["time"] = a.Time
			}
			for name, value := range a.Extensions {
				want[name] = strings.TrimSpace(value)
			}
			got := attributes(found[0].event)
			if want["datacontenttype"] == "" {
				want["datacontenttype"] = got["datacontenttype"] // JSON, by default
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: read() (-want, +got): %s", sent.Attributes.ID, mode, diff)
			}
		}
	}
}

// TestConformanceOfHTTP reads the requests that the suite's feature of the HTTP binding has.
func TestConformanceOfHTTP(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(conformanceFolder(t), "features", "http-protocol-binding.feature"))
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	requests := 0
	for _, scenario := range strings.Split(string(text), "Scenario Outline:")[1:] {
		blocks := strings.Split(scenario, `"""`)
		_, examples, _ := strings.Cut(scenario, "Examples:")
		for _, row := range strings.Split(examples, "\n")[2:] {
			contentType := strings.TrimSpace(strings.Trim(strings.TrimSpace(row), "|"))
			if contentType == "" {
				continue
			}
			requests++
			// The indentation is the feature's own; the length that it gives is of the body without it.
			lines := strings.Split(strings.ReplaceAll(blocks[1], "<contentType>", contentType), "\n")
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], "        ")
			}
			head, body, _ := strings.Cut(strings.TrimSpace(strings.Join(lines, "\n")), "\n\n")
			request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)))
			if err != nil {
				t.Fatal("ReadRequest() =", err)
			}
			found, _, err := read(nil, request, 1<<20)
			if err != nil || found[0].err != nil {
				t.Errorf("%s: read() = %+v, %v", contentType, found, err)
				continue
			}
			e := found[0].event
			if e.ID() != "1234-1234-1234" || e.Source() != "/mycontext/subcontext" || e.Type() != "com.example.someevent" || !strings.Contains(string(e.Data()), "Hello World!") {
				t.Errorf("%s: read() = %v", contentType, e)
			}
		}
	}
	if requests != 4 {
		t.Errorf("the feature has %d requests, want 4", requests)
	}
}
