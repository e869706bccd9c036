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

package wiring

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/apis/feature"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

var (
	owner = &v1alpha1.LambdaFunction{ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: "default", UID: types.UID("uid")}}

	labels     = map[string]string{"of": "hello"}
	extensions = map[string]string{"lambdafunction": "hello"}

	ownerRef = metav1.OwnerReference{
		APIVersion: "lambda.knative.io/v1alpha1", Kind: "LambdaFunction", Name: "hello", UID: "uid",
		Controller: ptr.Bool(true), BlockOwnerDeletion: ptr.Bool(true),
	}
	userRef = metav1.OwnerReference{APIVersion: "lambda.knative.io/v1alpha1", Kind: "LambdaFunction", Name: "hello", UID: "uid"}
)

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "default", Labels: labels, OwnerReferences: []metav1.OwnerReference{ownerRef}}
}

// checkAdmitted holds that Knative's admission neither refuses nor changes what is made: a change would be written back at
// each reconcile.
func checkAdmitted(t *testing.T, object runtime.Object) {
	t.Helper()
	ctx := feature.ToContext(context.Background(), feature.Flags{feature.DeliveryTimeout: feature.Enabled})
	defaulted := object.DeepCopyObject()
	defaulted.(apis.Defaultable).SetDefaults(ctx)
	if diff := cmp.Diff(object, defaulted); diff != "" {
		t.Error("SetDefaults() changes it (-made, +admitted):", diff)
	}
	if err := object.(apis.Validatable).Validate(apis.AllowDifferentNamespace(ctx)); err != nil {
		t.Error("Validate() =", err)
	}
}

// lettersOf is the sink of dead letters with a query.
func lettersOf(query string) *duckv1.Destination {
	return &duckv1.Destination{
		Ref: &duckv1.KReference{APIVersion: "v1", Kind: "Service", Name: "lambda-deadletter", Namespace: "knative-lambda"},
		URI: &apis.URL{Path: "/v1/namespaces/default", RawQuery: query},
	}
}

