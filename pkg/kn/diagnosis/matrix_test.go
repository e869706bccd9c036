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

package diagnosis

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// golden is what is told of a function or an agent, as it is in testdata.
type golden struct {
	name    string
	agent   bool
	log     string
	objects []runtime.Object
}

// fetchFault is a build whose first step refuses the source.
func fetchFault(name string, reason source.Reason, message string) golden {
	return golden{name: name, objects: []runtime.Object{
		function(name, buildFailed(name, string(reason), message, "")),
		taskRun(name, "Failed", `"step-fetch" exited with code 1`, corev1.ConditionFalse, step("fetch", 1, "Error"), step("build", 1, "Error")),
	}}
}

// buildFault is a build whose second step fails.
func buildFault(name, reason, message, log string) golden {
	return golden{name: name, objects: []runtime.Object{
		function(name, buildFailed(name, reason, message, log)),
		taskRun(name, "Failed", `"step-build" exited with code 1`, corev1.ConditionFalse, step("fetch", 0, "Completed"), step("build", 1, "Error")),
	}}
}

// crash is a function whose container ends when it starts.
func crash(name string, code int32, reason, last, log string) golden {
	message := "Container failed with: " + last
	objects := append([]runtime.Object{
		function(name, revisionFailed("The container exited with code 1: "+last)),
		pod(name, container(4, waits("CrashLoopBackOff", "back-off 1m20s restarting failed container=user-container"), ended(code, reason, last))),
	}, failedService(name, servingv1.RevisionConditionContainerHealthy, corev1.ConditionFalse, "ExitCode1", message)...)
	return golden{name: name, log: log, objects: objects}
}

// hangs is a function whose container does not start for what it says itself.
func hangs(name, reason, message string, more ...runtime.Object) golden {
	objects := append([]runtime.Object{
		function(name, revisionFailed("The container does not start: "+reason+": "+message)), pod(name, container(0, waits(reason, message), nil)),
	}, failedService(name, servingv1.RevisionConditionResourcesAvailable, corev1.ConditionFalse, reason, message)...)
	return golden{name: name, objects: append(objects, more...)}
}

// unresolved is a function whose image Knative does not find.
func unresolved(name, image, why string) golden {
	message := `Unable to fetch image "` + image + `": failed to resolve image to digest: ` + why
	objects := failedService(name, servingv1.RevisionConditionContainerHealthy, corev1.ConditionFalse, "ContainerMissing", message)
	return golden{name: name, objects: append([]runtime.Object{function(name, revisionFailed(message))}, objects[:3]...)}
}

