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

package lambdafunction

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"knative.dev/pkg/controller"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// logs are lines as Kaniko, pip, npm and go write them, with the reason they stand for.
var logs = map[string]struct{ log, reason, remedy string }{
	"go: type error":    {"# fn\nfunction/main.go:7:9: undefined: x\nerror building image: exit status 1", v1alpha1.ReasonCompileFailed, "does not compile"},
	"go: no module":     {"go: example.com/no@v1.0.0: reading http://proxy/example.com/no/@v/v1.0.0.mod: 404 Not Found", v1alpha1.ReasonDependencyNotFound, "name and version"},
	"go: not served":    {"go: github.com/google/uuid@v0.0.999: reading https://proxy/github.com/google/uuid/@v/v0.0.999.mod: 403 Forbidden", v1alpha1.ReasonDependencyNotFound, "name and version"},
	"go: no package":    {"go: module github.com/google/uuid@latest found (v1.6.0), but does not contain package github.com/google/uuid/none", v1alpha1.ReasonDependencyNotFound, "name and version"},
	"go: no proxy":      {`go: example.com/a@v1: Get "http://proxy/a": dial tcp 10.0.0.1:80: connect: connection refused`, v1alpha1.ReasonPackageIndexUnavailable, "config-build"},
	"pip: no version":   {"ERROR: Could not find a version that satisfies the requirement six==0.0.1 (from versions: 1.17.0)\nERROR: No matching distribution found for six==0.0.1", v1alpha1.ReasonDependencyNotFound, "six==0.0.1"},
	"pip: no index":     {"WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError': Failed to establish a new connection: [Errno 111]\nERROR: No matching distribution found for six", v1alpha1.ReasonPackageIndexUnavailable, "config-build"},
	"npm: no package":   {"npm error code E404\nnpm error 404 Not Found - GET http://registry/no-such", v1alpha1.ReasonDependencyNotFound, "no-such"},
	"npm: no version":   {"npm error code ETARGET\nnpm error notarget No matching version found for ms@99", v1alpha1.ReasonDependencyNotFound, "ms@99"},
	"npm: no registry":  {"npm error code ECONNREFUSED\nnpm error syscall connect", v1alpha1.ReasonPackageIndexUnavailable, "config-build"},
	"push: 401":         {"error pushing image: failed to push to destination r/a:1: HEAD http://r/v2/: unexpected status code 401 Unauthorized (HEAD responses have no body)", v1alpha1.ReasonRegistryDenied, "imagePullSecret"},
	"push: denied":      {"error pushing image: failed to push to destination r/a:1: POST https://r/v2/: DENIED: requested access to the resource is denied", v1alpha1.ReasonRegistryDenied, "imagePullSecret"},
	"push: 403":         {"error pushing image: failed to push to destination r/a:1: PATCH https://r/v2/a/blobs/uploads/1: unexpected status code 403 Forbidden: no", v1alpha1.ReasonRegistryDenied, "may push"},
	"push: none":        {"error pushing image: failed to push to destination r/a:1: POST https://r/v2/a/blobs/uploads/: NAME_UNKNOWN: The repository with name 'a' does not exist in the registry with id '123456789012'", v1alpha1.ReasonRepositoryNotFound, "create it"},
	"push: 429":         {"error pushing image: failed to push to destination r/a:1: POST https://r/v2/a/blobs/uploads/: TOOMANYREQUESTS: slow down", v1alpha1.ReasonRegistryUnavailable, "slow down"},
	"push: 500":         {"error pushing image: failed to push to destination r/a:1: HEAD http://r/v2/: unexpected status code 500 Internal Server Error", v1alpha1.ReasonRegistryUnavailable, "500"},
	"push: down":        {`error pushing image: failed to push to destination r/a:1: Get "https://r/v2/": dial tcp 10.0.0.1:443: connect: connection refused`, v1alpha1.ReasonRegistryUnavailable, "refused"},
	"push: 429 by http": {`error pushing image: failed to push to destination r/a:1: Get "https://r/v2/": http: server gave HTTP response to HTTPS client; GET http://r/v2/: TOOMANYREQUESTS: slow down`, v1alpha1.ReasonRegistryUnavailable, "does not answer"},
	"push: plain http":  {`error pushing image: failed to push to destination r/a:1: Get "https://r/v2/": http: server gave HTTP response to HTTPS client`, v1alpha1.ReasonRegistryUnavailable, "spec.build.insecure"},
	"push: authority":   {`error pushing image: Get "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`, v1alpha1.ReasonRegistryCertificateInvalid, "ca.crt"},
	"base: none":        {"error building image: GET https://r/v2/library/python/manifests/9: MANIFEST_UNKNOWN: manifest unknown", v1alpha1.ReasonBaseImageNotFound, "config-runtimes"},
	"something else":    {"error building image: error building stage: failed to execute command: exit status 1", "", ""},
	"nothing":           {"", "", ""},
}

