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

package lambda

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseControlType(t *testing.T) {
	for eventType, want := range map[string]string{
		ControlDisable: ControlDisable, ControlEnable: ControlEnable, "com.example.guard.disable": ControlDisable, "enable": ControlEnable,
		"": "", "disable.": "", "com.example.disabled": "", "com.example.guard-disable": "",
	} {
		if got, ok := ParseControlType(eventType); got != want || ok != (want != "") {
			t.Errorf("ParseControlType(%q) = %q, %t", eventType, got, ok)
		}
	}
}

func TestParseDisabled(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got, err := ParseDisabled(`[{"capability":"broker"},{"capability":"function","reason":"r","since":"2026-01-02T04:04:05.9+01:00","until":"2026-01-02T03:05:05Z","eventId":"1","source":"/guard"}]`)
	if err != nil {
		t.Fatal("ParseDisabled() =", err)
	}
	want := []Disabled{{Capability: CapabilityBroker}, {
		Capability: CapabilityFunction, Reason: "r", Since: at, Until: at.Add(time.Minute), EventID: "1", Source: "/guard",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("ParseDisabled() (-want, +got):", diff)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no JSON":      {`[`, "unexpected end of JSON input"},
		"no list":      {`{"capability":"broker"}`, "write a JSON list of objects with capability, reason, since, until, eventId and source"},
		"no time":      {`[{"capability":"broker","until":"soon"}]`, "write a JSON list"},
		"a member":     {`[{"capability":"broker","expiresAt":"2026-01-02T03:04:05Z"}]`, `unknown field "[0].expiresAt"`},
		"none":         {`[{}]`, `[0].capability: "" is no capability; the capabilities are: broker, trigger, function`},
		"unknown":      {`[{"capability":"broker"},{"capability":"pods"}]`, `[1].capability: "pods" is no capability`},
		"after all":    {`[{"capability":"broker","until":"9999-12-31T23:59:59-23:59"}]`, "[0]: year 10000 is none of 1 to 9999"},
		"before all":   {`[{"capability":"broker","since":"0000-12-31T23:59:59Z"}]`, "[0]: year 0 is none of 1 to 9999"},
		"there before": {`[{"capability":"broker"},{"capability":"broker"}]`, `[1].capability: broker is there twice`},
	} {
		if _, err := ParseDisabled(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: ParseDisabled() = %v, want %q", name, err, tc.want)
		}
	}
}

func TestExpired(t *testing.T) {
	now := time.Unix(1.7e9, 0)
	for until, want := range map[time.Time]bool{{}: false, now.Add(time.Second): false, now: true, now.Add(-time.Second): true} {
		if d := (&Disabled{Until: until}); d.Expired(now) != want {
			t.Errorf("Expired() at %v = %t", until, !want)
		}
	}
}

// FuzzParseDisabled has any annotation at all: what is taken has known capabilities, and is the same when it is written again.
func FuzzParseDisabled(f *testing.F) {
	f.Add(`[]`)
	f.Add(`[{"capability":"function","reason":"r","since":"2026-01-02T03:04:05Z","until":"2026-01-02T03:05:05+14:00","eventId":"1","source":"/guard"}]`)
	f.Add(`[{"capability":"broker","until":"9999-12-31T23:59:59-23:59"}]`)
	f.Add(`[{"Capability":"broker"},null,{"capability":"broker"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseDisabled(text)
		if err != nil {
			return
		}
		if len(all) > len(Capabilities()) {
			t.Fatalf("%d capabilities are disabled", len(all))
		}
		written, err := FormatDisabled(all)
		if err != nil {
			t.Fatal("FormatDisabled() =", err)
		}
		again, err := ParseDisabled(written)
		if err != nil {
			t.Fatalf("ParseDisabled(%s) = %v", written, err)
		}
		if diff := cmp.Diff(all, again); diff != "" {
			t.Error("it is another after it was written (-want, +got):", diff)
		}
	})
}
