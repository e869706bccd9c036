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

package kn

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// becomes has whoever watches functions see these states, one after the other.
func (c *cluster) becomes(states ...*v1alpha1.LambdaFunction) {
	becomes(&c.lambda.Fake, "lambdafunctions", states)
}

// becomes has a watch see states of a resource, one after the other.
func becomes[T runtime.Object](fake *clienttesting.Fake, resource string, states []T) {
	fake.PrependWatchReactor(resource, func(clienttesting.Action) (bool, watch.Interface, error) {
		w := watch.NewFakeWithChanSize(len(states), false)
		for _, state := range states {
			w.Modify(state)
		}
		return true, w, nil
	})
}

// get returns a function as it is stored.
func (c *cluster) get(t *testing.T, name string) *v1alpha1.LambdaFunction {
	t.Helper()
	fn, err := c.lambda.LambdaV1alpha1().LambdaFunctions("default").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

func with(t apis.ConditionType, status corev1.ConditionStatus, reason, message string) func(*v1alpha1.LambdaFunction) {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Status.ObservedGeneration = fn.Generation
		manager := fn.GetConditionSet().Manage(&fn.Status)
		manager.SetCondition(apis.Condition{Type: t, Status: status, Reason: reason, Message: message})
		fn.Status.Summarize()
	}
}

func TestDryRun(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	code, dependencies := write("orders.py", "def handler(event): pass\n"), write("requirements.txt", "requests==2.32.3\n")
	manifest := write("function.yaml", "kind: LambdaFunction\nmetadata: {name: filed, labels: {team: shop}}\nspec: {source: {type: git, git: {url: https://github.com/acme/shop}}, runtime: {language: go}}\n")
	for file, args := range map[string][]string{
		"create-code.yaml":  {"create", "hello", "--code", "code", "--language", "nodejs"},
		"create-file.yaml":  {"create", "orders", "--code-file", code, "--dependencies", dependencies, "--handler", "orders.total", "--version", "3.13", "--response", "envelope"},
		"create-stdin.yaml": {"create", "hello", "--code-file", "-", "--language", "python"},
		"create-git.yaml":   {"create", "orders", "--git", "https://github.com/acme/shop", "--revision", "v1", "--path", "orders", "--git-secret", "login", "--language", "go"},
		"create-image.yaml": {"create", "hello", "--image", "localhost:5000/hello", "--service-account", "me", "-n", "shop"},
		"create-all.yaml": {
			"create", "hello", "--image", "ghcr.io/acme/hello:1@sha256:00", "--env", "A=b=c", "--env", "B=", "--secret-env", "TOKEN=shop:token", "--env-from", "secret:more",
			"--env-from", "config-map:more", "--min", "1", "--max", "5", "--concurrency", "10", "--timeout", "90s", "--request", "cpu=100m,memory=1Gi", "--limit", "cpu=2", "--registry", "ghcr.io/acme",
		},
		"apply-filed.yaml": {"apply", "-f", manifest, "--revision", "v2"},
	} {
		t.Run(file, func(t *testing.T) {
			c := newCluster()
			c.in = "code of stdin\n"
			got := c.run(t.Context(), append(args, "--dry-run=client")...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			}
			golden(t, file, got.out)
		})
	}
	got := newCluster().run(t.Context(), "create", "hello", "--code", "a", "--language", "go", "--dry-run=server", "-o", "name")
	if got.code != ExitOK || got.out != "lambdafunction.lambda.knative.io/hello\n" {
		t.Errorf("run() = %+v, want the name", got)
	}
}