// silentContainer is a function whose container runs, and does not answer.
func silentContainer(name, message, log string) golden {
	p := pod(name, container(0, runs(), nil))
	objects := append([]runtime.Object{
		function(name, hindered(v1alpha1.ReasonNotAnswering, message)), p,
		warningOf("Pod", p.Name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
	}, failedService(name, servingv1.RevisionConditionResourcesAvailable, corev1.ConditionUnknown, "Deploying", "")...)
	return golden{name: name, log: log, objects: objects}
}

// faults are those that the end-to-end tests have functions suffer from, by the same names.
func faults() []golden {
	return slices.Concat(codeFaults(), buildFaults(), clusterFaults(), sourceFaults(), instanceFaults(), imageFaults())
}

func codeFaults() []golden {
	return []golden{
		crash("syntax", 1, "Error", `cannot load handler "main.handler": SyntaxError: '(' was never closed (main.py, line 1)`, ""),
		fetchFault("no-handler", source.ReasonHandlerNotFound, "package main has no function Handler or Handle"),
		buildFault("wrong-type", v1alpha1.ReasonCompileFailed,
			"The code does not compile. The log says: main.go:3:44: cannot use 1 (untyped int constant) as string value in return statement",
			"# function\nmain.go:3:44: cannot use 1 (untyped int constant) as string value in return statement\nerror building image: exit status 1\n"),
		fetchFault("no-dependencies", source.ReasonInvalidDependencies, `dependency "six": "1 or 2" is no version of Python's`),
	}
}

func buildFaults() []golden {
	const host = "none.shop.svc.cluster.local"
	return []golden{
		buildFault("no-registry", v1alpha1.ReasonRegistryUnavailable, "The registry does not answer as it should. The log says: error pushing image: "+
			"Get \"http://"+host+":5000/v2/\": dial tcp: lookup "+host+" on 10.96.0.10:53: no such host. Next try at 2026-03-09T12:02:00Z.",
			"INFO[0003] Pushing image\nerror pushing image: Get \"http://"+host+":5000/v2/\": dial tcp: lookup "+host+" on 10.96.0.10:53: no such host\n"),
		buildFault("no-package", v1alpha1.ReasonDependencyNotFound, "A dependency cannot be installed: check its name and version. "+
			"The log says: npm error 404 Not Found - GET https://registry.npmjs.org/left-pad-of-nobody - Not found", ""),
		buildFault("no-version", v1alpha1.ReasonDependencyNotFound, "A dependency cannot be installed: check its name and version. "+
			"The log says: ERROR: No matching distribution found for six==0.0.1.dev1", ""),
		buildFault("no-module", v1alpha1.ReasonDependencyNotFound, "A dependency cannot be installed: check its name and version. "+
			"The log says: go: github.com/google/uuid@v0.0.999: invalid version: unknown revision v0.0.999", ""),
	}
}

func clusterFaults() []golden {
	const outOfQuota = `TaskRun Pod exceeded available resources: pods "crowded-0123456789-pod" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0`
	crowded := taskRun("crowded", "ExceededResourceQuota", outOfQuota, corev1.ConditionUnknown)
	crowded.Status.PodName = ""
	quota := &corev1.ResourceQuota{ObjectMeta: meta("small", nil)}
	quota.Status.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
	quota.Status.Used = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
	return []golden{
		{
			name: "slow", objects: []runtime.Object{
				function("slow", buildFailed("slow", v1alpha1.ReasonBuildTimeout, "The build took longer than 1m0s: set spec.build.timeout higher. "+
					"To build the same source again, change annotation lambda.knative.io/rebuild.", "")),
				taskRun("slow", "TaskRunTimeout", `TaskRun "slow-0123456789" failed to finish within "1m0s"`, corev1.ConditionFalse),
			},
		},
		{
			name: "crowded", objects: []runtime.Object{
				function("crowded", building("crowded", v1alpha1.ReasonBuildQuotaExceeded, `A quota of namespace "shop" leaves no room for the build: raise it, `+
					"or lower cpu-request and memory-request in ConfigMap config-build. "+outOfQuota)),
				crowded, quota, &corev1.ResourceQuota{ObjectMeta: meta("other", nil)},
			},
		},
		buildFault("baseless", v1alpha1.ReasonBaseImageNotFound, "The base image is not there: check ConfigMap config-runtimes. "+
			"The log says: error building image: GET https://registry.example.com/v2/none/manifests/1: MANIFEST_UNKNOWN: manifest unknown", ""),
		{
			name: "starved", objects: []runtime.Object{
				function("starved", buildFailed("starved", v1alpha1.ReasonBuildOutOfMemory,
					`Step "build" needed more memory than it may use: set memory-limit in ConfigMap config-build higher.`, "")),
				taskRun("starved", "Failed", `"step-build" exited with code 137: OOMKilled`, corev1.ConditionFalse, step("fetch", 0, "Completed"), step("build", 137, "OOMKilled")),
			},
		},
		{
			name: "cancelled", objects: []runtime.Object{
				function("cancelled", buildFailed("cancelled", v1alpha1.ReasonBuildCancelled,
					"The build was cancelled. To build the same source again, change annotation lambda.knative.io/rebuild.", "")),
				taskRun("cancelled", "TaskRunCancelled", `TaskRun "cancelled-0123456789" was cancelled`, corev1.ConditionFalse),
			},
		},
	}
}

func sourceFaults() []golden {
	const next = " Next try at 2026-03-09T12:02:00Z."
	return []golden{
		fetchFault("no-object", source.ReasonSourceNotFound, `bucket "code" has no object "late.py".`+next),
		fetchFault("no-bucket", source.ReasonSourceNotFound, `there is no bucket "none".`+next),
		fetchFault("no-secret", source.ReasonSecretInvalid, `source.s3.secretRef: there is no Secret "late".`+next),
		fetchFault("wrong-secret", source.ReasonSourceForbidden, "the server does not take the keys of the Secret in source.s3.secretRef."+next),
		fetchFault("useless-secret", source.ReasonSecretInvalid, "source.s3.secretRef: the Secret has neither accesskey and secretkey nor access_key_id and secret_access_key."+next),
		fetchFault("no-account-key", source.ReasonSecretInvalid, "source.gcs.secretRef: key.json is not the key of a service account."+next),
		fetchFault("no-server", source.ReasonSourceUnavailable, "dial tcp: lookup none.shop.svc.cluster.local on 10.96.0.10:53: no such host."+next),
		fetchFault("bomb", source.ReasonSourceTooLarge, "the source has more than 512 MiB: leave data out of it"),
		fetchFault("bad-bad", source.ReasonInvalidArchive, `"bad.zip" is not a zip file`),
		fetchFault("bad-link", source.ReasonInvalidArchive, `"main.py" is a link to /var/run/secrets`),
		fetchFault("bad-slip", source.ReasonInvalidArchive, `"../../main.py" leaves the archive's folder`),
		fetchFault("no-repository", source.ReasonSourceNotFound, "there is no repository https://git.shop.svc:8443/org/late.git."+next),
		fetchFault("no-ref", source.ReasonRefNotFound, `the repository has no branch, tag or commit "none".`+next),
		fetchFault("no-folder", source.ReasonSourceNotFound, `the repository has no folder "none".`+next),
		fetchFault("wrong-login", source.ReasonSourceForbidden, "the server does not take the login of the Secret in source.git.secretRef."+next),
		fetchFault("no-authority", source.ReasonCertificateInvalid, "x509: certificate signed by unknown authority: put it into ca.crt of the Secret."+next),
		fetchFault("impostor", source.ReasonHostKeyMismatch, "the server does not have the key that known_hosts of the Secret says."+next),
	}
}

func instanceFaults() []golden {
	const room = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
	large := pod("too-large")
	large.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: room, LastTransitionTime: ago(3 * time.Minute),
	}}}
	const noAccount = `pods "no-account-00001-deployment-5d9-" is forbidden: error looking up service account shop/late: serviceaccount "late" not found`
	accountObjects := failedService("no-account", servingv1.RevisionConditionResourcesAvailable, corev1.ConditionFalse, "FailedCreate", noAccount)
	accountObjects[3] = deployment("no-account", appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate", noAccount)
	return []golden{
		hangs("no-environment", "CreateContainerConfigError", `secret "settings" not found`),
		hangs("no-variable", "CreateContainerConfigError", `configmap "variables" not found`),
		crash("no-memory", 1, "Error", `cannot load handler "main.handler": the worker ended before it was ready: the worker was killed because the function uses more memory than its limit; raise resources.limits.memory`, ""),
		{name: "too-large", objects: append([]runtime.Object{
			function("too-large", hindered(v1alpha1.ReasonUnschedulable, "No node has room for the function: lower spec.resources.requests, or add a node. "+room)), large,
		}, failedService("too-large", servingv1.RevisionConditionResourcesAvailable, corev1.ConditionUnknown, "Deploying", "")...)},
		crash("other-handler", 1, "Error", `cannot load handler "other.function": ModuleNotFoundError: No module named 'other'`, ""),
		{name: "no-account", objects: append(accountObjects, function("no-account", revisionFailed(noAccount)))},
		{name: "taken", objects: []runtime.Object{
			function("taken", func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.MarkServiceNotOwned("taken") }),
			&servingv1.Service{ObjectMeta: meta("taken", nil)},
		}},
		crash("exits", 1, "Error", `cannot load handler "main.handler": SystemExit: 3 (main.py, line 1)`, ""),
		crash("no-import", 1, "Error", `cannot load handler "main.handler": ModuleNotFoundError: No module named 'nothing_of_the_kind' (main.py, line 1)`,
			"Traceback (most recent call last):\n  File \"/lambda/function/main.py\", line 1, in <module>\n    import nothing_of_the_kind\n"+
				"ModuleNotFoundError: No module named 'nothing_of_the_kind'\n"),
		silentContainer("slow-start", "The container runs, and is still loading the function's code: what its modules do when they are loaded takes long.", ""),
	}
}

