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
	"slices"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// others are what no end-to-end test has functions suffer from.
func others() []golden {
	return slices.Concat(sourcesRefused(), builds(), starts(), routes(), wellButs(), unseen(), eventings(), agents())
}

func sourcesRefused() []golden {
	refused := func(name, reason, message string) golden {
		return golden{name: name, objects: []runtime.Object{function(name, func(s *v1alpha1.LambdaFunctionStatus) { s.MarkSourceFailed(reason, message) })}}
	}
	return []golden{
		refused("source-invalid", v1alpha1.ReasonSourceInvalid, "spec.source.inline.code: is empty."),
		refused("no-such-version", v1alpha1.ReasonVersionNotOffered, `ConfigMap config-runtimes does not offer Python "2.7": it has 3.11, 3.12, 3.13.`),
		{name: "nowhere-to-push", objects: []runtime.Object{function("nowhere-to-push", func(s *v1alpha1.LambdaFunctionStatus) {
			s.MarkSourceReady()
			s.MarkBuildRegistryNotConfigured()
			s.MarkWaitingForBuild()
		})}},
	}
}

// started is a TaskRun whose pod is there, and has this container.
func started(name string, state corev1.ContainerState) []runtime.Object {
	p := &corev1.Pod{ObjectMeta: meta(taskRunName(name)+"-pod", nil)}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", LastTransitionTime: ago(2 * time.Minute)}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "step-fetch", State: state}}
	return []runtime.Object{p, taskRun(name, "Pending", "pod status \"Ready\":\"False\"", corev1.ConditionUnknown)}
}

func builds() []golden {
	waiting := func(name string, created time.Duration) *tektonv1.TaskRun {
		tr := taskRun(name, "Pending", "", corev1.ConditionUnknown)
		tr.Spec.Status, tr.Status, tr.CreationTimestamp = tektonv1.TaskRunSpecStatusPending, tektonv1.TaskRunStatus{}, ago(created)
		return tr
	}
	elsewhere := taskRun("other", "Running", "", corev1.ConditionUnknown)
	elsewhere.Namespace = "bakery"
	busy := []runtime.Object{function("queued", building("queued", v1alpha1.ReasonQueued, "Waiting for its turn: place 1 in the queue.")), waiting("queued", time.Minute), elsewhere}
	for _, name := range []string{"a", "b", "c"} {
		busy = append(busy, taskRun(name, "Running", "", corev1.ConditionUnknown))
	}
	long := function("builds-long", building("builds-long", v1alpha1.ReasonBuildRunning, `TaskRun "builds-long-0123456789" is building the image.`))
	hour := ago(time.Hour)
	long.Status.BuildStatus.StartedAt = &hour
	pending := func(name string) *v1alpha1.LambdaFunction {
		return function(name, building(name, v1alpha1.ReasonBuildPending, `The pod of TaskRun "`+name+`-0123456789" has not started.`))
	}
	refused := pending("build-refused")
	refused.Status.BuildStatus = nil
	gone := function("build-gone", buildFailed("build-gone", v1alpha1.ReasonBuildFailed, `Step "build" ended with exit code 1.`, "error building image: exit status 1\n"))
	lost := function("pod-lost", buildFailed("pod-lost", v1alpha1.ReasonBuildPodFailed, "The node was low on resource: memory.", ""))
	fresh := taskRun("build-new", "", "", corev1.ConditionUnknown)
	fresh.Status.Conditions, fresh.Status.PodName = nil, ""
	logged := taskRun("build-logged", "Failed", `"step-build" exited with code 1`, corev1.ConditionFalse, step("build", 1, "Error"))
	return []golden{
		{name: "queued", objects: busy},
		{name: "builds-long", objects: append(started("builds-long", runs()), long)},
		{name: "build-image", objects: append(started("build-image", waits("ImagePullBackOff", `Back-off pulling image "registry.example.com/fetch:1"`)), pending("build-image"))},
		{name: "build-mount", objects: append(started("build-mount", waits("PodInitializing", "")), pending("build-mount"),
			warningOf("Pod", "build-mount-0123456789-pod", "FailedMount", `MountVolume.SetUp failed for volume "plan": the API server timed out`))},
		{name: "build-refused", objects: []runtime.Object{
			refused, warningOf("LambdaFunction", "build-refused", "CreationFailed",
				`Failed to create TaskRun "build-refused-0123456789": admission webhook "policy.example.com" denied the request: no builds on Fridays`),
			warningOf("LambdaFunction", "other", "CreationFailed", "of another function"),
		}},
		{name: "build-new", objects: []runtime.Object{pending("build-new"), fresh}},
		{name: "build-gone", objects: []runtime.Object{gone}},
		{name: "build-logged", log: "\x1b[36mINFO\x1b[0m\terror building image: disk full\n", objects: []runtime.Object{
			function("build-logged", buildFailed("build-logged", v1alpha1.ReasonBuildFailed, `Step "build" ended with exit code 1.`, "")), logged,
			&corev1.Pod{ObjectMeta: meta("build-logged-0123456789-pod", nil)},
		}},
		{name: "pod-lost", objects: []runtime.Object{lost, taskRun("pod-lost", "Failed", "The node was low on resource: memory.", corev1.ConditionFalse)}},
	}
}