func TestMakeTrigger(t *testing.T) {
	subscriber := duckv1.Destination{Ref: &duckv1.KReference{APIVersion: "serving.knative.dev/v1", Kind: "Service", Name: "hello", Namespace: "default"}}
	guard := eventingv1.SubscriptionsAPIFilter{Not: &eventingv1.SubscriptionsAPIFilter{Exact: map[string]string{"source": "own"}}}
	further := eventingv1.SubscriptionsAPIFilter{CESQL: "TRUE"}
	for _, tc := range []struct {
		name    string
		trigger Trigger
		broker  string
		want    eventingv1.TriggerSpec
	}{{
		name:    "all events",
		trigger: Trigger{Guards: []eventingv1.SubscriptionsAPIFilter{guard}},
		want:    eventingv1.TriggerSpec{Filter: &eventingv1.TriggerFilter{}, Filters: []eventingv1.SubscriptionsAPIFilter{guard}},
	}, {
		name: "some events",
		trigger: Trigger{
			Attributes: map[string]string{"subject": "hello"},
			Filters:    []eventingv1.SubscriptionsAPIFilter{further}, Guards: []eventingv1.SubscriptionsAPIFilter{guard},
			Delivery: &eventingduckv1.DeliverySpec{Retry: ptr.Int32(1), Timeout: ptr.String("PT1S")},
		},
		want: eventingv1.TriggerSpec{
			// A Broker that knows no filters goes by the attributes.
			Filter: &eventingv1.TriggerFilter{Attributes: map[string]string{"subject": "hello"}},
			Filters: []eventingv1.SubscriptionsAPIFilter{
				{Exact: map[string]string{"subject": "hello"}}, further, guard,
			},
			Delivery: &eventingduckv1.DeliverySpec{Retry: ptr.Int32(1), Timeout: ptr.String("PT1S")},
		},
	}, {
		name:    "the Broker is known",
		trigger: Trigger{Delivery: &eventingduckv1.DeliverySpec{DeadLetterSink: lettersOf("function=hello")}},
		broker:  "http://broker.example.com/default/b",
		want: eventingv1.TriggerSpec{
			Filter:   &eventingv1.TriggerFilter{},
			Delivery: &eventingduckv1.DeliverySpec{DeadLetterSink: lettersOf("function=hello&reply=http%3A%2F%2Fbroker.example.com%2Fdefault%2Fb")},
		},
	}, {
		name:    "the Broker is not known yet",
		trigger: Trigger{Delivery: &eventingduckv1.DeliverySpec{DeadLetterSink: lettersOf("function=hello")}},
		want: eventingv1.TriggerSpec{
			Filter:   &eventingv1.TriggerFilter{},
			Delivery: &eventingduckv1.DeliverySpec{DeadLetterSink: lettersOf("function=hello")},
		},
	}, {
		name:    "no letters are kept",
		trigger: Trigger{Delivery: &eventingduckv1.DeliverySpec{Retry: ptr.Int32(1)}},
		broker:  "http://broker.example.com/default/b",
		want:    eventingv1.TriggerSpec{Filter: &eventingv1.TriggerFilter{}, Delivery: &eventingduckv1.DeliverySpec{Retry: ptr.Int32(1)}},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			tc.trigger.Name, tc.trigger.Broker, tc.trigger.Subscriber = "hello-trigger", "lambda-broker", subscriber
			tc.trigger.Annotations = map[string]string{ParallelismAnnotation: "7"}
			tc.want.Broker, tc.want.Subscriber = "lambda-broker", subscriber
			got := MakeTrigger(owner, labels, &tc.trigger, tc.broker)
			want := &eventingv1.Trigger{ObjectMeta: metaOf("hello-trigger"), Spec: tc.want}
			want.Annotations = map[string]string{ParallelismAnnotation: "7"}
			want.Labels = map[string]string{"of": "hello", "eventing.knative.dev/broker": "lambda-broker"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("MakeTrigger() (-want, +got):", diff)
			}
			checkAdmitted(t, got)
		})
	}
	if len(labels) != 1 {
		t.Errorf("labels have become %v", labels)
	}
}

func TestMakeSources(t *testing.T) {
	sink := duckv1.SourceSpec{
		Sink: duckv1.Destination{Ref: &duckv1.KReference{
			APIVersion: "eventing.knative.dev/v1", Kind: "Broker", Name: "lambda-broker", Namespace: "default",
		}},
		CloudEventOverrides: &duckv1.CloudEventOverrides{Extensions: extensions},
	}
	schedule := MakePingSource(owner, labels, &Schedule{
		Name: "hello-schedule-a", Broker: "lambda-broker", Extensions: extensions,
		Cron: "0 3 * * *", Timezone: "Europe/Berlin", Data: "{}", ContentType: "application/json",
	})
	wantSchedule := &sourcesv1.PingSource{ObjectMeta: metaOf("hello-schedule-a"), Spec: sourcesv1.PingSourceSpec{
		SourceSpec: sink, Schedule: "0 3 * * *", Timezone: "Europe/Berlin", Data: "{}", ContentType: "application/json",
	}}
	if diff := cmp.Diff(wantSchedule, schedule); diff != "" {
		t.Error("MakePingSource() (-want, +got):", diff)
	}
	checkAdmitted(t, schedule)

	pods := []sourcesv1.APIVersionKindSelector{{APIVersion: "v1", Kind: "Pod"}}
	s := &APISource{
		Name: "hello-api-source", Broker: "lambda-broker", Extensions: extensions, Mode: "Resource", Resources: pods,
		Rules: []rbacv1.PolicyRule{Rule("v1", "Pod"), Rule("networking.k8s.io/v1", "NetworkPolicy")},
	}
	source := MakeAPIServerSource(owner, labels, s)
	wantSource := &sourcesv1.ApiServerSource{ObjectMeta: metaOf("hello-api-source"), Spec: sourcesv1.ApiServerSourceSpec{
		SourceSpec: sink, EventMode: "Resource", Resources: pods, ServiceAccountName: "hello-api-source",
	}}
	if diff := cmp.Diff(wantSource, source); diff != "" {
		t.Error("MakeAPIServerSource() (-want, +got):", diff)
	}
	checkAdmitted(t, source)

	read := []string{"get", "list", "watch"}
	for _, made := range []struct{ got, want any }{
		{MakeServiceAccount(owner, labels, s), &corev1.ServiceAccount{ObjectMeta: metaOf("hello-api-source")}},
		{MakeRole(owner, labels, s), &rbacv1.Role{ObjectMeta: metaOf("hello-api-source"), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: read},
			{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: read},
		}}},
		{MakeRoleBinding(owner, labels, s), &rbacv1.RoleBinding{
			ObjectMeta: metaOf("hello-api-source"),
			RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "hello-api-source"},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "hello-api-source", Namespace: "default"}},
		}},
	} {
		if diff := cmp.Diff(made.want, made.got); diff != "" {
			t.Error("the account (-want, +got):", diff)
		}
	}
}