func imageFaults() []golden {
	return []golden{
		unresolved("no-image", "registry.invalid/none:latest", `Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid on 10.96.0.10:53: no such host`),
		unresolved("no-tag", "registry.example.com/servers:none",
			"GET https://registry.example.com/v2/servers/manifests/none: MANIFEST_UNKNOWN: manifest unknown"),
		silentContainer("wrong-port", "The container runs, and nothing in it listens at port 3000: set spec.source.image.port to where it does.",
			"2026-03-09T11:59:00Z listening on :5000\n"),
		hangs("no-command", "RunContainerError", `failed to create containerd task: exec: "/no-such-program": stat /no-such-program: no such file or directory`),
		crash("wrong-args", 2, "Error", `there is no server "nothing"`, "usage: servers registry|git|s3\nthere is no server \"nothing\"\n"),
	}
}

// TestMatrix holds that each function that the end-to-end tests have suffer is told of here.
func TestMatrix(t *testing.T) {
	files, err := filepath.Glob("../../../test/e2e/faults_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	named := regexp.MustCompile(`(?:s\.namespace, |from\(|image\(|dependent\()"([a-z-]+)"|archive\("([a-z]+)\.zip"`)
	told := faults()
	for _, file := range append(files, "../../../test/e2e/faults_test.go") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			name := match[1]
			if match[2] != "" {
				name = "bad-" + match[2]
			}
			if !slices.ContainsFunc(told, func(g golden) bool { return g.name == name }) {
				t.Errorf("%s has fault %q, which is not among faults()", file, name)
			}
		}
	}
}
