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

package resources_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

func newRuntimes(t *testing.T, python string) *config.Runtimes {
	t.Helper()
	runtimes, err := config.NewRuntimesFromMap(map[string]string{"python": python})
	if err != nil {
		t.Fatal("NewRuntimesFromMap() =", err)
	}
	return runtimes
}

// keyChange is another function or another configuration than that of the case before.
type keyChange struct {
	name      string
	namespace string
	function  string
	options   []FunctionOption
	build     map[string]string
	runtimes  string
}

func (c keyChange) key(t *testing.T) string {
	t.Helper()
	cfg := newConfig(t, c.build)
	if c.runtimes != "" {
		cfg.Runtimes = newRuntimes(t, c.runtimes)
	}
	function, namespace := c.function, c.namespace
	if function == "" {
		function = "hello"
	}
	if namespace == "" {
		namespace = "default"
	}
	return mustBuild(t, LambdaFunction(function, namespace, c.options...), cfg).Key()
}

func TestBuildKeyChanges(t *testing.T) {
	seen := map[string]string{keyChange{}.key(t): "nothing"}
	for _, tc := range []keyChange{
		{name: "code", options: []FunctionOption{WithCode("def handler(event): pass")}},
		{name: "file", options: []FunctionOption{WithFile("data.json", "{}")}},
		{name: "text of the file", options: []FunctionOption{WithFile("data.json", "[]")}},
		{name: "name of the file", options: []FunctionOption{WithFile("more.json", "[]")}},
		{name: "dependencies", options: []FunctionOption{WithDependencies("requests==2.32.3")}},
		{name: "version of a dependency", options: []FunctionOption{WithDependencies("requests==2.32.4")}},
		{name: "version", options: []FunctionOption{WithVersion("3.12")}},
		{name: "handler", options: []FunctionOption{WithHandler("main.other")}},
		{name: "rebuild", options: []FunctionOption{WithRebuild("1")}},
		{name: "rebuild again", options: []FunctionOption{WithRebuild("2")}},
		{name: "repository", options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{Repository: "a/b"})}},
		{name: "tag", options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{Tag: "v1"})}},
		{name: "git", options: []FunctionOption{WithSource(sources["git"])}},
		{name: "registry of the function", options: []FunctionOption{WithRegistry("ghcr.io/acme")}},
		{name: "registry of the cluster", build: map[string]string{"registry": "ghcr.io/other"}},
		{name: "name", function: "hello2"},
		{name: "namespace", namespace: "other"},
		{name: "base image", runtimes: `{default: "3.13", versions: {"3.13": {baseImage: "registry.example.com/python:3.13"}}}`},
		{name: "runtime image", build: map[string]string{"runtime-image": "registry.example.com/runtime:2"}},
		{name: "fetch image", build: map[string]string{"fetch-image": "registry.example.com/fetch:2"}},
		{
			name: "package index", options: []FunctionOption{WithDependencies("requests==2.32.3")},
			build: map[string]string{"pip-index-url": "https://pip.example.com/simple"},
		},
	} {
		key := tc.key(t)
		if other, ok := seen[key]; ok {
			t.Errorf("%s has the build key of %s", tc.name, other)
		}
		seen[key] = tc.name
	}
}

// sources are one of each kind, with Secrets, as admission has them.
var sources = map[string]v1alpha1.SourceSpec{
	"git": {Type: v1alpha1.SourceTypeGit, Git: &v1alpha1.GitSource{
		URL: "git@git.example.com:acme/hello.git", Ref: "v1", Path: "functions/hello", SecretRef: &corev1.LocalObjectReference{Name: "deploy-key"},
	}},
	"s3": {Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
		Bucket: "code", Key: "hello/", Endpoint: "s3.example.com", UsePathStyle: ptr.Bool(false), SecretRef: &corev1.LocalObjectReference{Name: "store"},
	}},
	"minio": {Type: v1alpha1.SourceTypeMinIO, MinIO: &v1alpha1.MinIOSource{
		Bucket: "code", Key: "/hello.zip", SecretRef: &corev1.LocalObjectReference{Name: "store"},
	}},
	"gcs": {Type: v1alpha1.SourceTypeGCS, GCS: &v1alpha1.GCSSource{
		Bucket: "code", Key: "hello.tar.gz", SecretRef: &corev1.LocalObjectReference{Name: "store"},
	}},
	"oci": {Type: v1alpha1.SourceTypeOCI, OCI: &v1alpha1.OCISource{
		Repository: "ghcr.io/acme/code", Tag: "v1", Path: "hello", SecretRef: &corev1.LocalObjectReference{Name: "login"},
	}},
}

