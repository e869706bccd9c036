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

package kn_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"knative.dev/pkg/depcheck"
)

// The program is a client: nothing in it reconciles, speaks to a cloud, reads sources from afar, or exports what it measures.
func TestDependencies(t *testing.T) {
	const module = "github.com/knative-lambda/knative-lambda-operator/"
	depcheck.AssertNoDependency(t, map[string][]string{
		module + "cmd/kn-lambda": {
			module + "pkg/client/injection/client",
			module + "pkg/reconciler/lambdafunction",
			module + "pkg/source/remote",
			"cloud.google.com/go/storage",
			"github.com/aws/aws-sdk-go-v2/aws",
			"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1",
			"gocloud.dev/blob",
			"google.golang.org/grpc",
			"knative.dev/eventing/pkg/apis/eventing/v1",
			"knative.dev/pkg/injection",
			"knative.dev/pkg/injection/sharedmain",
			"knative.dev/pkg/observability",
		},
	})
}

// TestSize holds that the program stays one that is quickly downloaded.
func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	const most = 45_000_000
	program := filepath.Join(t.TempDir(), "kn-lambda")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "../../cmd/kn-lambda")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build = %v: %s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal("Stat() =", err)
	}
	if info.Size() > most {
		t.Errorf("kn-lambda has %d bytes, want at most %d: look for what is new in go list -deps ./cmd/kn-lambda, and for calls of methods by name", info.Size(), most)
	}
}
