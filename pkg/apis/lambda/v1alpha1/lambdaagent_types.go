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
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// LambdaAgent is an AI agent: an image that is there already, its model, and the events that reach it. It is served by a
// Knative Service of the same name, which scales to zero when nobody calls it.
//
// +genclient
// +genreconciler
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type LambdaAgent struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the user wants.
	Spec LambdaAgentSpec `json:"spec,omitempty"`

	// status is what the controller found.
	// +optional
	Status LambdaAgentStatus `json:"status,omitempty"`
}

var (
	_ apis.Validatable   = (*LambdaAgent)(nil)
	_ apis.Defaultable   = (*LambdaAgent)(nil)
	_ apis.HasSpec       = (*LambdaAgent)(nil)
	_ kmeta.OwnerRefable = (*LambdaAgent)(nil)
	_ duckv1.KRShaped    = (*LambdaAgent)(nil)
)

// LambdaAgentList is a list of LambdaAgents.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type LambdaAgentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []LambdaAgent `json:"items"`
}

// LambdaAgentSpec is the desired state of a LambdaAgent.
type LambdaAgentSpec struct {
	// image is the agent's program, a server of HTTP.
	Image ImageSource `json:"image"`

	// serviceAccountName is the ServiceAccount the agent runs as. Without it the agent has no token of the Kubernetes API, and
	// permissions hold for the ServiceAccount default.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// ai is the model that the agent asks. Absent: none.
	// +optional
	AI *AISpec `json:"ai,omitempty"`

	// behavior says how the agent talks. It becomes variables of the agent; those of env win.
	// +optional
	Behavior BehaviorSpec `json:"behavior,omitempty"`

	// memory says what the agent remembers, and where. It is kept as it is given, and the agent has it as JSON in
	// MEMORY_CONFIG: Secrets that it names are the agent's to read, or env's to pass on.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Memory *runtime.RawExtension `json:"memory,omitempty"`

	// operationMode is agentic (default): the agent acts by itself. supervised, where people approve of what it does, is
	// not part of this release, and refused.
	// +optional
	OperationMode OperationMode `json:"operationMode,omitempty"`

	// approval says who approves of what the agent does. Approvals are not part of this release: it is refused.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Approval *runtime.RawExtension `json:"approval,omitempty"`

	// permissions take away from the agent what its ServiceAccount, or this operator, could do for it.
	// +optional
	Permissions *PermissionsSpec `json:"permissions,omitempty"`

	// env are environment variables of the agent. They win over the variables that are made of other fields.
	// +optional
	Env []corev1.EnvVar `json:"env,omitempty"`

	// envFrom takes environment variables from ConfigMaps and Secrets of the agent's namespace. The variables that are made
	// of other fields win over them.
	// +optional
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// scaling says how many instances may serve, and how busy each one may be.
	// +optional
	Scaling ScalingSpec `json:"scaling,omitempty"`

	// resources are the compute resources of one instance. Where a limit is given without a request, the request is
	// the smaller of the default (cpu 50m, memory 64Mi) and the limit.
	// +optional
	Resources ResourcesSpec `json:"resources,omitempty"`

	// eventing says which events reach the agent, and which it passes on. Absent: none.
	// +optional
	Eventing *AgentEventingSpec `json:"eventing,omitempty"`

	// observability says what the agent tells of itself, and to whom. It becomes variables of the agent, such as
	// OTEL_EXPORTER_OTLP_ENDPOINT; those of env win.
	// +optional
	Observability *AgentObservabilitySpec `json:"observability,omitempty"`
}

// OperationMode says who decides on what an agent does.
// +kubebuilder:validation:Enum=agentic;supervised
type OperationMode string

const (
	// OperationModeAgentic lets the agent act by itself.
	OperationModeAgentic OperationMode = "agentic"
	// OperationModeSupervised has people approve of what the agent does. Validation refuses it.
	OperationModeSupervised OperationMode = "supervised"
)

// Capability is something that can be taken away from an agent.
type Capability string

const (
	// CapabilityBroker is to have Brokers.
	CapabilityBroker Capability = lambda.CapabilityBroker
	// CapabilityTrigger is to have Triggers.
	CapabilityTrigger Capability = lambda.CapabilityTrigger
	// CapabilityFunction is to make LambdaFunctions.
	CapabilityFunction Capability = lambda.CapabilityFunction
)