// starting are the objects of a function whose Revision is starting, with what else there is.
func starting(name string, more ...runtime.Object) golden {
	objects := append([]runtime.Object{
		function(name, func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.MarkDeploying() }),
	}, failedService(name, servingv1.RevisionConditionResourcesAvailable, corev1.ConditionUnknown, "Deploying", "")...)
	return golden{name: name, objects: append(objects, more...)}
}

func replicaSet(name string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: meta(name+"-00001-deployment-5d9", revisionLabels(name)), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.Int32(1)}}
}

// unmade is a function whose pod is not admitted.
func unmade(name, message string) golden {
	return starting(name, replicaSet(name), warningOf("ReplicaSet", name+"-00001-deployment-5d9", "FailedCreate", message))
}

func starts() []golden {
	evicted := pod("evicted")
	evicted.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: ephemeral-storage."}
	mount := pod("mount", container(0, waits("ContainerCreating", ""), nil))
	mount.Status.ContainerStatuses = mount.Status.ContainerStatuses[:1]
	older := warningOf("Pod", mount.Name, "Older", "long ago")
	older.LastTimestamp = ago(time.Hour)
	proxy := pod("proxy", container(0, runs(), nil))
	proxy.Status.ContainerStatuses[1].State = waits("ErrImagePull", `failed to pull image "registry.example.com/queue": 429 Too Many Requests`)
	initial := pod("initial", container(0, waits("PodInitializing", ""), nil))
	initial.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "migrate", RestartCount: 2, State: waits("CrashLoopBackOff", "back-off"), LastTerminationState: corev1.ContainerState{
		Terminated: ended(1, "OOMKilled", ""),
	}}}
	taint := pod("tainted")
	taint.Status = corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.",
	}}}
	stuck := golden{name: "stuck", objects: append([]runtime.Object{function("stuck", revisionFailed("Initial scale was never achieved"))},
		failedService("stuck", servingv1.RevisionConditionResourcesAvailable, corev1.ConditionFalse, "ProgressDeadlineExceeded", "Initial scale was never achieved")...)}
	return []golden{
		starting("starting"),
		unmade("no-quota", `pods "no-quota-1" is forbidden: exceeded quota: team, requested: limits.memory=512Mi, used: limits.memory=1Gi, limited: limits.memory=1Gi`),
		unmade("limit-range", `pods "limit-range-1" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi`),
		unmade("pod-security", `pods "pod-security-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`),
		unmade("webhook-down", `Internal error occurred: failed calling webhook "sidecars.example.com": Post "https://sidecars.mesh.svc:443/": no endpoints available`),
		starting("evicted", evicted),
		starting("mount", mount, older, warningOf("Pod", mount.Name, "FailedMount", `MountVolume.SetUp failed for volume "settings": secret "settings" not found`)),
		starting("proxy", proxy),
		starting("initial", initial),
		starting("tainted", taint),
		hangs("private-image", "ImagePullBackOff", `Back-off pulling image "registry.example.com/private:1": pull access denied, repository does not exist or may require authorization`),
		hangs("no-key", "CreateContainerConfigError", "couldn't find key a in ConfigMap shop/variables"),
		hangs("as-root", "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
		hangs("odd-name", "InvalidImageName", `Failed to apply default image tag "Registry/A": couldn't parse image name`),
		stuck,
		crash("no-words", 137, "OOMKilled", "", ""),
		crash("orders", 1, "Error", `cannot load handler "main.handler": ModuleNotFoundError: No module named 'stripe' (main.py, line 3)`,
			"{\"level\":\"info\",\"message\":\"starting\"}\n{\"level\":\"error\",\"message\":\"cannot load handler \\\"main.handler\\\"\"}\n"),
		crash("node-module", 1, "Error", `cannot load handler "index.handler": Error: Cannot find package 'stripe' (index.mjs, line 2)`, ""),
	}
}

