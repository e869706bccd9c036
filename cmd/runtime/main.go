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

// Command runtime is PID 1 of a function's container. It serves HTTP and
// CloudEvents on $PORT and has a worker in the function's language run the
// handler. Its settings are environment variables: see docs/concepts.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	goruntime "runtime"
	"syscall"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	// The worker needs processors, too. With all of them here, threads of both take turns at each, which costs a fifth of
	// the requests and half as much again in the slowest of them.
	goruntime.GOMAXPROCS(max(1, goruntime.GOMAXPROCS(0)/2))
	options, err := runtime.FromEnv()
	if err != nil {
		return err
	}
	r, err := runtime.New(options)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return r.Run(ctx)
}