func TestPlanOfSources(t *testing.T) {
	want := map[string]source.Source{
		"git":   {Git: &source.Git{URL: "git@git.example.com:acme/hello.git", Ref: "v1", Path: "functions/hello"}},
		"s3":    {S3: &source.Bucket{Bucket: "code", Key: "hello/", Region: "us-east-1", Endpoint: "https://s3.example.com", VirtualHost: true}},
		"minio": {MinIO: &source.Bucket{Bucket: "code", Key: "hello.zip", Region: "us-east-1", Endpoint: "http://minio.minio.svc.cluster.local:9000"}},
		"gcs":   {GCS: &source.Bucket{Bucket: "code", Key: "hello.tar.gz"}},
		"oci":   {OCI: &source.OCI{Repository: "ghcr.io/acme/code", Tag: "v1", Path: "hello"}},
	}
	for name, spec := range sources {
		t.Run(name, func(t *testing.T) {
			plan := mustBuild(t, LambdaFunction("hello", "default", WithSource(spec)), newConfig(t, map[string]string{
				"pip-index-url": "https://pip.example.com/simple",
			})).Plan
			if diff := cmp.Diff(want[name], plan.Source); diff != "" {
				t.Error("source (-want, +got) =", diff)
			}
			if len(plan.Secrets) != 1 {
				t.Errorf("Secrets = %q, want that of the source", plan.Secrets)
			}
			if plan.Index.PipIndexURL == "" {
				t.Error("the index is missing: nobody knows yet whether there are dependencies")
			}
		})
	}
}

// TestArtifactKey holds that another digest is another build, and that a tag beside it says nothing.
func TestArtifactKey(t *testing.T) {
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	key := func(tag, digest string) string {
		return keyChange{options: []FunctionOption{WithSource(v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeOCI, OCI: &v1alpha1.OCISource{
			Repository: "ghcr.io/acme/code", Tag: tag, Digest: digest,
		}})}}.key(t)
	}
	if key("v1", one) != key("v2", one) || key("v1", one) != key("", one) {
		t.Error("a tag beside a digest makes another build key")
	}
	keys := map[string]bool{key("", one): true, key("", two): true, key("v1", ""): true, key("v2", ""): true}
	if len(keys) != 4 {
		t.Errorf("%d build keys, want 4", len(keys))
	}
}

func TestForceRebuild(t *testing.T) {
	force := WithBuild(v1alpha1.BuildSpec{ForceRebuild: true})
	keys := map[string]bool{}
	for _, options := range [][]FunctionOption{nil, {force}, {force, WithGeneration(2)}, {force, WithRebuild("1")}} {
		keys[keyChange{options: options}.key(t)] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d build keys, want 4", len(keys))
	}
}

func TestBuildDestination(t *testing.T) {
	for name, tc := range map[string]struct {
		build v1alpha1.BuildSpec
		want  string
	}{
		"registry":               {v1alpha1.BuildSpec{Registry: "ghcr.io/acme", Tag: "v1"}, "ghcr.io/acme/default/hello:v1"},
		"repository":             {v1alpha1.BuildSpec{Repository: "team/greeter", Tag: "v1"}, "registry.example.com/functions/team/greeter:v1"},
		"Docker Hub":             {v1alpha1.BuildSpec{Registry: "docker.io/acme", Tag: "v1"}, "docker.io/acme/default__hello:v1"},
		"Docker Hub, repository": {v1alpha1.BuildSpec{Registry: "docker.io/acme", Repository: "hello", Tag: "v1"}, "docker.io/acme/hello:v1"},
		"Docker Hub, an owner of the namespace's name": {v1alpha1.BuildSpec{Registry: "docker.io", Tag: "v1"}, "docker.io/default/hello:v1"},
	} {
		if got := mustBuild(t, LambdaFunction("hello", "default", WithBuild(tc.build)), newConfig(t, nil)).Image(); got != tc.want {
			t.Errorf("%s: Image() = %q, want %q", name, got, tc.want)
		}
	}
}

