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

package receiver

import (
	"context"
	"fmt"
	"net"
	"time"

	kubeclient "knative.dev/pkg/client/injection/kube/client"
	"knative.dev/pkg/injection/clients/dynamicclient"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/system"

	"k8s.io/utils/clock"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/process"
)

const (
	component = "receiver"
	address   = ":8080"
)

// Main runs the process until the context ends.
func Main(ctx context.Context) {
	process.Main(ctx, component, process.ConfigMap[config.Receiver]{
		Name: config.ReceiverConfigName, Parse: config.NewReceiverFromConfigMap, Default: config.DefaultReceiver,
	}, run)
}

func run(ctx context.Context, settings func() *config.Receiver) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("failed to listen: %w", err)
	}
	kube := kubeclient.Get(ctx)
	ready := access.ReadyAt(kube.Discovery().RESTClient())
	return NewServer(Options{
		Client:   dynamicclient.Get(ctx),
		Leases:   kube.CoordinationV1().Leases(system.Namespace()),
		Access:   access.NewReviewer(kube, ready, func() time.Duration { return settings().AuthCache }),
		Ready:    ready,
		Settings: settings,
		Clock:    clock.RealClock{},
		Logger:   logging.FromContext(ctx),
	}).Run(ctx, listener)
}
