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
	"bytes"
	"strings"
	"testing"

	"knative.dev/pkg/depcheck"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn"
)

// What runs a function on a laptop needs no cluster, and no cloud.
func TestDependencies(t *testing.T) {
	const module = "github.com/knative-lambda/knative-lambda-operator/"
	depcheck.AssertNoDependency(t, map[string][]string{
		module + "cmd/kn-lambda": {
			module + "pkg/client/clientset/versioned",
			module + "pkg/reconciler/lambdafunction",
			module + "pkg/source/remote",
			"cloud.google.com/go/storage",
			"github.com/aws/aws-sdk-go-v2/aws",
			"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1",
			"k8s.io/client-go/kubernetes",
			"knative.dev/pkg/injection/sharedmain",
		},
	})
}

func TestCommand(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		out  string
		err  string
	}{
		"help":            {[]string{"--help"}, "kn lambda [command]", ""},
		"help of run":     {[]string{"run", "--help"}, "kn lambda run ./orders --handler orders.total", ""},
		"unknown verb":    {[]string{"walk"}, "", `unknown command "walk"`},
		"unknown flag":    {[]string{"run", "--fast"}, "", "unknown flag: --fast"},
		"two folders":     {[]string{"run", "a", "b"}, "", "accepts at most 1 arg(s)"},
		"no variable":     {[]string{"run", "--env", "A"}, "", `--env "A": write NAME=VALUE`},
		"nothing to run":  {[]string{"run", "testdata/none"}, "", "failed to find folder"},
		"port of no kind": {[]string{"run", "--port", "x"}, "", "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := kn.NewCommand()
			cmd.SetArgs(tc.args)
			cmd.SetOut(&out)
			err := cmd.ExecuteContext(t.Context())
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Execute() = %v, want %q", err, tc.err)
			}
			if !strings.Contains(out.String(), tc.out) {
				t.Errorf("output = %s, want %q in it", out.String(), tc.out)
			}
		})
	}
}
