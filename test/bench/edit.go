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
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// measureEdit times an edit of a function's code to the first answer of the new code, under a constant load of which
// no request may fail.
func measureEdit(ctx context.Context, b *bench, r *report) error {
	fn, err := b.createReady(ctx, test.NewPythonFunction(b.namespace, "edited", version(0)))
	if err != nil {
		return err
	}
	stream := test.StartStream(ctx, b.caller, fn.Status.URL.String(), b.rate)
	var times sample
	for i := range b.runs {
		took, err := b.timeEdit(ctx, fn, stream, i+1)
		if err != nil {
			stream.Stop()
			return err
		}
		times = append(times, took)
		progress("edit %d of %d: %v", i+1, b.runs, took)
	}
	sent := stream.Stop()
	r.compare("edit of the code to new answer", times, nil)
	r.add(fmt.Sprintf("requests that failed meanwhile, at %d/s", b.rate),
		fmt.Sprintf("%d of %d", len(sent.Failures), sent.Requests), "", "")
	if len(sent.Failures) > 0 {
		r.fault("%d of %d requests failed during edits, the first: %s", len(sent.Failures), sent.Requests, sent.Failures[0])
	}
	return b.clients.DeleteFunction(ctx, fn)
}

func (b *bench) timeEdit(ctx context.Context, fn *v1alpha1.LambdaFunction, stream *test.Stream, number int) (time.Duration, error) {
	first := stream.First(answer(number))
	start := time.Now()
	edited, err := b.clients.EditFunction(ctx, fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Source.Inline.Code = version(number)
	})
	if err != nil {
		return 0, err
	}
	// A failed build is an error, instead of a wait without end.
	if _, err := b.clients.AwaitReady(ctx, edited); err != nil {
		return 0, err
	}
	select {
	case answered := <-first:
		return answered.Sub(start), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func answer(number int) string {
	return fmt.Sprintf("version %d", number)
}

func version(number int) string {
	return fmt.Sprintf("def handler(event):\n    return %q\n", answer(number))
}
