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

// Command ingress is the Knative Ingress controller of the local cluster: a reverse proxy and the controller that
// programs it, in one process.
package main

import (
	"flag"
	"log"

	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/signals"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/controller"
	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

func main() {
	external := flag.String("external-address", ":80", "where requests from outside of the cluster come in")
	internal := flag.String("internal-address", ":8081", "where requests from inside of the cluster come in")
	probes := flag.Int("probes-port", 8082, "the port of /health and /readiness")
	cfg := injection.ParseAndGetRESTConfigOrDie()
	// A route waits for its status: do not let the client's default of 5 requests a second delay it.
	cfg.QPS, cfg.Burst = 100, 200

	server, err := proxy.Listen(*external, *internal)
	if err != nil {
		log.Fatal(err)
	}
	ctx := signals.NewContext()
	go func() {
		if err := injection.ServeHealthProbes(injection.AddReadiness(ctx, server.Ready), *probes); err != nil {
			log.Fatal(err)
		}
	}()
	// The one replica needs no election, and 8080, where the probes would be, is too common a port on a node.
	ctx = sharedmain.WithHealthProbesDisabled(sharedmain.WithHADisabled(ctx))
	sharedmain.MainWithConfig(ctx, "ingress", cfg, controller.New(server))
	if err := server.Drain(); err != nil {
		log.Print("failed to finish all requests: ", err)
	}
}
