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
)

// ObservabilitySpec says what a function tells of itself. It is kept as it is given: no default is filled in.
type ObservabilitySpec struct {
	// tracing says which traces are sent, and where.
	// +optional
	Tracing *TracingSpec `json:"tracing,omitempty"`

	// metrics says what is measured.
	// +optional
	Metrics *MetricsSpec `json:"metrics,omitempty"`

	// logging says what is logged, and how.
	// +optional
	Logging *LoggingSpec `json:"logging,omitempty"`

	// logfire sends to Pydantic Logfire.
	// +optional
	Logfire *LogfireSpec `json:"logfire,omitempty"`
}

// TracingSpec says which traces are sent, and where.
type TracingSpec struct {
	// enabled is false for no traces. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// samplingRate is the share of calls that are traced, a number from 0 to 1 in quotes. A call that is part of a trace
	// is traced where its caller is. Default: tracing-sampling-rate of ConfigMap config-observability where the endpoint is
	// that one's, 1 otherwise.
	// +optional
	SamplingRate string `json:"samplingRate,omitempty"`

	// endpoint of a collector that takes OTLP, host:port: gRPC at port 4317, http/protobuf at others. Metrics are sent
	// there, too. Default: tracing-endpoint of ConfigMap config-observability.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// propagation is how callers say which trace a call is part of: w3c (default), b3 or jaeger.
	// +optional
	// +kubebuilder:validation:Enum=w3c;b3;jaeger
	Propagation string `json:"propagation,omitempty"`

	// resourceAttributes are further attributes of all traces.
	// +optional
	ResourceAttributes map[string]string `json:"resourceAttributes,omitempty"`
}

// MetricsSpec says what is measured.
type MetricsSpec struct {
	// enabled is false for no metrics: none is sent, and none served. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// exemplars is false where measurements have no traces as examples. Absent is true.
	// +optional
	Exemplars *bool `json:"exemplars,omitempty"`

	// labels are further labels of all metrics. Those that metrics have themselves stay as they are.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// path that the metrics are served at. Default /metrics.
	// +optional
	Path string `json:"path,omitempty"`

	// port that the metrics are served at, besides the function's own. Knative's are taken: 8008, 8012, 8013, 8022, 9090
	// and 9091.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Port *int32 `json:"port,omitempty"`
}

// LoggingSpec says what is logged, and how.
type LoggingSpec struct {
	// level is debug, info, warn or error: what is below it is not logged. Default info.
	// +optional
	// +kubebuilder:validation:Enum=debug;info;warn;error
	Level string `json:"level,omitempty"`

	// traceContext is false where log lines have no trace_id and span_id. Absent is true.
	// +optional
	TraceContext *bool `json:"traceContext,omitempty"`

	// format is json (default) or text.
	// +optional
	// +kubebuilder:validation:Enum=json;text
	Format string `json:"format,omitempty"`

	// cloudEventMetadata is false where log lines have no attributes of the event. Absent is true.
	// +optional
	CloudEventMetadata *bool `json:"cloudEventMetadata,omitempty"`
}

// LogfireSpec sends to Pydantic Logfire.
type LogfireSpec struct {
	// enabled is true where it is sent to.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// tokenSecretRef is the key of a Secret of the function's namespace with the token. The function has it as
	// LOGFIRE_TOKEN.
	// +optional
	TokenSecretRef *corev1.SecretKeySelector `json:"tokenSecretRef,omitempty"`

	// directExport sends to Logfire without the cluster's collector in between; it goes before tracing.endpoint.
	// +optional
	DirectExport *bool `json:"directExport,omitempty"`
}

// AgentObservabilitySpec says what an agent tells of itself. It is kept as it is given: no default is filled in.
type AgentObservabilitySpec struct {
	// tracing says which traces are sent, and where.
	// +optional
	Tracing *TracingSpec `json:"tracing,omitempty"`

	// metrics says what is measured, and who asks for it.
	// +optional
	Metrics *AgentMetricsSpec `json:"metrics,omitempty"`

	// logging says what is logged, and how.
	// +optional
	Logging *LoggingSpec `json:"logging,omitempty"`
}

// AgentMetricsSpec says what is measured of an agent, and who asks for it.
type AgentMetricsSpec struct {
	// enabled is false for no metrics: none is sent, and none asked for. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// exemplars is false where measurements have no traces as examples. Absent is true.
	// +optional
	Exemplars *bool `json:"exemplars,omitempty"`

	// serviceMonitor is false for an agent without a ServiceMonitor. Absent is true: it is made where the cluster has that
	// kind.
	// +optional
	ServiceMonitor *bool `json:"serviceMonitor,omitempty"`

	// path that the agent serves its metrics at. Default /metrics.
	// +optional
	Path string `json:"path,omitempty"`

	// interval between two times that the metrics are asked for, from 1s to 24h. Default 30s.
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`

	// timeout of asking for the metrics, at most interval. Default 10s, or interval where that is shorter.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}
