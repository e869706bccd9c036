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

	// runtime is the language, its version and the handler.
	Runtime RuntimeSpec `json:"runtime"`

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
	// +kubebuilder:validation:Minimum=1
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// build says how the image is built, and where it is pushed.
	// +optional
	Build BuildSpec `json:"build,omitempty"`
}

// SourceType says which of the fields of SourceSpec holds the source.
// +kubebuilder:validation:Enum=inline
type SourceType string

const (
	// SourceTypeInline takes the code from the LambdaFunction itself.
	SourceTypeInline SourceType = "inline"
)

// SourceSpec is where the function's code comes from.
type SourceSpec struct {
	// type of the source: inline.
	Type SourceType `json:"type"`

	// inline is the code itself. Required when type is inline.
	// +optional
	Inline *InlineSource `json:"inline,omitempty"`
}

// InlineSource is code within the LambdaFunction, 512 KiB at most in all.
type InlineSource struct {
	// code is the text of the function's main file (main.py for Python).
	// +optional
	Code string `json:"code,omitempty"`

	// dependencies are what the code imports from elsewhere: the text of a requirements.txt, or a JSON object of
	// names and versions, such as {"requests": "2.32.3"}.
	// +optional
	Dependencies string `json:"dependencies,omitempty"`

	// files are further files, from path to text. Paths are relative, with / between folders.
	// +optional
	Files map[string]string `json:"files,omitempty"`
}

// Language of a function.
type Language string

const (
	// LanguagePython is Python 3.
	LanguagePython Language = "python"
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

// RuntimeSpec is the language, its version and the handler.
type RuntimeSpec struct {
	// language of the code: python (or its alias python3).
	Language Language `json:"language"`

	// version of the language, for example "3.13". Default: what ConfigMap config-runtimes names as the default of
	// the language. That ConfigMap lists all versions on offer.
	// +optional
	Version string `json:"version,omitempty"`

	// handler is what is called: module.function, or function alone for one in the main file. Default main.handler.
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
	// +kubebuilder:validation:Minimum=0
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the largest number of instances; 0 is no limit. Default 50.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// containerConcurrency is the number of calls one instance may work on at once, enforced; 0 is no limit, and
	// the default.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	ContainerConcurrency *int64 `json:"containerConcurrency,omitempty"`

	// targetConcurrency is the number of calls at once per instance that the autoscaler aims at. Default 10, or
	// containerConcurrency where that is smaller and not 0.
	// +optional
	// +kubebuilder:validation:Minimum=1
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

// BuildSpec says how the image is built, and where it is pushed.
type BuildSpec struct {
	// timeout of one build, from 1m to 24h. Default: timeout of ConfigMap config-build, 30m unless changed.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// registry the image is pushed to, a host with or without a path, for example "ghcr.io/acme". Default: registry
	// of ConfigMap config-build. The image is <registry>/<namespace>/<name>.
	// +optional
	Registry string `json:"registry,omitempty"`

	// insecure is true where registry speaks plain http.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
}

// LambdaFunctionStatus is what the controller found.
type LambdaFunctionStatus struct {
	// Conditions: Ready, and what it is made of: SourceReady, BuildReady, DeployReady, ServiceReady.
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
}

// Phase is a summary of the conditions, for people. It is derived from them and never read back.
type Phase string

// The phases of a LambdaFunction.
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

	// imageURI is the image that was built, by digest.
	// +optional
	ImageURI string `json:"imageURI,omitempty"`

	// sourceRevision is what was built: for an inline source the SHA-256 of its files.
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
}

// ServiceStatus tells of the Knative Service.
type ServiceStatus struct {
	// serviceName is the name of the Knative Service, which is the function's name.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`

	// url is where the Knative Service is called.
	// +optional
	URL string `json:"url,omitempty"`

	// ready is true while the Knative Service is.
	Ready bool `json:"ready"`

	// latestRevision is the newest Revision that became ready.
	// +optional
	LatestRevision string `json:"latestRevision,omitempty"`
}

// GetGroupVersionKind implements kmeta.OwnerRefable.
func (*LambdaFunction) GetGroupVersionKind() schema.GroupVersionKind {
	return SchemeGroupVersion.WithKind("LambdaFunction")
}

// GetUntypedSpec implements apis.HasSpec.
func (fn *LambdaFunction) GetUntypedSpec() any {
	return fn.Spec
}

// GetStatus implements duckv1.KRShaped.
func (fn *LambdaFunction) GetStatus() *duckv1.Status {
	return &fn.Status.Status
}