func TestCauseOf(t *testing.T) {
	for name, tc := range logs {
		t.Run(name, func(t *testing.T) {
			reason, message := causeOf("INFO first\n" + tc.log + "\nINFO last")
			if reason != tc.reason || !strings.Contains(message, tc.remedy) {
				t.Errorf("causeOf() = %q, %q, want %q with %q", reason, message, tc.reason, tc.remedy)
			}
		})
	}
	if _, message := causeOf("main.go:1: " + strings.Repeat("é", 4000)); len(message) > 500 || !utf8.ValidString(message) {
		t.Errorf("message of a long line has %d bytes: %q", len(message), message)
	}
}

func TestMaskSecrets(t *testing.T) {
	for _, tc := range []struct{ log, want string }{
		{"Looking in indexes: https://user:p4ss@pypi.example.com/simple", "Looking in indexes: https://***@pypi.example.com/simple"},
		{"PASSWORD=p4ss next", "PASSWORD=*** next"},
		{`"token": "abc.def", "a": 1`, `"token": ***", "a": 1`},
		{"Authorization: Bearer abc.def", "Authorization: ***"},
		{"api_key: abc", "api_key: ***"},
		{"apikey: abc", "apikey: ***"},
		{"the password is asked for", "the password is asked for"},
		{"git@example.com:a/b", "git@example.com:a/b"},
	} {
		if got := maskSecrets(tc.log); got != tc.want {
			t.Errorf("maskSecrets(%q) = %q, want %q", tc.log, got, tc.want)
		}
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("0123456789\n", 1000)
	for name, tc := range map[string]struct {
		log   string
		least int
	}{
		"short": {"a\nb\n", 3}, "long": {long, 2000}, "one line": {strings.Repeat("é", 3000), 2000}, "no text": {"\xff\xfe", 3}, "empty": {"", 0},
	} {
		got := tail(tc.log)
		if len(got) > 2<<10 || len(got) < tc.least || !utf8.ValidString(got) || strings.HasSuffix(got, "\n") {
			t.Errorf("%s: tail() has %d bytes: %q", name, len(got), got)
		}
	}
	if got := tail(long); !strings.HasPrefix(got, "0123456789\n") {
		t.Errorf("tail() begins within a line: %.20q", got)
	}
}

func FuzzFailureText(f *testing.F) {
	for _, tc := range logs {
		f.Add(tc.log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		masked := maskSecrets(log)
		if got := tail(masked); len(got) > 2<<10 || !utf8.ValidString(got) {
			t.Errorf("tail() = %q", got)
		}
		if reason, message := causeOf(masked); (reason == "") != (message == "") {
			t.Errorf("causeOf() = %q, %q", reason, message)
		}
	})
}

func TestNextTry(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		0: firstPause, 1: firstPause, 2: 20 * time.Second, 3: 40 * time.Second, 6: 320 * time.Second, 7: longestPause, 1 << 20: longestPause,
	} {
		taskRun := taskRunOf(function(), attempt(attempts), WithTaskRunFailed(ended, "Failed", ""))
		if at, ok := nextTry(taskRun, v1alpha1.ReasonRegistryUnavailable); !ok || at.Sub(ended) != want {
			t.Errorf("nextTry(attempt %d) = %v, %t, want %v later", attempts, at, ok, want)
		}
	}
	if at, ok := nextTry(taskRunOf(function(), WithTaskRunFailed(ended, "Failed", "")), v1alpha1.ReasonCompileFailed); ok {
		t.Errorf("nextTry() of code that does not compile = %v", at)
	}
	if at, ok := nextTry(taskRunOf(function()), v1alpha1.ReasonRegistryUnavailable); ok {
		t.Errorf("nextTry() of a TaskRun that has not ended = %v", at)
	}
}

func TestNotOwnedIsLookedAtAgain(t *testing.T) {
	var enqueued any
	var after time.Duration
	r := &Reconciler{enqueueAfter: func(fn any, wait time.Duration) { enqueued, after = fn, wait }}
	fn := function()
	if err := r.notOwned(fn, "Knative Service", fn.Name); !controller.IsPermanentError(err) {
		t.Errorf("notOwned() = %v, want a permanent error", err)
	}
	if enqueued != any(fn) || after != serving.LookAgain {
		t.Errorf("enqueued %v after %v, want the function after %v", enqueued, after, serving.LookAgain)
	}
}
