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

// Command fetch is the first step of a build. It reads a build plan and writes the build context that the next step
// makes an image of. It needs no root, no network for inline sources, and writes only where its flags say.
//
// It exits with 0 when the context is there; with 1 when something failed that a retry may mend; with 2 when its flags
// are wrong; with 3 when the plan or its source is refused. With 1 and 3 the last line on stderr, and the file of
// --failure-file, is {"reason": ..., "message": ...}.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/remote"
)

func main() {
	var options source.Options
	var remotes remote.Options
	options.AddFlags(flag.CommandLine)
	remotes.AddFlags(flag.CommandLine)
	flag.Parse()
	options.Fetch = remotes.Fetch

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := source.Run(ctx, options, os.Stderr)
	stop()
	os.Exit(code)
}