func TestRefusals(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "function.yaml")
	if err := os.WriteFile(manifest, []byte("kind: LambdaFunction\nmetadata: {name: filed, namespace: shop}\nspec: {source: {type: image, image: {repository: a}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args string
		code int
		err  string
	}{
		"no name":              {"create --code a", ExitUsage, "name the function"},
		"no source":            {"create hello", ExitUsage, "say where the code is"},
		"no language":          {"create hello --code a", ExitUsage, "say what the code is written in"},
		"two sources":          {"create hello --code a --image b", ExitUsage, "none of the others can be"},
		"another name":         {"apply hello -f " + manifest, ExitUsage, `is "filed", not "hello"`},
		"another namespace":    {"apply -n default -f " + manifest, ExitUsage, `of namespace "shop"`},
		"revision of no git":   {"create hello --image a --revision v1", ExitUsage, "--revision is for functions with --git"},
		"dependencies of none": {"create hello --image a --dependencies b", ExitUsage, "--dependencies are for"},
		"no key":               {"create hello --s3 code --language go", ExitUsage, `--s3 "code": write BUCKET/KEY`},
		"no bucket":            {"create hello --gcs gs:///a --language go", ExitUsage, `--gcs "gs:///a": write BUCKET/KEY`},
		"region of Google":     {"create hello --gcs a/b --region c --language go", ExitUsage, "--region is for functions with --s3 or --minio"},
		"region of nothing":    {"create hello --git a --region c --language go", ExitUsage, "--region is for functions with --s3, --minio or --gcs"},
		"secret of nothing":    {"update there --object-secret c", ExitUsage, "--object-secret is for functions with --s3"},
		"endpoint of nothing":  {"update there --endpoint c", ExitUsage, "--endpoint is for functions with --s3"},
		"two stores":           {"create hello --gcs a/b --s3 a/b", ExitUsage, "none of the others can be"},
		"no file":              {"create hello --code-file none.py", ExitFailure, "failed to read the code"},
		"no dependencies":      {"create hello --code a --dependencies none.txt", ExitFailure, "failed to read the dependencies"},
		"no manifest":          {"apply -f none.yaml", ExitFailure, "failed to read manifest"},
		"env":                  {"create hello --image a --env A", ExitUsage, "write NAME=VALUE, or NAME-"},
		"secret env":           {"create hello --image a --secret-env A=b", ExitUsage, "write NAME=SECRET:KEY"},
		"env from":             {"create hello --image a --env-from a:b", ExitUsage, "write secret:NAME"},
		"request":              {"create hello --image a --request cpu=x", ExitUsage, `--request "cpu=x": write cpu=QUANTITY`},
		"limit":                {"create hello --image a --limit 5", ExitUsage, `--limit "5": write`},
		"dry run":              {"create hello --image a --dry-run=maybe", ExitUsage, `--dry-run "maybe"`},
		"dry run of update":    {"update hello --dry-run=client", ExitUsage, "say --dry-run=server"},
		"output":               {"create hello --image a -o xml", ExitUsage, `--output "xml"`},
		"there already":        {"create there --image a", ExitFailure, `there is one of this name in namespace "default"` + "\nTry:   kn lambda update there, or kn lambda apply there"},
		"not there":            {"update none --min 1", ExitFailure, `failed to update function "none": there is none`},
		"both waits":           {"create hello --image a --wait --no-wait", ExitUsage, "none of the others can be"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newCluster(newFunction("there")).run(t.Context(), strings.Fields(tc.args)...)
			if got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
		})
	}
}

func TestCreateWaits(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "hello-1-pod", Namespace: "default"}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "step-fetch"}, {Name: "sidecar"}, {Name: "step-build"}}},
	}
	queued := with("BuildReady", "Unknown", "Queued", "Waiting for its turn: place 2 in the queue.")
	builds := func(fn *v1alpha1.LambdaFunction) {
		with("BuildReady", "Unknown", "BuildRunning", "The build goes on.")(fn)
		fn.Status.BuildStatus = &v1alpha1.BuildStatus{JobName: "hello-1"}
	}
	source := with("SourceReady", "True", "", "")
	failed := func(fn *v1alpha1.LambdaFunction) {
		with("BuildReady", "False", "CompileFailed", "It does not compile.")(fn)
		fn.Status.BuildStatus = &v1alpha1.BuildStatus{JobName: "hello-2", LogTail: "a\nb\n"}
	}
	crowded := with("DeployReady", "False", v1alpha1.ReasonUnschedulable, "No node has room.")
	seen := func(changes ...func(*v1alpha1.LambdaFunction)) *v1alpha1.LambdaFunction {
		return newFunction("hello", changes...)
	}
	for name, tc := range map[string]struct {
		states []*v1alpha1.LambdaFunction
		args   []string
		code   int
		out    string
		err    []string
	}{
		"until it is ready": {
			[]*v1alpha1.LambdaFunction{seen(source, queued), seen(source, queued), seen(source, builds), seen(source, crowded), seen(isReady)},
			nil, ExitOK, "http://hello.default.example.com\n",
			[]string{"Created function 'hello'", "0.0s  Source accepted", "Queued: Waiting for its turn: place 2", "BuildRunning: ", "0.0s  Image built", "0.0s  Ready\n"},
		},
		"until it fails": {
			[]*v1alpha1.LambdaFunction{seen(source, failed)},
			[]string{"--wait-window", "0s"},
			ExitNotReady, "",
			[]string{"| build: a\n", `Error: function "hello" is not ready: CompileFailed: It does not compile.`, "Try:   kn lambda why hello"},
		},
		"not for ever":        {[]*v1alpha1.LambdaFunction{}, []string{"--wait-timeout", "1ms"}, ExitNotReady, "", []string{"is not ready after 1ms: the operator has not seen it"}},
		"not at all":          {nil, []string{"--no-wait"}, ExitOK, "", []string{"Created function"}},
		"not at all, printed": {nil, []string{"--wait=false", "-o", "name"}, ExitOK, "lambdafunction.lambda.knative.io/hello\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(pod, taskRun("hello-1", "hello", ago(0), map[string]any{"podName": "hello-1-pod"}))
			c.becomes(tc.states...)
			got := c.run(t.Context(), append([]string{"create", "hello", "--code", "a", "--language", "python"}, tc.args...)...)
			if got.code != tc.code || got.out != tc.out {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.out)
			}
			rest := got.err
			for _, want := range tc.err {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("errors = %s, want %q after what was found before", got.err, want)
				}
				rest = after
			}
		})
	}
}