// PermissionsSpec takes away from an agent what its ServiceAccount, or the operator, could do for it.
type PermissionsSpec struct {
	// disableBrokerCreation is true for an agent that gets no Broker, and whose ServiceAccount makes none.
	// +optional
	DisableBrokerCreation bool `json:"disableBrokerCreation,omitempty"`

	// disableTriggerCreation is true for an agent that gets no Triggers, and whose ServiceAccount makes none.
	// +optional
	DisableTriggerCreation bool `json:"disableTriggerCreation,omitempty"`

	// disableFunctionCreation is true for an agent whose ServiceAccount makes no LambdaFunctions.
	// +optional
	DisableFunctionCreation bool `json:"disableFunctionCreation,omitempty"`

	// allowedTargetNamespaces are the namespaces, besides its own, that the agent forwards events to, and whose agents may
	// forward events to it; * is all of them. Absent: none.
	// +optional
	AllowedTargetNamespaces []string `json:"allowedTargetNamespaces,omitempty"`

	// eventControls says which events disable what the agent may do, and enable it again.
	// +optional
	EventControls *EventControlsSpec `json:"eventControls,omitempty"`
}

// EventControlsSpec says which events disable what an agent may do, and enable it again.
type EventControlsSpec struct {
	// allowEventDisable is true where events may do so. What they have disabled stays so while it is false.
	// +optional
	AllowEventDisable bool `json:"allowEventDisable,omitempty"`

	// controlEventTypes are the types of these events, each with disable or enable after its last dot. Default
	// io.homelab.rbac.disable and io.homelab.rbac.enable.
	// +optional
	ControlEventTypes []string `json:"controlEventTypes,omitempty"`

	// allowedControlSources are the sources of these events. Absent: any.
	// +optional
	AllowedControlSources []string `json:"allowedControlSources,omitempty"`
}

// LambdaAgentStatus is what the controller found.
type LambdaAgentStatus struct {
	// Conditions: Ready, and what it is made of: ServiceReady and, for agents that have spec.eventing, EventingReady. AIReady,
	// MonitoringReady and PermissionsReady tell of the model, of what measures the agent, and whether what it may not do is
	// refused: Ready does not depend on them.
	duckv1.Status `json:",inline"`

	// Address is where events and calls are sent to within the cluster.
	// +optional
	duckv1.AddressStatus `json:",inline"`

	// url is where the agent is called.
	// +optional
	URL *apis.URL `json:"url,omitempty"`

	// phase is a summary of the conditions, for people: Pending, Deploying, Ready, Failed or Deleting.
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// serviceStatus tells of the Knative Service.
	// +optional
	ServiceStatus *ServiceStatus `json:"serviceStatus,omitempty"`

	// eventingStatus tells of the Broker, the Triggers and the forwards. Absent for an agent that has none.
	// +optional
	EventingStatus *AgentEventingStatus `json:"eventingStatus,omitempty"`

	// aiStatus tells of the model. Absent where spec.ai is.
	// +optional
	AIStatus *AIStatus `json:"aiStatus,omitempty"`

	// permissionStatus tells what the agent may not do. Absent where it may do all.
	// +optional
	PermissionStatus *PermissionStatus `json:"permissionStatus,omitempty"`
}

// AgentEventingStatus tells of an agent's Broker, Triggers and forwards.
type AgentEventingStatus struct {
	EventingStatus `json:",inline"`

	// forwardCount is the number of Triggers that send events on to Brokers of other agents.
	// +optional
	ForwardCount int32 `json:"forwardCount,omitempty"`

	// forwardsReady is the number of these Triggers that are ready.
	// +optional
	ForwardsReady int32 `json:"forwardsReady,omitempty"`
}

// AIStatus is what the last health check found of an agent's model.
type AIStatus struct {
	// provider is that of the endpoint: ollama, openai, anthropic or none.
	// +optional
	Provider AIProvider `json:"provider,omitempty"`

	// endpoint is the address that was asked.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// modelAvailable is true where activeModel is there.
	ModelAvailable bool `json:"modelAvailable"`

	// activeModel is the model that answers: spec.ai.model, or spec.ai.fallbackModel while only that is there.
	// +optional
	ActiveModel string `json:"activeModel,omitempty"`

	// lastHealthCheck is when the endpoint was last asked.
	// +optional
	LastHealthCheck *metav1.Time `json:"lastHealthCheck,omitempty"`

	// latency is how long the endpoint took to answer, for example 12ms.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`

	// reason is that of the condition AIReady.
	// +optional
	Reason string `json:"reason,omitempty"`

	// error is the message of the condition AIReady while no model is available.
	// +optional
	Error string `json:"error,omitempty"`

	// consecutiveFailures is the number of health checks since the last one that found a model.
	// +optional
	ConsecutiveFailures int32 `json:"consecutiveFailures,omitempty"`
}