func routes() []golden {
	routed := func(name, reason, message string, c apis.Condition) golden {
		r := &servingv1.Route{ObjectMeta: meta(name, nil)}
		r.Status.Conditions = duckv1.Conditions{c}
		service := knativeService(name, condition(servingv1.ServiceConditionRoutesReady, corev1.ConditionFalse, reason, message))
		return golden{name: name, objects: []runtime.Object{
			function(name, func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.PropagateService(service, true) }), service, r,
		}}
	}
	refused := function("refused", func(s *v1alpha1.LambdaFunctionStatus) {
		built(s)
		s.MarkServiceRefused(`failed to create Knative Service "refused": admission webhook "validation.webhook.serving.knative.dev" denied the request: invalid value: 99999: spec.template.spec.timeoutSeconds`)
	})
	none := function("no-service", func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.MarkDeploying() })
	failedConfiguration := &servingv1.Configuration{ObjectMeta: meta("of-two-minds", nil)}
	failedConfiguration.Status.Conditions = duckv1.Conditions{condition(apis.ConditionReady, corev1.ConditionFalse, "RevisionFailed", "Revision \"of-two-minds-00001\" failed.")}
	lost := knativeService("no-revision", condition(servingv1.ServiceConditionConfigurationsReady, corev1.ConditionFalse, "RevisionMissing", `Revision "no-revision-00001" is gone.`))
	foreign := ready(knativeService("foreign", apis.Condition{}))
	foreign.OwnerReferences = []metav1.OwnerReference{{Kind: "Application", Name: "portal", Controller: ptr.Bool(true)}}
	return []golden{
		routed("no-ingress", "IngressNotConfigured", "Ingress has not yet been reconciled.",
			condition(servingv1.RouteConditionIngressReady, corev1.ConditionFalse, "IngressNotConfigured", "Ingress has not yet been reconciled.")),
		routed("no-target", "RevisionMissing", `Revision "no-target-00009" referenced in traffic not found.`,
			condition(servingv1.RouteConditionAllTrafficAssigned, corev1.ConditionFalse, "RevisionMissing", `Revision "no-target-00009" referenced in traffic not found.`)),
		{name: "refused", objects: []runtime.Object{refused}},
		{name: "no-service", objects: []runtime.Object{none, warningOf("LambdaFunction", "no-service", "InternalError", "failed to create Knative Service: etcdserver: request timed out")}},
		{name: "of-two-minds", objects: []runtime.Object{
			function("of-two-minds", func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.MarkDeploying() }),
			knativeService("of-two-minds", condition(servingv1.ServiceConditionConfigurationsReady, corev1.ConditionUnknown, "OutOfDate", "The Configuration is still working.")),
			failedConfiguration,
		}},
		{name: "no-revision", objects: []runtime.Object{
			function("no-revision", revisionFailed(`Revision "no-revision-00001" is gone.`)), lost,
		}},
		{name: "foreign", objects: []runtime.Object{function("foreign", func(s *v1alpha1.LambdaFunctionStatus) { built(s); s.MarkServiceNotOwned("foreign") }), foreign}},
	}
}