func TestMakeBroker(t *testing.T) {
	want := &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{
		Name: "lambda-broker", Namespace: "default", Labels: map[string]string{"app.kubernetes.io/managed-by": "knative-lambda-operator"},
		// It does not control: it is not the only one.
		OwnerReferences: []metav1.OwnerReference{userRef},
	}}
	b := &Broker{Name: "lambda-broker"}
	if diff := cmp.Diff(want, MakeBroker(owner, b, "")); diff != "" {
		t.Error("MakeBroker() (-want, +got):", diff)
	}
	want.Annotations = map[string]string{"eventing.knative.dev/broker.class": "RabbitMQBroker"}
	want.Spec.Config = &duckv1.KReference{
		APIVersion: "eventing.knative.dev/v1alpha1", Kind: "RabbitmqBrokerConfig", Name: "lambda-broker-config", Namespace: "default",
	}
	if diff := cmp.Diff(want, MakeBroker(owner, b, config.BrokerClassRabbitMQ)); diff != "" {
		t.Error("MakeBroker() of RabbitMQ (-want, +got):", diff)
	}
}

// TestMakeRabbitMQConfig holds what is made against the definition of its kind: it has no Go types.
func TestMakeRabbitMQConfig(t *testing.T) {
	b := &Broker{Name: "lambda-broker", RabbitMQ: RabbitMQ{
		Wanted:  RabbitMQSettings{QueueType: "classic"},
		Default: RabbitMQSettings{Cluster: "rabbitmq", Namespace: "rabbitmq-system", QueueType: "quorum"},
	}}
	made := MakeRabbitMQConfig(owner, b)
	want := RabbitMQSettings{Cluster: "rabbitmq", Namespace: "rabbitmq-system", QueueType: "classic"}
	if got := SettingsOf(made); got != want {
		t.Errorf("SettingsOf() = %+v, want %+v", got, want)
	}
	if got, want := made.GetAnnotations()["lambda.knative.io/settings-of"], "LambdaFunction hello"; got != want {
		t.Errorf("settings are of %q, want %q", got, want)
	}
	if diff := cmp.Diff([]metav1.OwnerReference{userRef}, made.GetOwnerReferences()); diff != "" {
		t.Error("owners (-want, +got):", diff)
	}

	raw, err := os.ReadFile("../../../../third_party/eventing-rabbitmq/rabbitmqbrokerconfig.yaml")
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	var published apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &published); err != nil {
		t.Fatal("UnmarshalStrict() =", err)
	}
	var crd apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&published, &crd, nil); err != nil {
		t.Fatal("Convert() =", err)
	}
	if got := published.Spec.Group + "/" + published.Spec.Versions[0].Name + " " + published.Spec.Names.Kind; got != "eventing.knative.dev/v1alpha1 RabbitmqBrokerConfig" {
		t.Errorf("the definition is of %s", got)
	}
	validator, _, err := validation.NewSchemaValidator(crd.Spec.Validation.OpenAPIV3Schema)
	if err != nil {
		t.Fatal("NewSchemaValidator() =", err)
	}
	if errs := validation.ValidateCustomResource(nil, made.Object, validator); len(errs) > 0 {
		t.Error("ValidateCustomResource() =", errs)
	}
	structural, err := schema.NewStructural(crd.Spec.Validation.OpenAPIV3Schema)
	if err != nil {
		t.Fatal("NewStructural() =", err)
	}
	pruned := made.DeepCopy()
	pruning.Prune(pruned.Object, structural, true)
	if diff := cmp.Diff(made, pruned); diff != "" {
		t.Error("fields that the kind does not have (-made, +pruned):", diff)
	}
}

