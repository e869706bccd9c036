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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/kmeta"
)

// LambdaFunction is a function that is built from its source into an image and served by a Knative Service of the
// same name, which scales to zero when nobody calls it.
//
// +genclient
// +genreconciler
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type LambdaFunction struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the user wants.
	Spec LambdaFunctionSpec `json:"spec,omitempty"`

	// status is what the controller found.
	// +optional
	Status LambdaFunctionStatus `json:"status,omitempty"`
}

var (
	_ apis.Validatable   = (*LambdaFunction)(nil)
	_ apis.Defaultable   = (*LambdaFunction)(nil)
	_ apis.HasSpec       = (*LambdaFunction)(nil)
	_ kmeta.OwnerRefable = (*LambdaFunction)(nil)
	_ duckv1.KRShaped    = (*LambdaFunction)(nil)
)

// LambdaFunctionList is a list of LambdaFunctions.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type LambdaFunctionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []LambdaFunction `json:"items"`
}

// LambdaFunctionSpec is the desired state of a LambdaFunction.
type LambdaFunctionSpec struct {
	// source is where the function's code comes from.
	Source SourceSpec `json:"source"`

	// runtime is the language, its version and the handler. Required, but for source.type image.
	// +optional
	Runtime RuntimeSpec `json:"runtime,omitzero"`

	// scaling says how many instances may serve, and how busy each one may be.
	// +optional
	Scaling ScalingSpec `json:"scaling,omitempty"`

	// resources are the compute resources of one instance. Where a limit is given without a request, the request is
	// the smaller of the default (cpu 50m, memory 64Mi) and the limit.
	// +optional
	Resources ResourcesSpec `json:"resources,omitempty"`

	// env are environment variables of the function. They win over the variables that the runtime sets itself.
	// +optional
	Env []corev1.EnvVar `json:"env,omitempty"`

	// envFrom takes environment variables from ConfigMaps and Secrets of the function's namespace.
	// +optional
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// serviceAccountName is the ServiceAccount the function runs as. Without it the function has no token of the
	// Kubernetes API.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullPolicy of the function's image: Always, IfNotPresent or Never. Images are deployed by digest, so that
	// the cluster's default fits.
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// timeoutSeconds is the longest a call may take, from 1 to the cluster's max-revision-timeout-seconds
	// (600 unless changed). Default 300.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// build says how the image is built, and where it is pushed. Without effect when source.type is image.
	// +optional
	Build BuildSpec `json:"build,omitempty"`

	// eventing says which events reach the function, and what becomes of those it fails on. Absent: where Knative Eventing
	// is installed, events that have the function's name as their subject.
	// +optional
	Eventing *EventingSpec `json:"eventing,omitempty"`

	// triggers have further events sent to the function, whatever their subject is.
	// +optional
	Triggers []TriggerSpec `json:"triggers,omitempty"`

	// observability says what the function tells of itself, and to whom. It becomes variables of the function, such as
	// OTEL_EXPORTER_OTLP_ENDPOINT; those of env win.
	// +optional
	Observability *ObservabilitySpec `json:"observability,omitempty"`
}

// Language of a function.
type Language string

// The languages. ConfigMap config-runtimes says which of them, and which of their versions, are on offer.
const (
	// LanguagePython is Python 3.
	LanguagePython Language = "python"
	// LanguageNodeJS is JavaScript on Node.js.
	LanguageNodeJS Language = "nodejs"
	// LanguageGo is Go.
	LanguageGo Language = "go"
)

// ResponseMode says what a caller gets for what the handler returned.
// +kubebuilder:validation:Enum=raw;envelope
type ResponseMode string

const (
	// ResponseRaw answers with what the handler returned.
	ResponseRaw ResponseMode = "raw"
	// ResponseEnvelope wraps what the handler returned in a JSON object that tells of the invocation too.
	ResponseEnvelope ResponseMode = "envelope"
)

// RuntimeSpec is the language, its version and the handler. For source.type image it says nothing: it is accepted
// there because older manifests could not leave it out.
type RuntimeSpec struct {
	// language of the code: python (or python3, py), nodejs (or node, js, javascript) or go (or golang), where ConfigMap
	// config-runtimes offers it.
	// +optional
	Language Language `json:"language,omitempty"`

	// version of the language, for example "3.13". Default: what ConfigMap config-runtimes names as the default of
	// the language. That ConfigMap lists all versions on offer.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Version string `json:"version,omitempty"`

	// handler is what is called: module.function, or function alone for one in the main file (main.py, index.js, package
	// main); dots in the module are folders. For Python also module:app, an application of ASGI or WSGI. Default
	// main.handler for Python, index.handler for Node.js, main.Handler for Go.
	// +optional
	Handler string `json:"handler,omitempty"`

	// response is raw (default: the caller gets what the handler returned) or envelope (wrapped in a JSON object with
	// functionName, namespace, invocationId, correlationId, result and metrics).
	// +optional
	Response ResponseMode `json:"response,omitempty"`
}

