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

package deadletter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	kubeclient "knative.dev/pkg/client/injection/kube/client"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/system"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/process"
)

const (
	component = "deadletter"
	// lettersAddress takes letters and serves the API, apiAddress serves the API alone: so that a NetworkPolicy can tell
	// those who send letters from those who look at them.
	lettersAddress = ":8080"
	apiAddress     = ":8081"

	defaultFolder = "/var/lib/deadletter"
)

// Main runs the process until the context ends.
func Main(ctx context.Context) {
	process.Main(ctx, component, process.ConfigMap[config.DeadLetters]{
		Name: config.DeadLettersConfigName, Parse: config.NewDeadLettersFromConfigMap, Default: config.DefaultDeadLetters,
	}, run)
}

func run(ctx context.Context, settings func() *config.DeadLetters) (err error) {
	logger := logging.FromContext(ctx)
	store, err := OpenStore(ctx, StoreOptions{
		Folder:      envOr("DEADLETTER_FOLDER", defaultFolder),
		Credentials: os.Getenv("DEADLETTER_CREDENTIALS"),
		Settings:    settings(),
		Logger:      logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var listen net.ListenConfig
	letters, err := listen.Listen(ctx, "tcp", lettersAddress)
	if err != nil {
		return fmt.Errorf("failed to listen: %w", err)
	}
	apiOnly, err := listen.Listen(ctx, "tcp", apiAddress)
	if err != nil {
		return fmt.Errorf("failed to listen: %w", err)
	}
	kube := kubeclient.Get(ctx)
	ready := access.ReadyAt(kube.Discovery().RESTClient())
	return NewServer(Options{
		Store:    store,
		Access:   access.NewReviewer(kube, ready, func() time.Duration { return settings().AuthCache }),
		Settings: settings,
		Owner:    system.PodName(),
		Logger:   logger,
	}).Run(ctx, letters, apiOnly)
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