func TestImageURI(t *testing.T) {
	const digest = "sha256:0123"
	cfg := newConfig(t, map[string]string{"registry": "push.example.com/a", "pull-registry": "pull.example.com"})
	for name, tc := range map[string]struct {
		build v1alpha1.BuildSpec
		want  string
	}{
		"of the cluster":            {want: "pull.example.com/default/hello@sha256:0123"},
		"tag, which says nothing":   {v1alpha1.BuildSpec{Tag: "v1"}, "pull.example.com/default/hello@sha256:0123"},
		"the same, by the function": {v1alpha1.BuildSpec{Registry: "push.example.com/a"}, "pull.example.com/default/hello@sha256:0123"},
		"below it":                  {v1alpha1.BuildSpec{Registry: "push.example.com/a/team"}, "pull.example.com/team/default/hello@sha256:0123"},
		"another":                   {v1alpha1.BuildSpec{Registry: "ghcr.io/acme"}, "ghcr.io/acme/default/hello@sha256:0123"},
	} {
		build := mustBuild(t, LambdaFunction("hello", "default", WithBuild(tc.build)), cfg)
		if got := build.ImageURI(digest); got != tc.want {
			t.Errorf("%s: ImageURI() = %q, want %q", name, got, tc.want)
		}
	}
}

func TestBuildKeyStays(t *testing.T) {
	want := keyChange{}.key(t)
	for _, tc := range []keyChange{
		{name: "label", options: []FunctionOption{WithFunctionLabel("a", "b")}},
		{name: "annotation", options: []FunctionOption{WithFunctionAnnotation("a", "b")}},
		{name: "generation", options: []FunctionOption{WithGeneration(2)}},
		{name: "env", options: []FunctionOption{WithEnv("A", "b"), WithEnvFromSecret("s")}},
		{name: "scaling", options: []FunctionOption{WithReplicas(1, 2), WithContainerConcurrency(3), WithScaleToZeroGracePeriod(time.Minute)}},
		{name: "resources", options: []FunctionOption{WithResources(nil, corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")})}},
		{name: "response", options: []FunctionOption{WithResponse(v1alpha1.ResponseEnvelope)}},
		{name: "timeouts", options: []FunctionOption{WithTimeoutSeconds(1), WithBuildTimeout(time.Hour)}},
		{name: "account", options: []FunctionOption{WithServiceAccount("robot"), WithPullPolicy(corev1.PullAlways)}},
		{name: "the same registry", options: []FunctionOption{WithRegistry("registry.example.com/functions")}},
		{name: "the version by name", options: []FunctionOption{WithVersion("3.13")}},
		{name: "dependencies that list nothing", options: []FunctionOption{WithDependencies("# none yet\n")}},
		{name: "package index that nothing comes from", build: map[string]string{"pip-index-url": "https://pip.example.com/simple"}},
		{name: "how a build is run", build: map[string]string{
			"kaniko-image": "registry.example.com/kaniko:2", "timeout": "1h", "history": "0", "cpu-limit": "2",
			"insecure-registries": "registry.example.com", "registry-mirror": "mirror.example.com", "registry-secret": "push",
			"registry-ca": authority, "service-account": "builder", "cache-repository": "disabled",
			"pull-registry": "nodes.example.com",
		}},
		{name: "another version on offer", runtimes: `{default: "3.14", versions: {"3.14": {baseImage: "python:3.14"}, ` +
			`"3.13": {baseImage: "docker.io/library/python:3.13-slim"}}}`},
	} {
		if got := tc.key(t); got != want {
			t.Errorf("another build key with another %s", tc.name)
		}
	}
}

func TestBuildKeyAndImage(t *testing.T) {
	build := mustBuild(t, LambdaFunction("hello", "default"), newConfig(t, nil))
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(build.Key()) {
		t.Errorf("Key() = %q", build.Key())
	}
	if got, want := build.Image(), "registry.example.com/functions/default/hello:"+build.Key()[:12]; got != want {
		t.Errorf("Image() = %q, want %q", got, want)
	}
}

func TestBuildWithoutRegistry(t *testing.T) {
	if got := mustBuild(t, LambdaFunction("hello", "default"), newConfig(t, map[string]string{"registry": ""})).Repository; got != "" {
		t.Errorf("Repository = %q", got)
	}
}

func TestNewBuildRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		option FunctionOption
		reason source.Reason
		want   string
	}{{
		name:   "version that is no longer on offer",
		option: WithVersion("3.10"),
		reason: v1alpha1.ReasonVersionNotOffered,
		want:   "ConfigMap config-runtimes no longer offers python 3.10: set spec.runtime.version to one of [3.11 3.12 3.13]",
	}, {
		name:   "no source",
		option: WithoutSource,
		reason: v1alpha1.ReasonSourceInvalid,
		want:   "spec.source.inline is missing",
	}, {
		name:   "the main file twice",
		option: WithFile("main.py", ""),
		reason: source.ReasonInvalidPath,
		want:   `source.inline.files["main.py"]: is the file that code goes to: leave out one of the two`,
	}, {
		name:   "handler that no plan takes",
		option: WithHandler("main handler"),
		reason: source.ReasonInvalidPlan,
		want: `handler: "main handler" does not match ^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$ ` +
			"in at most 100 characters",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := resources.NewBuild(LambdaFunction("hello", "default", tc.option), newConfig(t, nil).Config)
			var invalid *source.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("NewBuild() = %v, want a *source.Error", err)
			}
			if invalid.Reason != tc.reason {
				t.Errorf("Reason = %q, want %q", invalid.Reason, tc.reason)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error("NewBuild() (-want, +got):", diff)
			}
		})
	}
}

