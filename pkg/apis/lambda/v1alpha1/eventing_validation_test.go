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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
)

func withEventing(spec EventingSpec) func(*LambdaFunction) {
	return func(fn *LambdaFunction) { fn.Spec.Eventing = &spec }
}

func withFilters(filters ...EventFilter) func(*LambdaFunction) {
	return withEventing(EventingSpec{Filters: filters})
}

func withSchedules(schedules ...ScheduleSpec) func(*LambdaFunction) {
	return withEventing(EventingSpec{Schedules: schedules})
}

func withAPISource(resources ...APISourceResourceSpec) func(*LambdaFunction) {
	return withEventing(EventingSpec{APISource: &APISourceSpec{Enabled: ptr.Bool(true), Resources: resources}})
}

func TestValidateAcceptsEventing(t *testing.T) {
	byType := EventFilter{Exact: map[string]string{"type": "order.placed"}}
	for name, change := range map[string]func(*LambdaFunction){
		"nothing": withEventing(EventingSpec{}),
		"all dialects": withFilters(byType,
			EventFilter{Prefix: map[string]string{"type": "order."}}, EventFilter{Suffix: map[string]string{"type": ".placed"}},
			EventFilter{All: []EventFilter{byType, {Any: []EventFilter{byType}}}}, EventFilter{Not: &byType},
			EventFilter{CESQL: "EXISTS tenant AND type LIKE 'order.%'"}),
		"delivery": withEventing(EventingSpec{Delivery: &DeliverySpec{
			Retry: ptr.Int32(0), BackoffPolicy: BackoffLinear, BackoffDelay: "PT0.5S", Timeout: "PT10M", RetryAfterMax: "PT0S",
		}}),
		"dead letters": withEventing(EventingSpec{DLQ: &DLQSpec{RetryBackoffDelay: "P1D", Cleanup: &DLQCleanupSpec{Retention: "168h"}}}),
		"schedules": withSchedules(
			ScheduleSpec{Name: "a", Schedule: "*/5 * * * *", Timezone: "Europe/Berlin", Data: `{"a": 1}`, ContentType: "application/json"},
			ScheduleSpec{Name: "b", Schedule: "30 0 3 * * MON-FRI", Timezone: "UTC", Data: "text", ContentType: "text/plain"},
			ScheduleSpec{Name: "c", Schedule: "@hourly"},
		),
		"kinds of objects": withAPISource(
			APISourceResourceSpec{APIVersion: "v1", Kind: "Pod", LabelSelector: map[string]string{"app": "web"}},
			APISourceResourceSpec{APIVersion: "lambda.knative.io/v1alpha1", Kind: "LambdaFunction"}),
		"kinds of objects that are off": withEventing(EventingSpec{APISource: &APISourceSpec{}}),
		"names": withEventing(EventingSpec{
			BrokerName: "b.c", SubscriberServiceName: "s", ResourcePrefix: "p", RabbitMQ: &RabbitMQSpec{ClusterName: "c", Namespace: "n"},
		}),
		"trigger": func(fn *LambdaFunction) {
			fn.Spec.Triggers = []TriggerSpec{{Broker: "default", Filter: map[string]string{"type": ""}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := validFunction(change).Validate(context.Background()); err != nil {
				t.Error("Validate() =", err)
			}
		})
	}
}

func TestValidateRefusesEventing(t *testing.T) {
	const (
		period = "write an ISO 8601 duration, for example PT30S"
		cron   = `write minute hour day-of-month month day-of-week, for example "*/5 * * * *"`
		label  = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
			"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
	)
	deep := EventFilter{CESQL: "TRUE"}
	for range maxFilterDepth {
		inner := deep
		deep = EventFilter{Not: &inner}
	}
	for _, tc := range []refusal{{
		name:   "filter of nothing",
		change: withFilters(EventFilter{}),
		want:   "give exactly one of: exact, prefix, suffix, all, any, not, cesql: spec.eventing.filters[0]",
	}, {
		name:   "two filters in one",
		change: withFilters(EventFilter{All: []EventFilter{{Exact: map[string]string{"a": "b"}, CESQL: "TRUE"}}}),
		want:   "give exactly one of: exact, prefix, suffix, all, any, not, cesql: spec.eventing.filters[0].all[0]",
	}, {
		name:   "attributes that are none",
		change: withFilters(EventFilter{Any: []EventFilter{{Prefix: map[string]string{"Type": "a"}}, {Suffix: map[string]string{"type": ""}}}}),
		want: "invalid key name \"Type\": spec.eventing.filters[0].any[0].prefix\nwrite lower-case letters and digits, a letter first\n" +
			"invalid value: : spec.eventing.filters[0].any[1].suffix.type\ngive what the attribute has to have",
	}, {
		name:   "expression that is none",
		change: withFilters(EventFilter{Not: &EventFilter{CESQL: "type = = 'a'"}}),
		want:   "invalid value: type = = 'a': spec.eventing.filters[0].not.cesql\nno expression of CloudEvents SQL: ",
	}, {
		name:   "filters that are too deep",
		change: withFilters(deep),
		want:   "filters are at most 8 deep: spec.eventing.filters[0].not.not.not.not.not.not.not.not",
	}, {
		name: "filter of a trigger",
		change: func(fn *LambdaFunction) {
			fn.Spec.Triggers = []TriggerSpec{{Broker: "b", Filter: map[string]string{"a-b": "c"}}}
		},
		want: "invalid key name \"a-b\": spec.triggers[0].filter\nwrite lower-case letters and digits, a letter first",
	}, {
		name: "delivery",
		change: withEventing(EventingSpec{Delivery: &DeliverySpec{
			Retry: ptr.Int32(101), BackoffPolicy: "random", BackoffDelay: "1s", Timeout: "PT0S", RetryAfterMax: "-PT1S",
		}}),
		want: "expected 0 <= 101 <= 100: spec.eventing.delivery.retry\n" +
			"invalid value: -PT1S: spec.eventing.delivery.retryAfterMax\n" + period + "\n" +
			"invalid value: 1s: spec.eventing.delivery.backoffDelay\n" + period + "\n" +
			"invalid value: PT0S: spec.eventing.delivery.timeout\n" + period + "\n" +
			"invalid value: random: spec.eventing.delivery.backoffPolicy\nchoose one of: linear, exponential",
	}, {
		name:   "dead letters",
		change: withEventing(EventingSpec{DLQ: &DLQSpec{RetryBackoffDelay: "1", Cleanup: &DLQCleanupSpec{Retention: "a week"}}}),
		want: "invalid value: 1: spec.eventing.dlq.retryBackoffDelay\n" + period + "\n" +
			"invalid value: a week: spec.eventing.dlq.cleanup.retention\nwrite for example 168h",
	}, {
		name: "schedules",
		change: withSchedules(
			ScheduleSpec{Name: "A", Schedule: "@daily"}, ScheduleSpec{Name: "b", Schedule: ""}, ScheduleSpec{Name: "b", Schedule: "@every 1m"},
			ScheduleSpec{Name: "c", Schedule: "TZ=UTC"}, ScheduleSpec{Name: "d", Schedule: "61 * * * *"}, ScheduleSpec{Name: "e", Schedule: "@daily", Timezone: "Local"},
			ScheduleSpec{Name: "f", Schedule: "@daily", Timezone: "Berlin"}, ScheduleSpec{Name: "g", Schedule: "@daily", Data: "[]", ContentType: "application/json"},
		),
		want: "b is there twice: spec.eventing.schedules[2].name\n" +
			"invalid value: : spec.eventing.schedules[1].schedule\n" + cron + "\n" +
			"invalid value: 61 * * * *: spec.eventing.schedules[4].schedule\n" + cron + ": end of range (61) above maximum (59): 61\n" +
			"invalid value: @every 1m: spec.eventing.schedules[2].schedule\nneither @every nor a time zone is taken here: " + cron + "\n" +
			"invalid value: A: spec.eventing.schedules[0].name\n" + label + "\n" +
			"invalid value: Berlin: spec.eventing.schedules[6].timezone\nwrite a name of the IANA database, for example Europe/Berlin\n" +
			"invalid value: Local: spec.eventing.schedules[5].timezone\nwrite a name of the IANA database, for example Europe/Berlin\n" +
			"invalid value: TZ=UTC: spec.eventing.schedules[3].schedule\nneither @every nor a time zone is taken here: " + cron + "\n" +
			"invalid value: []: spec.eventing.schedules[7].data\ncontentType is application/json: write a JSON object",
	}, {
		name:   "objects of no kind",
		change: withAPISource(),
		want:   "missing field(s): spec.eventing.apiSource.resources",
	}, {
		name: "objects of more kinds than one",
		change: withAPISource(APISourceResourceSpec{APIVersion: "*/v1", Kind: "*"}, APISourceResourceSpec{APIVersion: "", Kind: "Pod/log"},
			APISourceResourceSpec{APIVersion: "v1", Kind: "Pod", LabelSelector: map[string]string{"a b": "c"}}),
		want: "invalid value: : spec.eventing.apiSource.resources[1].apiVersion\nwrite for example v1 or apps/v1\n" +
			"invalid value: *: spec.eventing.apiSource.resources[0].kind\nwrite for example Pod\n" +
			"invalid value: */v1: spec.eventing.apiSource.resources[0].apiVersion\nwrite for example v1 or apps/v1\n" +
			"invalid value: Pod/log: spec.eventing.apiSource.resources[1].kind\nwrite for example Pod\n" +
			"invalid value: key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and m...: " +
			"spec.eventing.apiSource.resources[2].labelSelector",
	}, {
		name: "mode of a source",
		change: withEventing(EventingSpec{APISource: &APISourceSpec{
			Enabled: ptr.Bool(true), Mode: "Ref", Resources: []APISourceResourceSpec{{APIVersion: "v1", Kind: "Pod"}},
		}}),
		want: "invalid value: Ref: spec.eventing.apiSource.mode\nchoose one of: Resource, Reference",
	}, {
		name:   "prefix of names",
		change: withEventing(EventingSpec{ResourcePrefix: "a.b"}),
		want:   "invalid value: a.b: spec.eventing.resourcePrefix\nmust not contain dots",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			err := validFunction(tc.change).Validate(t.Context())
			if err == nil {
				t.Fatal("Validate() refuses nothing")
			}
			got := err.Filter(apis.ErrorLevel).Error()
			// What the parser says is its own affair.
			if strings.HasSuffix(tc.want, ": ") && strings.HasPrefix(got, tc.want) {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
		})
	}
}

// FuzzEventing holds that no text that a parser gets ends the webhook.
func FuzzEventing(f *testing.F) {
	f.Add("*/5 * * * *", "Europe/Berlin", "type LIKE 'a%' AND EXISTS tenant", "PT1S", "v1", "Pod")
	f.Add("CRON_TZ=", "Local", "((", "P", "a/b/c", "")
	f.Add("@every", "../../etc/passwd", "INT('99999999999999999999')", "-PT99999999999999999999S", "*/*", "*")
	f.Add("TZ=UTC", "", "'", "PT0.0000000000000000001S", "/", "Pod/log")
	f.Fuzz(func(t *testing.T, cron, zone, cesql, period, version, kind string) {
		fn := validFunction(withEventing(EventingSpec{
			Schedules: []ScheduleSpec{{Name: "a", Schedule: cron, Timezone: zone}},
			Filters:   []EventFilter{{CESQL: cesql}},
			Delivery:  &DeliverySpec{Timeout: period},
			APISource: &APISourceSpec{Enabled: ptr.Bool(true), Resources: []APISourceResourceSpec{{APIVersion: version, Kind: kind}}},
		}))
		err := fn.Validate(t.Context()).Filter(apis.ErrorLevel)
		if strings.Contains(version+kind, "*") && err == nil {
			t.Errorf("a wildcard is taken: %q, %q", version, kind)
		}
	})
}
