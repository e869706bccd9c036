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
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"k8s.io/utils/clock"
)

// quiet is for how long nothing more is said after an error of OpenTelemetry's: where there is no collector there is one
// with each batch of spans.
const quiet = 10 * time.Minute

// errorLog is an otel.ErrorHandler.
type errorLog struct {
	logger *zap.SugaredLogger
	clock  clock.PassiveClock

	mu      sync.Mutex
	last    time.Time
	skipped int
}

// LogErrors has the log say what OpenTelemetry cannot do, such as reach a collector, at most every ten minutes. It would
// print each error as text otherwise.
func LogErrors(logger *zap.SugaredLogger) {
	otel.SetErrorHandler(&errorLog{logger: logger, clock: clock.RealClock{}})
}

// Handle implements otel.ErrorHandler.
func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.clock.Now(); l.last.IsZero() || now.Sub(l.last) >= quiet {
		l.logger.Warnw("OpenTelemetry failed. Where traces go is said in ConfigMap config-observability", "error", err, "skipped", l.skipped)
		l.last, l.skipped = now, 0
		return
	}
	l.skipped++
}
