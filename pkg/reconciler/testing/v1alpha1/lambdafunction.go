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

package v1alpha1

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// DefaultCode is the code of functions that no option gives another.
const DefaultCode = "def handler(event):\n    return event\n"

// FunctionOption changes a LambdaFunction.
type FunctionOption func(*v1alpha1.LambdaFunction)

// LambdaFunction returns a function of inline Python with its defaults, as the API server has it after admission.
func LambdaFunction(name, namespace string, options ...FunctionOption) *v1alpha1.LambdaFunction {
	fn := &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{
			Name:       name,
			Namespace:  namespace,
			UID:        types.UID(name + "-uid"),
			Generation: 1,
		},
		Spec: v1alpha1.LambdaFunctionSpec{
			Source:  v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline, Inline: &v1alpha1.InlineSource{Code: DefaultCode}},
			Runtime: v1alpha1.RuntimeSpec{Language: v1alpha1.LanguagePython},
		},
	}
	for _, option := range options {
		option(fn)
	}
	fn.SetDefaults(context.Background())
	return fn
}

// WithGeneration sets the generation of the spec.
func WithGeneration(generation int64) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Generation = generation }
}

// WithFunctionLabel sets a label.
func WithFunctionLabel(key, value string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { metav1.SetMetaDataLabel(&fn.ObjectMeta, key, value) }
}

// WithFunctionAnnotation sets an annotation.
func WithFunctionAnnotation(key, value string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { metav1.SetMetaDataAnnotation(&fn.ObjectMeta, key, value) }
}

// WithRebuild sets the annotation that asks for another build.
func WithRebuild(token string) FunctionOption {
	return WithFunctionAnnotation(lambda.RebuildAnnotationKey, token)
}

// WithFunctionDeleted makes the function one that is being deleted and waits for a finalizer.
func WithFunctionDeleted(fn *v1alpha1.LambdaFunction) {
	fn.DeletionTimestamp = &metav1.Time{Time: time.Unix(1e9, 0)}
	fn.Finalizers = []string{"example.com/wait"}
}

// WithCode sets the text of the main file.
func WithCode(code string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Code = code }
}

// WithDependencies sets what is installed.
func WithDependencies(dependencies string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Dependencies = dependencies }
}

// WithFile adds a file.
func WithFile(path, text string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		if fn.Spec.Source.Inline.Files == nil {
			fn.Spec.Source.Inline.Files = map[string]string{}
		}
		fn.Spec.Source.Inline.Files[path] = text
	}
}

// WithoutSource removes the code, as no admission would let it through.
func WithoutSource(fn *v1alpha1.LambdaFunction) {
	fn.Spec.Source.Inline = nil
}

// WithSource sets the whole source.
func WithSource(source v1alpha1.SourceSpec) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source = source }
}

// WithBuild sets how the image is built, and where it is pushed.
func WithBuild(build v1alpha1.BuildSpec) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build = build }
}

// WithNothingToBuild marks the source and the build of an image that was there already.
func WithNothingToBuild(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkNothingToBuild()
}

// WithVersion sets the version of the language.
func WithVersion(version string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Version = version }
}

// WithHandler sets what is called.
func WithHandler(handler string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Handler = handler }
}

// WithResponse sets what a caller gets.
func WithResponse(response v1alpha1.ResponseMode) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Response = response }
}

// WithReplicas sets the least and the largest number of instances.
func WithReplicas(least, most int32) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(least), ptr.Int32(most)
	}
}

// WithContainerConcurrency sets the number of calls that one instance may work on.
func WithContainerConcurrency(calls int64) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(calls) }
}

// WithScaleToZeroGracePeriod sets how long the last instance is kept.
func WithScaleToZeroGracePeriod(period time.Duration) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{Duration: period}
	}
}

// WithResources sets the compute resources of one instance.
func WithResources(requests, limits corev1.ResourceList) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Resources = v1alpha1.ResourcesSpec{Requests: requests, Limits: limits}
	}
}

// WithEnv adds an environment variable.
func WithEnv(name, value string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Env = append(fn.Spec.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

// WithEnvFromSecret takes environment variables from a Secret.
func WithEnvFromSecret(name string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.EnvFrom = append(fn.Spec.EnvFrom, corev1.EnvFromSource{
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
		})
	}
}

// WithServiceAccount sets the account that the function runs as.
func WithServiceAccount(name string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.ServiceAccountName = name }
}