// An index is part of the plans of its own language: else all functions would be built again because of it.
func TestBuildIndex(t *testing.T) {
	cfg := newConfig(t, map[string]string{"pip-index-url": "https://pip.example.com/simple", "npm-registry": "https://npm.example.com"})
	inNode := func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Runtime.Language, fn.Spec.Runtime.Version, fn.Spec.Runtime.Handler = "nodejs", "22", "index.handler"
	}
	for _, tc := range []struct {
		name    string
		options []FunctionOption
		want    source.Index
	}{
		{name: "Python", options: []FunctionOption{WithDependencies(`{"six": "1.17.0"}`)}, want: source.Index{PipIndexURL: "https://pip.example.com/simple"}},
		{name: "Node.js", options: []FunctionOption{WithDependencies(`{"ms": "2.1.3"}`), inNode}, want: source.Index{NpmRegistry: "https://npm.example.com"}},
		{name: "Node.js without dependencies", options: []FunctionOption{inNode}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			build := mustBuild(t, LambdaFunction("hello", "default", tc.options...), cfg)
			if diff := cmp.Diff(tc.want, build.Plan.Index); diff != "" {
				t.Error("Index (-want, +got):", diff)
			}
		})
	}
}

func TestMakePlanConfigMap(t *testing.T) {
	fn := LambdaFunction("hello", "default", WithDependencies(`{"requests": "2.32.3"}`), WithFile("data/a.json", "{}"), WithRebuild("1"))
	build := mustBuild(t, fn, newConfig(t, map[string]string{"pip-index-url": "https://pip.example.com/simple"}))
	cm, err := resources.MakePlanConfigMap(fn, build)
	if err != nil {
		t.Fatal("MakePlanConfigMap() =", err)
	}
	checkGolden(t, "plan", cm)

	// The first step of the build reads the same plan that the key stands for.
	plan, err := source.Decode([]byte(cm.Data["plan.json"]))
	if err != nil {
		t.Fatal("Decode() =", err)
	}
	if got, want := plan.Key(), build.Plan.Key(); got != want {
		t.Errorf("key of the plan in the ConfigMap = %q, want %q", got, want)
	}
}

func TestMakePlanConfigMapRefuses(t *testing.T) {
	fn := LambdaFunction("hello", "default")
	build := mustBuild(t, fn, newConfig(t, nil))
	build.Plan.Version = 0
	if _, err := resources.MakePlanConfigMap(fn, build); err == nil {
		t.Error("MakePlanConfigMap() of another version = nil, want an error")
	}
}

// TestLabels checks what the informers and listers select the children by.
func TestLabels(t *testing.T) {
	fn := LambdaFunction(strings.Repeat("a", validation.DNS1035LabelMaxLength), "default")
	cfg := newConfig(t, nil)
	build := mustBuild(t, fn, cfg)
	cm, err := resources.MakePlanConfigMap(fn, build)
	if err != nil {
		t.Fatal("MakePlanConfigMap() =", err)
	}
	managed, err := labels.Parse(resources.ManagedSelector)
	if err != nil {
		t.Fatal("Parse() =", err)
	}
	service := resources.MakeService(fn, image, cfg)
	for kind, set := range map[string]map[string]string{
		"ConfigMap":       cm.Labels,
		"TaskRun":         resources.MakeTaskRun(fn, build, cfg.Build).Labels,
		"Knative Service": service.Labels,
		"Pod":             service.Spec.Template.Labels,
	} {
		if !managed.Matches(labels.Set(set)) || !resources.FunctionSelector(fn).Matches(labels.Set(set)) {
			t.Errorf("labels of the %s are not selected: %v", kind, set)
		}
		for key, value := range set {
			if msgs := validation.IsValidLabelValue(value); len(msgs) > 0 {
				t.Errorf("label %s of the %s: %v", key, kind, msgs)
			}
		}
	}
	if got, want := cm.Labels[lambda.BuildKeyLabelKey], build.Key()[:12]; got != want {
		t.Errorf("label %s = %q, want %q", lambda.BuildKeyLabelKey, got, want)
	}
}