// ScalingSpec says how many instances may serve, and how busy each one may be.
type ScalingSpec struct {
	// minReplicas is the number of instances that are always there. Default 0: scale to zero.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the largest number of instances; 0 is no limit. Default 50 for functions, 10 for agents.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// containerConcurrency is the number of calls one instance may work on at once, enforced; 0 is no limit, and
	// the default.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	ContainerConcurrency *int64 `json:"containerConcurrency,omitempty"`

	// targetConcurrency is the number of calls at once per instance that the autoscaler aims at. Default 10, or
	// containerConcurrency where that is smaller and not 0.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	TargetConcurrency *int32 `json:"targetConcurrency,omitempty"`

	// scaleToZeroGracePeriod is how long the last instance is kept after the autoscaler decided on zero, from 0s to
	// 1h. Default 30s.
	// +optional
	ScaleToZeroGracePeriod *metav1.Duration `json:"scaleToZeroGracePeriod,omitempty"`
}

// ResourcesSpec are the compute resources of one instance.
type ResourcesSpec struct {
	// requests is what is set aside: cpu (default 50m) and memory (default 64Mi).
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`

	// limits is the most one instance gets: cpu (default 1) and memory (default 512Mi).
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
}

// RegistryType says how a registry is spoken to, and what its Secret holds.
// +kubebuilder:validation:Enum=local;ecr;gcr;ghcr;dockerhub;generic
type RegistryType string

// The types of registries.
const (
	// RegistryTypeLocal is a registry without a login, as on a laptop. A Secret that is named all the same is for others:
	// those that base images come from.
	RegistryTypeLocal RegistryType = "local"
	// RegistryTypeECR is Amazon's: the identity of the build's ServiceAccount or node, or a Secret with AWS_ACCESS_KEY_ID
	// and AWS_SECRET_ACCESS_KEY.
	RegistryTypeECR RegistryType = "ecr"
	// RegistryTypeGCR is Google's: the identity of the build's ServiceAccount or node, or a Secret with key.json.
	RegistryTypeGCR RegistryType = "gcr"
	// RegistryTypeGHCR is GitHub's, with a Secret of type kubernetes.io/dockerconfigjson.
	RegistryTypeGHCR RegistryType = "ghcr"
	// RegistryTypeDockerHub is docker.io, with a Secret of type kubernetes.io/dockerconfigjson.
	RegistryTypeDockerHub RegistryType = "dockerhub"
	// RegistryTypeGeneric is any other, with a Secret of type kubernetes.io/dockerconfigjson.
	RegistryTypeGeneric RegistryType = "generic"
)

// BuildSpec says how the image is built, and where it is pushed.
type BuildSpec struct {
	// timeout of one build, from 1m to 24h. Default: timeout of ConfigMap config-build, 30m unless changed.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// registry the image is pushed to, a host with or without a path, for example "ghcr.io/acme". Default: registry
	// of ConfigMap config-build.
	// +optional
	Registry string `json:"registry,omitempty"`

	// registryType says what kind of credentials the registry takes: local (none), ecr, gcr, ghcr, dockerhub or generic.
	// Default: that of the registry's host (Amazon's, Google's, ghcr.io, docker.io), else generic.
	// +optional
	RegistryType RegistryType `json:"registryType,omitempty"`

	// repository of the image within the registry. Default: <namespace>/<name>; on Docker Hub, whose repositories have no
	// further path, <namespace>__<name>.
	// +optional
	Repository string `json:"repository,omitempty"`

	// tag the image is pushed with. Default: the first twelve digits of the build key.
	// +optional
	Tag string `json:"tag,omitempty"`

	// imagePullSecret is the name of a Secret in the function's namespace that the image is pushed and pulled with:
	// .dockerconfigjson, and what registryType takes beside it; ca.crt where the registry's certificate is of a private
	// authority. Default: registry-secret of ConfigMap config-build.
	// +optional
	ImagePullSecret string `json:"imagePullSecret,omitempty"`

	// awsRegion is the region that the build asks Amazon's services in, for a registry of type ecr. Default: what the
	// registry's host says.
	// +optional
	AWSRegion string `json:"awsRegion,omitempty"`

	// insecure is true where registry speaks plain http.
	// +optional
	Insecure bool `json:"insecure,omitempty"`

	// forceRebuild builds anew at every change of the spec, also of what does not go into the image.
	// +optional
	ForceRebuild bool `json:"forceRebuild,omitempty"`

	// retries is how often a build that failed for a cause that may pass, such as a registry that does not answer, is
	// tried again: 0 to 10. Default 0.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Retries *int32 `json:"retries,omitempty"`
}

// LambdaFunctionStatus is what the controller found.
type LambdaFunctionStatus struct {
	// Conditions: Ready, and what it is made of: SourceReady, BuildReady, DeployReady, ServiceReady and, for functions that
	// have spec.eventing or spec.triggers, EventingReady.
	duckv1.Status `json:",inline"`

	// Address is where events and calls are sent to within the cluster.
	// +optional
	duckv1.AddressStatus `json:",inline"`

	// url is where the function is called.
	// +optional
	URL *apis.URL `json:"url,omitempty"`

	// phase is a summary of the conditions, for people: Pending, Building, Deploying, Ready, Failed or Deleting.
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// buildStatus tells of the build of the present spec.
	// +optional
	BuildStatus *BuildStatus `json:"buildStatus,omitempty"`

	// serviceStatus tells of the Knative Service.
	// +optional
	ServiceStatus *ServiceStatus `json:"serviceStatus,omitempty"`

	// eventingStatus tells of the Broker, the Triggers and the sources. Absent for a function that has none.
	// +optional
	EventingStatus *EventingStatus `json:"eventingStatus,omitempty"`
}

// Phase is a summary of the conditions, for people. It is derived from them and never read back.
type Phase string

// The phases. A LambdaAgent is never Building.
const (
	PhasePending   Phase = "Pending"
	PhaseBuilding  Phase = "Building"
	PhaseDeploying Phase = "Deploying"
	PhaseReady     Phase = "Ready"
	PhaseFailed    Phase = "Failed"
	PhaseDeleting  Phase = "Deleting"
)

// BuildStatus tells of the build of the present spec.
type BuildStatus struct {
	// jobName is the name of the TaskRun.
	// +optional
	JobName string `json:"jobName,omitempty"`

	// key is the build key: a SHA-256 of all that goes into the image. The same key is never built twice.
	// +optional
	Key string `json:"key,omitempty"`

	// rebuild is the value of annotation lambda.knative.io/rebuild that the build was made for.
	// +optional
	Rebuild string `json:"rebuild,omitempty"`

	// imageURI is the image that was built, by digest, at the address that nodes pull it from.
	// +optional
	ImageURI string `json:"imageURI,omitempty"`

	// sourceRevision is what was built: the commit, the version of the object, the digest of the artifact, or for an
	// inline source the SHA-256 of its files.
	// +optional
	SourceRevision string `json:"sourceRevision,omitempty"`

	// startedAt is when the build began.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// completedAt is when the build ended, well or not.
	// +optional
	CompletedAt *metav1.Time `json:"completedAt,omitempty"`

	// reason is the cause of a failed build, as in the condition BuildReady.
	// +optional
	Reason string `json:"reason,omitempty"`

	// error is the message of a failed build, as in the condition BuildReady.
	// +optional
	Error string `json:"error,omitempty"`

	// attempt is the number of the try that jobName is, counted from 1.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// logTail is the end of the failed step's log, 2 KiB at most, with secrets masked.
	// +optional
	LogTail string `json:"logTail,omitempty"`
}

// ServiceStatus tells of the Knative Service.
type ServiceStatus struct {
	// serviceName is the name of the Knative Service, which is that of the function or agent.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`

	// url is where the Knative Service is called.
	// +optional
	URL string `json:"url,omitempty"`

	// ready is true while the Knative Service is.
	Ready bool `json:"ready"`

	// replicas is the number of instances that were there when the status was last written.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// latestRevision is the newest Revision that became ready.
	// +optional
	LatestRevision string `json:"latestRevision,omitempty"`
}

// GetGroupVersionKind implements kmeta.OwnerRefable.
func (*LambdaFunction) GetGroupVersionKind() schema.GroupVersionKind {
	return SchemeGroupVersion.WithKind("LambdaFunction")
}

// EventingEnabled is true for a function that gets the events which are addressed to it: all but those that say no.
func (fn *LambdaFunction) EventingEnabled() bool {
	e := fn.Spec.Eventing
	return e == nil || e.Enabled == nil || *e.Enabled
}

// EventingAsked is true for a function whose author asks for events, so that it is not ready without them.
func (fn *LambdaFunction) EventingAsked() bool {
	return fn.Spec.Eventing != nil && fn.EventingEnabled() || len(fn.Spec.Triggers) > 0
}

// GetUntypedSpec implements apis.HasSpec.
func (fn *LambdaFunction) GetUntypedSpec() any {
	return fn.Spec
}

// GetStatus implements duckv1.KRShaped.
func (fn *LambdaFunction) GetStatus() *duckv1.Status {
	return &fn.Status.Status
}
