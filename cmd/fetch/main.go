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

// Command fetch is the program of both steps of a build.
//
// As it is, it is the first step. It reads a build plan and writes the build context that the next step makes an image
// of, and what that step logs in to registries with. It needs no root, no network for inline sources, and writes only
// where its flags say. It exits with 0 when the context is there; with 1 when something failed that a retry may mend;
// with 2 when its flags are wrong; with 3 when the plan or its source is refused. With 1 and 3 the last line on stderr,
// and the file of --failure-file, is {"reason": ..., "message": ...}.
//
// As "fetch seal" it is the second step, in Kaniko's image: it runs Kaniko and seals the image that was built, see
// package seal. The first step copies the program there (--copy-program).
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	"github.com/knative-lambda/knative-lambda-operator/pkg/seal"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var code int
	if len(os.Args) > 1 && os.Args[1] == "seal" {
		code = seal.Run(ctx, os.Args[2:], os.Stdout, os.Stderr)
	} else {
		code = fetch(ctx)
	}
	stop()
	os.Exit(code)
}

func fetch(ctx context.Context) int {
	var options source.Options
	var remotes remote.Options
	var registries registry.Options
	options.AddFlags(flag.CommandLine)
	remotes.AddFlags(flag.CommandLine)
	registries.AddFlags(flag.CommandLine)
	flag.Parse()
	remotes.Registries.Dir, remotes.Registries.Pushed = registries.Output, registries.Host
	options.Prepare, options.Fetch = registries.Prepare, remotes.Fetch
	return source.Run(ctx, options, os.Stderr)
}
