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

package revision

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/observability/tracing"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const (
	// grpcPort is the port of collectors at which they speak gRPC, and http/protobuf at others.
	grpcPort = ":4317"

	logfireEndpoint = "https://logfire-api.pydantic.dev"
	logfireToken    = "LOGFIRE_TOKEN"
)

// propagators are what OpenTelemetry calls the formats of a trace context.
var propagators = map[string]string{"w3c": "tracecontext,baggage", "b3": "b3", "jaeger": "jaeger"}

// ObservabilityEnv returns what the runtime, or an OpenTelemetry SDK in a ready image, goes by. Who says nothing
// gets nothing: the Revision stays the same.
func ObservabilityEnv(o *v1alpha1.ObservabilitySpec, traces *tracing.Config) []corev1.EnvVar {
	if o == nil {
		return nil
	}
	var env []corev1.EnvVar
	if o.Tracing != nil {
		env = append(env, tracingEnv(o.Tracing, traces)...)
	}
	if o.Metrics != nil {
		env = append(env, metricsEnv(o.Metrics)...)
	}
	if o.Logging != nil {
		env = append(env, loggingEnv(o.Logging)...)
	}
	if l := o.Logfire; l != nil && ptr.BoolValue(l.Enabled) {
		env = append(env, logfireEnv(l)...)
	}
	return env
}

// tracingEnv is for who wants traces. What it does not say is as it is in the cluster.
func tracingEnv(t *v1alpha1.TracingSpec, cluster *tracing.Config) []corev1.EnvVar {
	var env []corev1.EnvVar
	if t.Endpoint == "" && !isFalse(t.Enabled) {
		env = append(env, clusterTracingEnv(cluster)...)
	}
	if isFalse(t.Enabled) {
		env = append(env, corev1.EnvVar{Name: "OTEL_TRACES_EXPORTER", Value: "none"})
	}
	if endpoint := t.Endpoint; endpoint != "" {
		protocol := "http/protobuf"
		if strings.HasSuffix(strings.TrimSuffix(endpoint, "/"), grpcPort) {
			protocol = "grpc"
		}
		if !strings.Contains(endpoint, "://") {
			endpoint = "http://" + endpoint
		}
		env = append(env, corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Value: endpoint}, corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Value: protocol})
	}
	if t.SamplingRate != "" {
		env = append(env,
			corev1.EnvVar{Name: "OTEL_TRACES_SAMPLER", Value: "parentbased_traceidratio"},
			corev1.EnvVar{Name: "OTEL_TRACES_SAMPLER_ARG", Value: t.SamplingRate})
	}
	if t.Propagation != "" {
		env = append(env, corev1.EnvVar{Name: "OTEL_PROPAGATORS", Value: propagators[t.Propagation]})
	}
	if len(t.ResourceAttributes) > 0 {
		env = append(env, corev1.EnvVar{Name: "OTEL_RESOURCE_ATTRIBUTES", Value: pairs(t.ResourceAttributes)})
	}
	return env
}

// clusterTracingEnv sends traces to where those of the operator go. A sampling rate of the owner's own wins.
func clusterTracingEnv(t *tracing.Config) []corev1.EnvVar {
	if t.Protocol != tracing.ProtocolGRPC && t.Protocol != tracing.ProtocolHTTPProtobuf {
		return nil
	}
	// Variables that are for all signals are those that people set themselves. With them the path is a signal's own, which
	// Knative has in the address.
	signal, endpoint := "", t.Endpoint
	if t.Protocol == tracing.ProtocolHTTPProtobuf {
		var usual bool
		if endpoint, usual = strings.CutSuffix(endpoint, "/v1/traces"); !usual {
			signal = "TRACES_"
		}
	}
	return []corev1.EnvVar{
		{Name: "OTEL_EXPORTER_OTLP_" + signal + "ENDPOINT", Value: endpoint},
		{Name: "OTEL_EXPORTER_OTLP_" + signal + "PROTOCOL", Value: t.Protocol},
		{Name: "OTEL_TRACES_SAMPLER", Value: "parentbased_traceidratio"},
		{Name: "OTEL_TRACES_SAMPLER_ARG", Value: strconv.FormatFloat(t.SamplingRate, 'f', -1, 64)},
	}
}

func metricsEnv(m *v1alpha1.MetricsSpec) []corev1.EnvVar {
	var env []corev1.EnvVar
	if isFalse(m.Enabled) {
		env = append(env, corev1.EnvVar{Name: "OTEL_METRICS_EXPORTER", Value: "none"}, corev1.EnvVar{Name: "LAMBDA_METRICS", Value: "false"})
	}
	if isFalse(m.Exemplars) {
		env = append(env, corev1.EnvVar{Name: "OTEL_METRICS_EXEMPLAR_FILTER", Value: "always_off"})
	}
	if len(m.Labels) > 0 {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_METRICS_LABELS", Value: pairs(m.Labels)})
	}
	if m.Path != "" {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_METRICS_PATH", Value: m.Path})
	}
	if m.Port != nil {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_METRICS_PORT", Value: strconv.Itoa(int(*m.Port))})
	}
	return env
}

func loggingEnv(l *v1alpha1.LoggingSpec) []corev1.EnvVar {
	var env []corev1.EnvVar
	if l.Level != "" {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_LOG_LEVEL", Value: l.Level})
	}
	if l.Format != "" {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_LOG_FORMAT", Value: l.Format})
	}
	if isFalse(l.TraceContext) {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_LOG_TRACE", Value: "false"})
	}
	if isFalse(l.CloudEventMetadata) {
		env = append(env, corev1.EnvVar{Name: "LAMBDA_LOG_EVENT", Value: "false"})
	}
	return env
}

// logfireEnv has the token, which Logfire's own library reads, too, and where the function sends to it directly also
// the endpoint.
func logfireEnv(l *v1alpha1.LogfireSpec) []corev1.EnvVar {
	if l.TokenSecretRef == nil {
		return nil
	}
	token := corev1.EnvVar{Name: logfireToken, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: l.TokenSecretRef.DeepCopy()}}
	if !ptr.BoolValue(l.DirectExport) {
		return []corev1.EnvVar{token}
	}
	return append([]corev1.EnvVar{token},
		corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Value: logfireEndpoint},
		corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Value: "http/protobuf"},
		corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_HEADERS", Value: "Authorization=$(" + logfireToken + ")"}) // the kubelet fills it in
}

// pairs writes a map as OpenTelemetry's variables have it.
func pairs(m map[string]string) string {
	list := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, url.PathEscape(name)+"="+strings.NewReplacer(",", "%2C", "=", "%3D").Replace(url.PathEscape(m[name])))
	}
	return strings.Join(list, ",")
}

func isFalse(b *bool) bool { return b != nil && !*b }