// PermissionStatus tells what an agent may not do, by its spec or by an event.
type PermissionStatus struct {
	// brokerCreationDisabled is true while no Broker is made for the agent, nor by its ServiceAccount.
	// +optional
	BrokerCreationDisabled bool `json:"brokerCreationDisabled,omitempty"`

	// triggerCreationDisabled is true while no Trigger is made for the agent, nor by its ServiceAccount.
	// +optional
	TriggerCreationDisabled bool `json:"triggerCreationDisabled,omitempty"`

	// functionCreationDisabled is true while no LambdaFunction is made by the agent's ServiceAccount.
	// +optional
	FunctionCreationDisabled bool `json:"functionCreationDisabled,omitempty"`

	// disabledByEvent are the capabilities that an event has disabled, each with the last event that did.
	// +optional
	// +listType=map
	// +listMapKey=capability
	DisabledByEvent []DisabledCapability `json:"disabledByEvent,omitempty"`
}

// DisabledCapability is a capability that an event has disabled.
type DisabledCapability struct {
	// capability is broker, trigger or function.
	Capability Capability `json:"capability"`

	// disabledBy is the source of the event.
	// +optional
	DisabledBy string `json:"disabledBy,omitempty"`

	// eventId is the id of the event.
	// +optional
	EventID string `json:"eventId,omitempty"`

	// reason is what the event gives as its reason.
	// +optional
	Reason string `json:"reason,omitempty"`

	// disabledAt is when the event arrived.
	// +optional
	DisabledAt metav1.Time `json:"disabledAt,omitzero"`

	// expiresAt is when the capability is given back. Absent: when an event enables it again.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// GetGroupVersionKind implements kmeta.OwnerRefable.
func (*LambdaAgent) GetGroupVersionKind() schema.GroupVersionKind {
	return SchemeGroupVersion.WithKind("LambdaAgent")
}

// GetUntypedSpec implements apis.HasSpec.
func (la *LambdaAgent) GetUntypedSpec() any {
	return la.Spec
}

// GetStatus implements duckv1.KRShaped.
func (la *LambdaAgent) GetStatus() *duckv1.Status {
	return &la.Status.Status
}

// WantsApprovals is true for an agent that must not act by itself. Validation refuses it.
func (la *LambdaAgent) WantsApprovals() bool {
	return la.Spec.OperationMode == OperationModeSupervised
}

// EventingEnabled is true for an agent that has eventing, and does not say that it is off.
func (la *LambdaAgent) EventingEnabled() bool {
	e := la.Spec.Eventing
	return e != nil && (e.Enabled == nil || *e.Enabled)
}

// AllowsNamespace is true for a namespace that the agent exchanges events with: its own, and those that its permissions
// allow.
func (la *LambdaAgent) AllowsNamespace(namespace string) bool {
	return namespace == la.Namespace || la.Spec.Permissions.allows(namespace)
}

func (p *PermissionsSpec) allows(namespace string) bool {
	return p != nil && (slices.Contains(p.AllowedTargetNamespaces, namespace) || slices.Contains(p.AllowedTargetNamespaces, anyNamespace))
}

// ChecksModel is true for an agent that has a model whose endpoint is to be looked after.
func (la *LambdaAgent) ChecksModel() bool {
	check := la.Spec.Behavior.HealthCheck
	return la.Spec.AI.asksModel() && (check == nil || check.Enabled == nil || *check.Enabled)
}

// HealthCheckInterval returns the time between two looks at the endpoint of the model.
func (la *LambdaAgent) HealthCheckInterval() time.Duration {
	if check := la.Spec.Behavior.HealthCheck; check != nil {
		return durationOr(check.Interval, DefaultHealthCheckInterval)
	}
	return DefaultHealthCheckInterval
}

// ServesMetrics is true for an agent that is measured: all but those that say no.
func (la *LambdaAgent) ServesMetrics() bool {
	m := la.metrics()
	return m.Enabled == nil || *m.Enabled
}

// WantsServiceMonitor is true for an agent that is measured, by a ServiceMonitor where the cluster has that kind.
func (la *LambdaAgent) WantsServiceMonitor() bool {
	m := la.metrics()
	return la.ServesMetrics() && (m.ServiceMonitor == nil || *m.ServiceMonitor)
}

// Scraping returns where the agent's metrics are asked for, how often, and how long that may take.
func (la *LambdaAgent) Scraping() (path string, interval, timeout time.Duration) {
	m := la.metrics()
	if path = m.Path; path == "" {
		path = DefaultMetricsPath
	}
	interval = durationOr(m.Interval, DefaultScrapeInterval)
	return path, interval, durationOr(m.Timeout, min(DefaultScrapeTimeout, interval))
}

// metrics returns what the user says of metrics, where he says something.
func (la *LambdaAgent) metrics() AgentMetricsSpec {
	if o := la.Spec.Observability; o != nil && o.Metrics != nil {
		return *o.Metrics
	}
	return AgentMetricsSpec{}
}

func durationOr(d *metav1.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.Duration
}
