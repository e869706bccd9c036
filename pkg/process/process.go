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

// Package process starts the programs that reconcile nothing: with the logs, metrics, traces and profiles of Knative's
// controllers, and their settings from ConfigMaps.
package process

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/logging"
	k8sruntime "knative.dev/pkg/observability/runtime/k8s"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

const flushTimeout = 5 * time.Second

// The client's own limits of requests to the API server, which has fair ones of its own. What others ask for at once must not
// wait for these.
const (
	queriesPerSecond = 1000
	queriesBurst     = 2000
)

// ConfigMap is the one with a component's own settings, T.
type ConfigMap[T any] struct {
	Name  string
	Parse func(*corev1.ConfigMap) (*T, error)
	// Default returns what holds before the ConfigMap was read.
	Default func() *T
}

// watch returns what the newest good version of the ConfigMap says. Who gets it must not change it.
func (c ConfigMap[T]) watch(component string, watcher configmap.Watcher, logger *zap.SugaredLogger) func() *T {
	store := configmap.NewUntypedStore(component, logger.Named("config-store"), configmap.Constructors{c.Name: c.Parse})
	store.WatchConfigs(watcher)
	return func() *T {
		if settings, ok := store.UntypedLoad(c.Name).(*T); ok {
			return settings
		}
		return c.Default()
	}
}

// Main runs a component until the context ends, or run returns. The context of run has Knative's clients and the
// component's logger; settings returns what holds now.
func Main[T any](ctx context.Context, component string, cm ConfigMap[T], run func(ctx context.Context, settings func() *T) error) {
	cfg := injection.ParseAndGetRESTConfigOrDie()
	cfg.QPS, cfg.Burst = queriesPerSecond, queriesBurst
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
	settings := cm.watch(component, watcher, logger)
	if err := watcher.Start(ctx.Done()); err != nil {
		logger.Fatalw("Failed to read the ConfigMaps", "error", err)
	}
	startInformers()
	go servePprof(pprof, logger)
	defer func() { _ = pprof.Shutdown(context.WithoutCancel(ctx)) }() // nobody profiles the end
	if err := run(ctx, settings); err != nil {
		logger.Fatalw("The process ends", "error", err)
	}
}

func servePprof(server *k8sruntime.ProfilingServer, logger *zap.SugaredLogger) {
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		logger.Errorw("Failed to serve profiles", "error", err)
	}
}