func TestConflict(t *testing.T) {
	had := RabbitMQSettings{Cluster: "rabbitmq", Namespace: "system", QueueType: "quorum"}
	for _, tc := range []struct {
		name               string
		wanted             RabbitMQSettings
		field, wants, have string
	}{
		{name: "nothing is wanted"},
		{name: "the same", wanted: had},
		{name: "cluster", wanted: RabbitMQSettings{Cluster: "other"}, field: "rabbitmq.clusterName", wants: "other", have: "rabbitmq"},
		{name: "namespace", wanted: RabbitMQSettings{Namespace: "other"}, field: "rabbitmq.namespace", wants: "other", have: "system"},
		{name: "queue", wanted: RabbitMQSettings{QueueType: "classic"}, field: "rabbitmq.queueType", wants: "classic", have: "quorum"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if field, wants, have := tc.wanted.Conflict(had); field != tc.field || wants != tc.wants || have != tc.have {
				t.Errorf("Conflict() = %q, %q, %q, want %q, %q, %q", field, wants, have, tc.field, tc.wants, tc.have)
			}
		})
	}
}

func TestMakeDelivery(t *testing.T) {
	cfg := config.FromContextOrDefaults(t.Context()).Eventing
	exponential, linear := eventingduckv1.BackoffPolicyExponential, eventingduckv1.BackoffPolicyLinear
	standard := func(change func(*eventingduckv1.DeliverySpec)) *eventingduckv1.DeliverySpec {
		d := &eventingduckv1.DeliverySpec{
			DeadLetterSink: lettersOf("function=hello&retries=5"), Retry: ptr.Int32(5), BackoffPolicy: &exponential, BackoffDelay: ptr.String("PT1S"),
		}
		change(d)
		return d
	}
	for _, tc := range []struct {
		name     string
		cfg      func(*config.Eventing)
		delivery *v1alpha1.DeliverySpec
		dlq      *v1alpha1.DLQSpec
		want     *eventingduckv1.DeliverySpec
	}{{
		name: "defaults",
		want: standard(func(*eventingduckv1.DeliverySpec) {}),
	}, {
		name: "the cluster's",
		cfg: func(e *config.Eventing) {
			e.Retry, e.BackoffPolicy, e.BackoffDelay, e.Timeout, e.DeadLetterSink = 0, "linear", "PT2S", "PT9S", ""
		},
		want: &eventingduckv1.DeliverySpec{
			Retry: ptr.Int32(0), BackoffPolicy: &linear, BackoffDelay: ptr.String("PT2S"), Timeout: ptr.String("PT9S"),
		},
	}, {
		name: "the function's, over its older form",
		delivery: &v1alpha1.DeliverySpec{
			Retry: ptr.Int32(0), BackoffPolicy: v1alpha1.BackoffLinear, BackoffDelay: "PT3S", Timeout: "PT4S", RetryAfterMax: "PT5S",
		},
		dlq: &v1alpha1.DLQSpec{RetryMaxAttempts: ptr.Int32(7), RetryBackoffDelay: "PT7S"},
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.Retry, d.BackoffPolicy, d.BackoffDelay = ptr.Int32(0), &linear, ptr.String("PT3S")
			d.Timeout, d.RetryAfterMax = ptr.String("PT4S"), ptr.String("PT5S")
			d.DeadLetterSink = lettersOf("function=hello&retries=0")
		}),
	}, {
		name: "the older form",
		dlq:  &v1alpha1.DLQSpec{RetryMaxAttempts: ptr.Int32(7), RetryBackoffDelay: "PT7S"},
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.Retry, d.BackoffDelay = ptr.Int32(7), ptr.String("PT7S")
			d.DeadLetterSink = lettersOf("function=hello&retries=7")
		}),
	}, {
		name: "no dead letters",
		dlq:  &v1alpha1.DLQSpec{Enabled: ptr.Bool(false), MessageTTL: ptr.Int64(1)},
		want: standard(func(d *eventingduckv1.DeliverySpec) { d.DeadLetterSink = nil }),
	}, {
		name: "all of dead letters",
		dlq: &v1alpha1.DLQSpec{
			Enabled: ptr.Bool(true), MessageTTL: ptr.Int64(1000), MaxLength: ptr.Int64(10), OverflowPolicy: "drop-head",
			Cleanup: &v1alpha1.DLQCleanupSpec{Retention: "1h"},
		},
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.DeadLetterSink = lettersOf("function=hello&max=10&overflow=drop-head&retries=5&ttl=1000")
		}),
	}, {
		name: "age in its older form",
		dlq:  &v1alpha1.DLQSpec{Cleanup: &v1alpha1.DLQCleanupSpec{Enabled: ptr.Bool(true), Retention: "168h"}},
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.DeadLetterSink = lettersOf("function=hello&retries=5&ttl=604800000")
		}),
	}, {
		name: "age in its older form, off",
		dlq:  &v1alpha1.DLQSpec{Cleanup: &v1alpha1.DLQCleanupSpec{Enabled: ptr.Bool(false), Retention: "168h"}},
		want: standard(func(*eventingduckv1.DeliverySpec) {}),
	}, {
		name: "a sink outside of the cluster",
		cfg:  func(e *config.Eventing) { e.DeadLetterSink = "https://letters.example.com:8443/dead/" },
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.DeadLetterSink = &duckv1.Destination{URI: &apis.URL{
				Scheme: "https", Host: "letters.example.com:8443", Path: "/dead/v1/namespaces/default", RawQuery: "function=hello&retries=5",
			}}
		}),
	}, {
		name: "a Service at another port",
		cfg:  func(e *config.Eventing) { e.DeadLetterSink = "http://letters.system.svc:8080" },
		want: standard(func(d *eventingduckv1.DeliverySpec) {
			d.DeadLetterSink = &duckv1.Destination{URI: &apis.URL{
				Scheme: "http", Host: "letters.system.svc:8080", Path: "/v1/namespaces/default", RawQuery: "function=hello&retries=5",
			}}
		}),
	}} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := cfg.DeepCopy()
			if tc.cfg != nil {
				tc.cfg(cfg)
			}
			got := MakeDelivery(cfg, "default", "hello", tc.delivery, tc.dlq)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("MakeDelivery() (-want, +got):", diff)
			}
			ctx := feature.ToContext(t.Context(), feature.Flags{
				feature.DeliveryTimeout: feature.Enabled, feature.DeliveryRetryAfter: feature.Enabled,
			})
			if err := got.Validate(apis.AllowDifferentNamespace(ctx)); err != nil {
				t.Error("Validate() =", err)
			}
		})
	}
}