// wellButs are functions that are ready, or serve what they did before.
func wellButs() []golden {
	well := func(name string, more ...runtime.Object) golden {
		return golden{name: name, objects: append([]runtime.Object{function(name, served), ready(knativeService(name, apis.Condition{}))}, more...)}
	}
	restarted := pod("restarts", container(3, runs(), ended(137, "OOMKilled", "")))
	restarted.Status.Conditions[0].Status = corev1.ConditionTrue
	fine := pod("ready", container(0, runs(), nil))
	fine.Status.Conditions[0].Status = corev1.ConditionTrue
	longAgo := fine.DeepCopy()
	longAgo.Name, longAgo.Status.ContainerStatuses[0].RestartCount = "longAgo", 1
	longAgo.Status.ContainerStatuses[0].LastTerminationState.Terminated = ended(1, "Error", "")
	longAgo.Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt = ago(2 * time.Hour)
	cold := pod("cold-start", container(0, runs(), nil))
	leaving := pod("ready", container(2, waits("CrashLoopBackOff", ""), nil))
	leaving.Name, leaving.DeletionTimestamp, leaving.Finalizers = "leaving", &metav1.Time{Time: now}, []string{"example.com/wait"}
	split := ready(knativeService("split", apis.Condition{}))
	split.Status.Traffic = []servingv1.TrafficTarget{{RevisionName: "split-00000", Percent: ptr.Int64(80)}, {RevisionName: "split-00001", Percent: ptr.Int64(20)}}
	back := ready(knativeService("rolled-back", apis.Condition{}))
	back.Annotations = map[string]string{lambda.RollbackAnnotationKey: "rolled-back-00000"}
	back.Status.Traffic = []servingv1.TrafficTarget{{RevisionName: "rolled-back-00000", Percent: ptr.Int64(100)}}
	edited := function("still-serves", begun("still-serves"), func(s *v1alpha1.LambdaFunctionStatus) {
		s.PropagateService(ready(knativeService("still-serves", apis.Condition{})), false)
		s.MarkBuildFailed(v1alpha1.ReasonCompileFailed, "The code does not compile. The log says: main.go:3:1: syntax error")
	})
	return []golden{
		well("ready", fine, leaving, longAgo),
		well("cold-start", cold, warningOf("Pod", cold.Name, "Unhealthy", "Readiness probe failed")),
		well("restarts", restarted),
		well("full", deployment("full", appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate", `pods "full-2" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5`)),
		{name: "split", objects: []runtime.Object{function("split", served), split}},
		{name: "rolled-back", objects: []runtime.Object{function("rolled-back", built, func(s *v1alpha1.LambdaFunctionStatus) { s.PropagateService(back, true) }), back}},
		{name: "still-serves", objects: []runtime.Object{edited, ready(knativeService("still-serves", apis.Condition{}))}},
	}
}

// unseen are functions that the operator has not looked at, or that are going away.
func unseen() []golden {
	operator := deployment("operator", appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
	operator.Name, operator.Namespace = operatorName, operatorNamespace
	well := operator.DeepCopy()
	well.Status.Conditions = nil
	unobserved := func(name string) *v1alpha1.LambdaFunction {
		return changed(function(name, served), func(fn *v1alpha1.LambdaFunction) {
			second, edit := ago(10*time.Second), ago(5*time.Minute)
			fn.Generation = 2
			fn.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &edit}, {Manager: "controller", Subresource: "status", Time: &second}}
		})
	}
	created := changed(function("created"), func(fn *v1alpha1.LambdaFunction) {
		fn.Status, fn.CreationTimestamp = v1alpha1.LambdaFunctionStatus{}, ago(3*time.Second)
	})
	deleting := changed(function("deleting", served), func(fn *v1alpha1.LambdaFunction) {
		at := ago(2 * time.Minute)
		fn.DeletionTimestamp, fn.Finalizers = &at, []string{"example.com/backup"}
	})
	return []golden{
		{name: "operator-down", objects: []runtime.Object{unobserved("operator-down"), operator, ready(knativeService("operator-down", apis.Condition{}))}},
		{name: "operator-gone", objects: []runtime.Object{unobserved("operator-gone")}},
		{name: "created", objects: []runtime.Object{created, well}},
		{name: "deleting", objects: []runtime.Object{deleting}},
	}
}
