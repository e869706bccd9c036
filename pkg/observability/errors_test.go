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

package observability

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestErrorLog has the first error said, then one of those of ten minutes.
func TestErrorLog(t *testing.T) {
	core, said := observer.New(zapcore.InfoLevel)
	now := clocktesting.NewFakePassiveClock(time.Unix(1700000000, 0))
	l := &errorLog{logger: zap.New(core).Sugar(), clock: now}
	for range 5 {
		l.Handle(errors.New("nobody there"))
		now.SetTime(now.Now().Add(quiet / 4))
	}
	var skipped []any
	for _, entry := range said.All() {
		if entry.Level != zapcore.WarnLevel || entry.ContextMap()["error"] != "nobody there" {
			t.Errorf("said %v %v", entry.Entry, entry.ContextMap())
		}
		skipped = append(skipped, entry.ContextMap()["skipped"])
	}
	if diff := cmp.Diff([]any{int64(0), int64(3)}, skipped); diff != "" {
		t.Error("errors that were not said (-want, +got):", diff)
	}
}

func TestLogErrors(t *testing.T) {
	core, said := observer.New(zapcore.InfoLevel)
	LogErrors(zap.New(core).Sugar())
	otel.Handle(errors.New("nobody there"))
	if said.Len() != 1 {
		t.Errorf("said %d lines, want 1", said.Len())
	}
}
