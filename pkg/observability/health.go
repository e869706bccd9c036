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
	"cmp"
	"context"
	"time"
)

var (
	healthChecks        = counter("ai.health.checks", "{check}", "Health checks of the endpoints of models, by provider and result.")
	healthCheckDuration = histogram("ai.health.check.duration", "How long the endpoints of models took to answer health checks, by provider.", reconcileBuckets)
)

// CountHealthCheck counts a health check of a model's endpoint. The result is a reason of the condition AIReady, or "" for an
// endpoint that answers well.
func CountHealthCheck(ctx context.Context, provider, result string, took time.Duration) {
	healthChecks.Add(ctx, 1, with(label("provider", provider), label("result", cmp.Or(result, ResultSuccess))))
	healthCheckDuration.Record(ctx, took.Seconds(), with(label("provider", provider)))
}
