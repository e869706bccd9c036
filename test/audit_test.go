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

package test

import (
	"strings"
	"testing"
	"time"
)

func TestCountWrites(t *testing.T) {
	const accounts = "system:serviceaccount:knative-lambda:"
	const log = `
{"stage":"ResponseComplete","verb":"create","user":{"username":"system:serviceaccount:knative-lambda:lambda-receiver"},"objectRef":{"resource":"tokenreviews"},"stageTimestamp":"2026-01-01T10:00:01.000000Z"}
{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-operator"},"objectRef":{"resource":"leases"},"stageTimestamp":"2026-01-01T10:00:01.000000Z"}
{"stage":"ResponseComplete","verb":"update","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-operator"},"objectRef":{"resource":"lambdafunctions","subresource":"status"},"stageTimestamp":"2026-01-01T10:00:02.000000Z"}
{"stage":"ResponseStarted","verb":"update","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-operator"},"objectRef":{"resource":"services"},"stageTimestamp":"2026-01-01T10:00:02.000000Z"}
{"stage":"ResponseComplete","verb":"get","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-operator"},"objectRef":{"resource":"services"},"stageTimestamp":"2026-01-01T10:00:02.000000Z"}
{"stage":"ResponseComplete","verb":"patch","user":{"username":"system:serviceaccount:knative-serving:controller"},"objectRef":{"resource":"services"},"stageTimestamp":"2026-01-01T10:00:02.000000Z"}
{"stage":"ResponseComplete","verb":"create","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-webhook"},"objectRef":{"resource":"events"},"stageTimestamp":"2026-01-01T10:00:03.000000Z"}
{"stage":"ResponseComplete","verb":"create","user":{"username":"system:serviceaccount:knative-lambda:lambda-receiver"},"objectRef":{"resource":"lambdafunctions"},"responseStatus":{"code":422},"stageTimestamp":"2026-01-01T10:00:03.000000Z"}
{"stage":"ResponseComplete","verb":"delete","user":{"username":"system:serviceaccount:knative-lambda:knative-lambda-operator"},"objectRef":{"resource":"taskruns"},"stageTimestamp":"2026-01-01T10:00:09.000000Z"}
{"stage":"ResponseComplete","verb":"upd`
	start := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)

	got, err := countWrites(strings.NewReader(log), Writer{Account: accounts, From: start, To: start.Add(5 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if want := "1 create events, 1 update lambdafunctions/status, 1 update leases"; got.String() != want {
		t.Errorf("countWrites() = %s, want %s", got, want)
	}

	got, err = countWrites(strings.NewReader(log), Writer{Account: accounts, From: start, To: start.Add(5 * time.Second), Refused: true})
	if want := "1 create events, 1 create lambdafunctions, 1 update lambdafunctions/status, 1 update leases"; err != nil || got.String() != want {
		t.Errorf("countWrites() = %s, %v, want %s", got, err, want)
	}

	got, err = countWrites(strings.NewReader(log), Writer{Account: accounts, From: start.Add(time.Hour), To: start.Add(2 * time.Hour)})
	if err != nil || got.String() != "0" {
		t.Errorf("countWrites() = %s, %v, want 0", got, err)
	}
	if _, err := countWrites(strings.NewReader("{}\nnonsense"), Writer{Account: accounts}); err == nil {
		t.Error("countWrites() = nil, want an error for what is no audit log")
	}
}
