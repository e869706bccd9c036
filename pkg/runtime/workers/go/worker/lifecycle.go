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

package worker

import (
	"context"
	"os"
	"strings"
	"time"
)

// stopGrace is how long an instance may take to stop. The supervisor waits no
// longer.
const stopGrace = 9 * time.Second

// instance is what serves, where functions for func make one.
var instance any

// Lifecycle has an instance start before the first request and stop after the
// last, where it has methods for that, as functions for func have. The generated
// main calls it.
func Lifecycle(of any) { instance = of }

func startInstance() error {
	starter, ok := instance.(interface {
		Start(ctx context.Context, cfg map[string]string) error
	})
	if !ok {
		return nil
	}
	cfg := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		cfg[name] = value
	}
	return starter.Start(context.Background(), cfg)
}

func stopInstance() error {
	stopper, ok := instance.(interface {
		Stop(ctx context.Context) error
	})
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return stopper.Stop(ctx)
}