// deleted has whoever watches functions see that one goes.
func (c *cluster) deleted(name string) {
	c.lambda.PrependWatchReactor("lambdafunctions", func(clienttesting.Action) (bool, watch.Interface, error) {
		w := watch.NewFakeWithChanSize(1, false)
		w.Delete(newFunction(name))
		return true, w, nil
	})
}

func TestDeletedMeanwhile(t *testing.T) {
	c := newCluster()
	c.deleted("hello")
	if got := c.run(t.Context(), "create", "hello", "--image", "a"); got.code != ExitFailure || !strings.Contains(got.err, "has been deleted meanwhile") {
		t.Errorf("run() = %+v, want it to end", got)
	}
}

func TestSeenBy(t *testing.T) {
	sent := newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Generation = 2 })
	for name, tc := range map[string]struct {
		state *v1alpha1.LambdaFunction
		want  bool
	}{
		"the present spec": {newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Generation = 2 }, isReady), true},
		"a later one":      {newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Generation = 3 }, isReady), true},
		"an earlier one":   {newFunction("hello", isReady), false},
		"not looked at":    {newFunction("hello", isReady, func(fn *v1alpha1.LambdaFunction) { fn.Generation = 2 }), false},
		"another function": {newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Generation, fn.UID = 2, "other" }, isReady), false},
		"a build asked for": {newFunction("hello", func(fn *v1alpha1.LambdaFunction) {
			fn.Generation, fn.Annotations = 2, map[string]string{lambda.RebuildAnnotationKey: "1"}
		}, isReady), false},
		"the build of that": {newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Generation = 2 }, isReady, rebuilt), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := seesBuild(tc.state, sent); got != tc.want {
				t.Errorf("seesBuild() = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestInterruptedWait(t *testing.T) {
	c := newCluster()
	ctx, cancel := context.WithCancel(t.Context())
	c.lambda.PrependWatchReactor("lambdafunctions", func(clienttesting.Action) (bool, watch.Interface, error) {
		cancel()
		return true, watch.NewFake(), nil
	})
	if got := c.run(ctx, "create", "hello", "--image", "a"); got.code != ExitInterrupted || !strings.Contains(got.err, "goes on without you: kn lambda describe hello") {
		t.Errorf("run() = %+v, want that it is interrupted", got)
	}
}

func FuzzWithReference(f *testing.F) {
	for _, seed := range []string{"hello", "hello:1", "localhost:5000/hello", "ghcr.io/acme/hello:1@sha256:00", "@", ":", "a/:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		image := withReference(nil, reference)
		again := image.Repository
		if image.Tag != "" {
			again += ":" + image.Tag
		}
		if !strings.HasPrefix(reference, again) || !strings.HasSuffix(reference, image.Digest) || strings.Contains(image.Tag, "/") {
			t.Errorf("withReference(%q) = %+v", reference, image)
		}
	})
}

