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

// The webhook defaults and validates LambdaFunctions and LambdaAgents, and validates the ConfigMaps of the system namespace.
package main

import (
	"context"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/leaderelection"
	"knative.dev/pkg/logging"
	o11yconfigmap "knative.dev/pkg/observability/configmap"
	"knative.dev/pkg/signals"
	"knative.dev/pkg/webhook"
	"knative.dev/pkg/webhook/certificates"
	"knative.dev/pkg/webhook/configmaps"
	"knative.dev/pkg/webhook/resourcesemantics"
	"knative.dev/pkg/webhook/resourcesemantics/defaulting"
	"knative.dev/pkg/webhook/resourcesemantics/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

var types = map[schema.GroupVersionKind]resourcesemantics.GenericCRD{
	v1alpha1.SchemeGroupVersion.WithKind("LambdaFunction"): &v1alpha1.LambdaFunction{},
	v1alpha1.SchemeGroupVersion.WithKind("LambdaAgent"):    &v1alpha1.LambdaAgent{},
}

// Unknown fields are left to the schema and the API server: strict clients refuse them, others warn.
const disallowUnknownFields = false

func newDefaultingController(ctx context.Context, cmw configmap.Watcher) *controller.Impl {
	store := config.NewStore(logging.FromContext(ctx).Named("config-store"))
	store.WatchConfigs(cmw)
	return defaulting.NewAdmissionController(ctx, "webhook.lambda.knative.io", "/defaulting", types, store.ToContext, disallowUnknownFields)
}

func newValidationController(ctx context.Context, cmw configmap.Watcher) *controller.Impl {
	store := config.NewStore(logging.FromContext(ctx).Named("config-store"))
	store.WatchConfigs(cmw)
	return validation.NewAdmissionController(ctx, "validation.webhook.lambda.knative.io", "/validation", types, withAPIServer(store.ToContext), disallowUnknownFields)
}

// withAPIServer lets validation know the one address that each pod is told.
func withAPIServer(toContext func(context.Context) context.Context) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		return v1alpha1.WithAPIServer(toContext(ctx), os.Getenv("KUBERNETES_SERVICE_HOST"))
	}
}

func newConfigValidationController(ctx context.Context, _ configmap.Watcher) *controller.Impl {
	constructors := config.Constructors()
	constructors[config.CostConfigName] = config.NewCostFromConfigMap
	constructors[config.DeadLettersConfigName] = config.NewDeadLettersFromConfigMap
	constructors[config.ReceiverConfigName] = config.NewReceiverFromConfigMap
	constructors[o11yconfigmap.Name()] = o11yconfigmap.Parse
	constructors[logging.ConfigMapName()] = logging.NewConfigFromConfigMap
	constructors[leaderelection.ConfigMapName()] = leaderelection.NewConfigFromConfigMap
	return configmaps.NewAdmissionController(ctx, "config.webhook.lambda.knative.io", "/config-validation", constructors)
}

func main() {
	logger, _ := logging.NewLogger("", "") // before there is a configured one
	observability.LogErrors(logger)
	ctx := webhook.WithOptions(signals.NewContext(), webhook.Options{
		ServiceName: webhook.NameFromEnv(),
		Port:        webhook.PortFromEnv(8443),
		// A webhook of an older version takes away fields that it does not know, of whatever is sent to it meanwhile.
		GracePeriod: 10 * time.Second,
		SecretName:  "lambda-webhook-certs",
	})
	sharedmain.WebhookMainWithContext(ctx, webhook.NameFromEnv(),
		certificates.NewController,
		newDefaultingController,
		newValidationController,
		newConfigValidationController,
	)
}
