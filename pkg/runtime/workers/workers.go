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

// Package workers holds the language side of the runtime: the small programs
// that load a user's handler and run it for the supervisor.
package workers

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed python/worker.py python/lambda_worker/*.py
//go:embed nodejs/worker.js nodejs/package.json nodejs/lib/*.js
//go:embed go/worker/call.go go/worker/context.go go/worker/decode.go go/worker/encode.go go/worker/http.go
//go:embed go/worker/lifecycle.go go/worker/log.go go/worker/shapes.go go/worker/worker.go
var files embed.FS

// Files returns the files of a language's worker, to be put into one folder of
// a function's image. Those of Go are source code, to be compiled together with
// the function and package protocol, which protocol.Source has.
func Files(language string) (fs.FS, error) {
	switch language {
	case "python", "nodejs", "go":
		return fs.Sub(files, language)
	default:
		return nil, fmt.Errorf("failed to find a worker: language %q is not supported", language)
	}
}
