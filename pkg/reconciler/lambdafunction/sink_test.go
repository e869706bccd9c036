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

package lambdafunction

import (
	"context"
	"net/http"
	"testing"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	rtesting "knative.dev/pkg/reconciler/testing"

	"knative.dev/pkg/apis"
	_ "knative.dev/pkg/client/injection/ducks/duck/v1/addressable/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

func TestFollowsTheSink(t *testing.T) {
	t.Setenv("SYSTEM_NAMESPACE", "knative-lambda")
	ctx, cancel, _ := rtesting.SetupFakeContextWithCancel(t, withSelectors)
	defer cancel()
	emitter := events.NewEmitter(http.DefaultTransport, zap.NewNop().Sugar())
	f := newSinkFollower(ctx, emitter)
	await := func(want events.Sink) {
		t.Helper()
		err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return emitter.Sink() == want, nil })
		if err != nil {
			t.Errorf("events go to %+v, want %+v", emitter.Sink(), want)
		}
	}
	to := func(address string) *config.Eventing {
		return &config.Eventing{EventSink: &duckv1.Destination{URI: &apis.URL{Scheme: "http", Host: address}}}
	}
	await(events.Sink{})
	f.stored(config.EventingConfigName, to("a.example.com"))
	await(events.Sink{Wanted: true, URL: "http://a.example.com"})
	f.stored(config.EventingConfigName, to("b.example.com"))
	await(events.Sink{Wanted: true, URL: "http://b.example.com"})
	f.stored(config.EventingConfigName, &config.Eventing{EventSink: &duckv1.Destination{URI: &apis.URL{Path: "/nowhere"}}})
	await(events.Sink{Wanted: true})
	f.stored(config.EventingConfigName, &config.Eventing{})
	await(events.Sink{})
	f.stored(config.EventingConfigName, "another ConfigMap")
	await(events.Sink{})
}