// WithPullPolicy sets when the image is pulled.
func WithPullPolicy(policy corev1.PullPolicy) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.ImagePullPolicy = policy }
}

// WithTimeoutSeconds sets the longest that a call may take.
func WithTimeoutSeconds(seconds int64) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.TimeoutSeconds = ptr.Int64(seconds) }
}

// WithBuildTimeout sets the longest that a build may take.
func WithBuildTimeout(timeout time.Duration) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build.Timeout = &metav1.Duration{Duration: timeout} }
}

// WithRegistry sets where the image is pushed.
func WithRegistry(registry string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build.Registry = registry }
}

// WithInsecureRegistry sets where the image is pushed, in plain http.
func WithInsecureRegistry(registry string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Build.Registry, fn.Spec.Build.Insecure = registry, true
	}
}

// WithObserved sets the generation that the status speaks of, and conditions that nobody has set yet to Unknown. Of
// EventingReady it says what holds in a cluster without Knative Eventing.
func WithObserved(generation int64) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Status.ObservedGeneration = generation
		fn.Status.InitializeConditions()
		if fn.Status.GetCondition(v1alpha1.ConditionEventingReady) == nil {
			fn.Status.MarkEventing(false, corev1.ConditionTrue, v1alpha1.ReasonEventingNotInstalled,
				"Knative Eventing is not installed: the function gets no events.")
		}
	}
}

// WithEventing sets what the function wants of Knative Eventing.
func WithEventing(spec v1alpha1.EventingSpec) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Spec.Eventing = &spec }
}

// WithTrigger adds one of spec.triggers.
func WithTrigger(broker string, filter map[string]string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Triggers = append(fn.Spec.Triggers, v1alpha1.TriggerSpec{Broker: broker, Filter: filter})
	}
}

// WithEventingMarked marks EventingReady, as it counts for the function.
func WithEventingMarked(status corev1.ConditionStatus, reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkEventing(fn.EventingAsked(), status, reason, message) }
}

// WithEventingStatus sets what the status says of Brokers, Triggers and sources.
func WithEventingStatus(status v1alpha1.EventingStatus) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.EventingStatus = &status }
}

// WithPhase sets the phase.
func WithPhase(phase v1alpha1.Phase) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.Phase = phase }
}

// WithBuildStatus sets what the status says of the build.
func WithBuildStatus(build v1alpha1.BuildStatus) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.BuildStatus = &build }
}

// WithSourceReady marks the source.
func WithSourceReady(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkSourceReady()
}

// WithSourceFailed marks the source.
func WithSourceFailed(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkSourceFailed(reason, message) }
}

// WithRegistryNotConfigured marks the build.
func WithRegistryNotConfigured(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkBuildRegistryNotConfigured()
}

// WithBuildNotOwned marks the build.
func WithBuildNotOwned(kind, name string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkBuildNotOwned(kind, name) }
}

// WithBuildRunning marks the build.
func WithBuildRunning(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkBuildRunning(reason, message) }
}

// WithBuildFailed marks the build.
func WithBuildFailed(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkBuildFailed(reason, message) }
}

// WithBuildReady marks the build.
func WithBuildReady(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkBuildReady()
}

// WithWaitingForBuild marks the deployment.
func WithWaitingForBuild(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkWaitingForBuild()
}

// WithServiceNotOwned marks the deployment.
func WithServiceNotOwned(name string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkServiceNotOwned(name) }
}

// WithServiceRefused marks the deployment.
func WithServiceRefused(message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkServiceRefused(message) }
}

// WithRevisionFailed marks the deployment.
func WithRevisionFailed(message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkRevisionFailed(message) }
}

// WithRevisionHindered marks the deployment.
func WithRevisionHindered(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.MarkRevisionHindered(reason, message) }
}

// WithDeploying marks the deployment.
func WithDeploying(fn *v1alpha1.LambdaFunction) {
	fn.Status.MarkDeploying()
}

// WithService marks the deployment by what the Knative Service says; deployed is true where it has the image of the
// present spec.
func WithService(service *servingv1.Service, deployed bool) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.PropagateService(service, deployed) }
}

// WithObservability says what the function tells of itself.
func WithObservability(o v1alpha1.ObservabilitySpec) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Observability = &o
	}
}
