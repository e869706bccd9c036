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
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
)

// overhead measures what our own runtime's metrics and traces cost: none, metrics as they are served by default, and with
// each request traced and all sent to a collector that keeps nothing.
func (b *bench) overhead(ctx context.Context) error {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what comes is not looked at
	}))
	defer collector.Close()
	ways := []struct {
		name string
		env  []string
	}{
		{"neither", []string{"LAMBDA_METRICS=false", "OTEL_SDK_DISABLED=true"}},
		{"metrics", []string{"OTEL_SDK_DISABLED=true"}},
		{"metrics, all traced", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_BSP_MAX_QUEUE_SIZE=100000", "OTEL_BSP_SCHEDULE_DELAY=500"}},
	}
	var all []*result
	for _, s := range b.subjects {
		if !s.ours {
			continue
		}
		for _, way := range ways {
			instrumented := *s
			instrumented.name = way.name
			instrumented.start = func(dir, kind string, port int) *exec.Cmd {
				cmd := s.start(dir, kind, port)
				cmd.Env = append(cmd.Env, way.env...)
				return cmd
			}
			all = append(all, &result{subject: &instrumented, kind: kindHTTP})
		}
	}
	if err := b.inTurns(ctx, all); err != nil {
		return err
	}
	printOverhead(all, len(ways))
	return nil
}

// printOverhead holds the results of each language against its first.
func printOverhead(all []*result, ways int) {
	fmt.Fprintf(os.Stdout, "\n## What instrumentation costs\n\n| language | with | requests/s | p50 ms | processor µs a request | of the first, requests/s | processor |\n|---|---|---|---|---|---|---|\n")
	for i, r := range all {
		first := all[i/ways*ways]
		if len(r.rates) == 0 || len(first.rates) == 0 {
			continue
		}
		fmt.Fprintf(os.Stdout, "| %s | %s | %.0f | %.2f | %.1f | %.3f | %.3f |\n", r.subject.language, r.subject.name,
			median(r.rates), ms(median(r.p50s)), median(r.costs), median(r.rates)/median(first.rates), median(r.costs)/median(first.costs))
	}
}