func TestUpdate(t *testing.T) {
	there := newFunction("hello", isReady, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}
	})
	for name, tc := range map[string]struct {
		args []string
		want func(*v1alpha1.LambdaFunction)
	}{
		"environment": {[]string{"--env", "A=3", "--env", "B-", "--env-from", "secret:a", "--env-from", "secret:a"}, func(fn *v1alpha1.LambdaFunction) {
			fn.Spec.Env = []corev1.EnvVar{{Name: "A", Value: "3"}}
			fn.Spec.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "a"}}}}
		}},
		"scale": {[]string{"--min", "0", "--max", "3"}, func(fn *v1alpha1.LambdaFunction) {
			fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.To[int32](0), ptr.To[int32](3)
		}},
		"code of stdin": {[]string{"--code-file", "-"}, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Code = "new" }},
		"another source": {[]string{"--image", "a:b"}, func(fn *v1alpha1.LambdaFunction) {
			fn.Spec.Source = v1alpha1.SourceSpec{Type: "image", Image: &v1alpha1.ImageSource{Repository: "a", Tag: "b"}}
		}},
		"nothing, to wait": {nil, func(*v1alpha1.LambdaFunction) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(there.DeepCopy())
			c.in = "new"
			got := c.run(t.Context(), append([]string{"update", "hello"}, tc.args...)...)
			if got.code != ExitOK || got.out != "http://hello.default.example.com\n" {
				t.Errorf("run() = %+v, want the URL", got)
			}
			want := there.DeepCopy()
			tc.want(want)
			if diff := cmp.Diff(want.Spec, c.get(t, "hello").Spec); diff != "" {
				t.Errorf("spec is another (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestApply(t *testing.T) {
	made := newFunction("hello", isReady, func(fn *v1alpha1.LambdaFunction) {
		fn.ManagedFields = []metav1.ManagedFieldsEntry{{
			Manager: fieldManager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "lambda.knative.io/v1alpha1",
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:env":{}}}`),
		}}
	})
	for name, there := range map[string][]runtime.Object{"made": nil, "changed": {made}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(there...)
			var patches []clienttesting.PatchActionImpl
			c.lambda.PrependReactor("patch", "lambdafunctions", func(action clienttesting.Action) (bool, runtime.Object, error) {
				patches = append(patches, action.(clienttesting.PatchActionImpl))
				return true, newFunction("hello", isReady), nil
			})
			c.becomes(newFunction("hello", isReady))
			got := c.run(t.Context(), "apply", "hello", "--code", "a", "--language", "python", "--min", "1")
			if got.code != ExitOK || got.out != "http://hello.default.example.com\n" {
				t.Errorf("run() = %+v, want the URL", got)
			}
			if len(patches) != 1+len(there) {
				t.Fatalf("there are %d patches, want %d", len(patches), 1+len(there))
			}
			sent := patches[len(patches)-1]
			if options := sent.GetPatchOptions(); sent.GetPatchType() != types.ApplyPatchType || options.FieldManager != fieldManager || !ptr.Deref(options.Force, false) {
				t.Errorf("it is %s with %+v, want a forced apply", sent.GetPatchType(), options)
			}
			var object map[string]any
			if err := json.Unmarshal(sent.GetPatch(), &object); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"apiVersion": "lambda.knative.io/v1alpha1", "kind": "LambdaFunction", "metadata": map[string]any{"name": "hello", "namespace": "default"},
				"spec": map[string]any{
					"source": map[string]any{"type": "inline", "inline": map[string]any{"code": "a"}}, "runtime": map[string]any{"language": "python"},
					"scaling": map[string]any{"minReplicas": 1.0},
				},
			}
			if diff := cmp.Diff(want, object); diff != "" {
				t.Errorf("what is sent is another (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	for args, want := range map[string]v1alpha1.SourceSpec{
		"--s3 s3://code/a/b.tar.gz --region eu-1": {Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{Bucket: "code", Key: "a/b.tar.gz", Region: "eu-1"}},
		"--minio code/a/ --endpoint http://m:9000 --object-secret m": {Type: v1alpha1.SourceTypeMinIO, MinIO: &v1alpha1.MinIOSource{
			Bucket: "code", Key: "a/", Endpoint: "http://m:9000", SecretRef: &corev1.LocalObjectReference{Name: "m"},
		}},
		"--gcs gs://code/main.py": {Type: v1alpha1.SourceTypeGCS, GCS: &v1alpha1.GCSSource{Bucket: "code", Key: "main.py"}},
	} {
		c := newCluster()
		got := c.run(t.Context(), append([]string{"create", "hello", "--no-wait", "--language", "go"}, strings.Fields(args)...)...)
		if got.code != ExitOK {
			t.Fatalf("%s: run() = %+v", args, got)
		}
		if diff := cmp.Diff(want, c.get(t, "hello").Spec.Source); diff != "" {
			t.Errorf("%s: source (-want, +got):\n%s", args, diff)
		}
		// What is not said stays.
		if got := c.run(t.Context(), "update", "hello", "--no-wait", "--endpoint", "http://other"); got.code != ExitOK {
			t.Fatalf("update: run() = %+v", got)
		}
		*objectOf(&want).endpoint = "http://other"
		if diff := cmp.Diff(want, c.get(t, "hello").Spec.Source); diff != "" {
			t.Errorf("%s, updated: source (-want, +got):\n%s", args, diff)
		}
	}
}
