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
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/logging"
	k8sruntime "knative.dev/pkg/observability/runtime/k8s"
	"knative.dev/pkg/system"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

const (
	component = "deadletter"
	// lettersAddress takes letters and serves the API, apiAddress serves the API alone: so that a NetworkPolicy can tell
	// those who send letters from those who look at them.
	lettersAddress = ":8080"
	apiAddress     = ":8081"
	flushTimeout   = 5 * time.Second

	defaultFolder = "/var/lib/deadletter"
)

// Main runs the process until the context ends.
func Main(ctx context.Context) {
	cfg := injection.ParseAndGetRESTConfigOrDie()
	// A look at who somebody is must not wait for a limit of the client's own.
	cfg.QPS, cfg.Burst = 100, 200
	ctx, startInformers := injection.EnableInjectionOrDie(ctx, cfg)
	logger, level := sharedmain.SetupLoggerOrDie(ctx, component)
	defer func() { _ = logger.Sync() }() // stdout cannot always be synced
	ctx = logging.WithLogger(ctx, logger)
	observability.LogErrors(logger)

	pprof := k8sruntime.NewProfilingServer(logger.Named("pprof"))
	meters, tracers := sharedmain.SetupObservabilityOrDie(ctx, component, logger, pprof)
	defer func() {
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := errors.Join(meters.Shutdown(flushing), tracers.Shutdown(flushing)); err != nil {
			logger.Errorw("Failed to flush metrics and traces", "error", err)
		}
	}()
	watcher := sharedmain.SetupConfigMapWatchOrDie(ctx, logger)
	sharedmain.WatchLoggingConfigOrDie(ctx, watcher, logger, level, component)
	sharedmain.WatchObservabilityConfigOrDie(ctx, watcher, pprof, logger, component)
	settings := newSettings(logger)
	settings.WatchConfigs(watcher)
	if err := watcher.Start(ctx.Done()); err != nil {
		logger.Fatalw("Failed to read the ConfigMaps", "error", err)
	}
	startInformers()
	go servePprof(pprof, logger)
	defer func() { _ = pprof.Shutdown(context.WithoutCancel(ctx)) }() // nobody profiles the end
	if err := run(ctx, settings, logger); err != nil {
		logger.Fatalw("The process ends", "error", err)
	}
}

func servePprof(server *k8sruntime.ProfilingServer, logger *zap.SugaredLogger) {
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		logger.Errorw("Failed to serve profiles", "error", err)
	}
}

func run(ctx context.Context, settings *settings, logger *zap.SugaredLogger) (err error) {
	store, err := OpenStore(ctx, StoreOptions{
		Folder:      envOr("DEADLETTER_FOLDER", defaultFolder),
		Credentials: os.Getenv("DEADLETTER_CREDENTIALS"),
		Settings:    settings.load(),
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
	return NewServer(Options{
		Store: store,
		Access: access.NewReviewer(kube.AuthenticationV1().TokenReviews(), kube.AuthorizationV1().SubjectAccessReviews(),
			func() time.Duration { return settings.load().AuthCache }),
		Settings: settings.load,
		Owner:    system.PodName(),
		Logger:   logger,
	}).Run(ctx, letters, apiOnly)
}

// settings keep the newest good version of ConfigMap config-dead-letters.
type settings struct{ *configmap.UntypedStore }

func newSettings(logger *zap.SugaredLogger) *settings {
	return &settings{configmap.NewUntypedStore(component, logger.Named("config-store"), configmap.Constructors{
		config.DeadLettersConfigName: config.NewDeadLettersFromConfigMap,
	})}
}

// load returns what holds now. Who gets it must not change it.
func (s *settings) load() *config.DeadLetters {
	if d, ok := s.UntypedLoad(config.DeadLettersConfigName).(*config.DeadLetters); ok {
		return d
	}
	return config.DefaultDeadLetters()
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
