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

// The controller reconciles LambdaFunctions and LambdaAgents.
package main

import (
	"context"
	"log"
	"net/http"

	tektonfactory "github.com/tektoncd/pipeline/pkg/client/injection/informers/factory/filtered"
	kubefactory "knative.dev/pkg/client/injection/kube/informers/factory/filtered"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/signals"
	servingfactory "knative.dev/serving/pkg/client/injection/informers/factory/filtered"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/buildqueue"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

func main() {
	ctx := signals.NewContext()
	ctx = kubefactory.WithSelectors(ctx, resources.ManagedSelector)
	ctx = tektonfactory.WithSelectors(ctx, resources.ManagedSelector)
	ctx = servingfactory.WithSelectors(ctx, resources.ManagedSelector)
	ctx = sharedmain.WithOTelViews(ctx, observability.Views()...)

	logger, _ := logging.NewLogger("", "") // before there is a configured one
	observability.LogErrors(logger)
	config := injection.ParseAndGetRESTConfigOrDie()
	config.Wrap(observability.APITransport)
	if err := observability.BridgeOpenCensus(); err != nil {
		log.Fatal("Failed to take over the metrics of OpenCensus: ", err)
	}
	go serveMetrics(ctx)
	emitter := events.NewEmitter(http.DefaultTransport, logger)
	emitting, end := context.WithCancel(ctx)
	go emitter.Run(emitting)
	sharedmain.MainWithConfig(events.WithEmitter(ctx, emitter), "controller", config,
		lambdafunction.NewController, lambdaagent.NewController, buildqueue.NewController)
	// Whyever it has ended: what waits is sent.
	end()
	emitter.Wait()
}

func serveMetrics(ctx context.Context) {
	if err := observability.Serve(ctx, observability.Address); err != nil {
		log.Fatal("Failed to serve metrics: ", err)
	}
}
