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

// Package config is what the reconcilers of functions and agents go by: the ConfigMaps of pkg/apis/config, and those of Knative
// that admission has no need of.
package config

import (
	"context"

	"knative.dev/pkg/configmap"
	"knative.dev/pkg/observability"
	o11yconfigmap "knative.dev/pkg/observability/configmap"
	"knative.dev/pkg/observability/tracing"

	apiconfig "github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

type tracingKey struct{}

// Config is one consistent view of all ConfigMaps, as it was when a reconcile began.
type Config struct {
	*apiconfig.Config
	// Tracing is where traces go, of ConfigMap config-observability; nowhere by default. Knative reads it for the process
	// itself.
	Tracing tracing.Config
}

// FromContextOrDefaults returns the Config of the context, with defaults for what is not there.
func FromContextOrDefaults(ctx context.Context) *Config {
	traces, ok := ctx.Value(tracingKey{}).(tracing.Config)
	if !ok {
		traces = tracing.DefaultConfig()
	}
	return &Config{Config: apiconfig.FromContextOrDefaults(ctx), Tracing: traces}
}

// ToContext returns a context with the Config, which pkg/apis/config finds its part of.
func ToContext(ctx context.Context, cfg *Config) context.Context {
	return context.WithValue(apiconfig.ToContext(ctx, cfg.Config), tracingKey{}, cfg.Tracing)
}

// Store keeps the newest good version of each ConfigMap.
type Store struct {
	*apiconfig.Store
}

// NewStore returns a Store that calls onAfterStore after each change of a ConfigMap.
func NewStore(logger configmap.Logger, onAfterStore ...func(name string, value any)) *Store {
	constructors := apiconfig.Constructors()
	constructors[o11yconfigmap.Name()] = o11yconfigmap.Parse
	return &Store{&apiconfig.Store{UntypedStore: configmap.NewUntypedStore("lambda", logger, constructors, onAfterStore...)}}
}

// Load returns what the Store has now.
func (s *Store) Load() *Config {
	cfg := &Config{Config: s.Store.Load(), Tracing: tracing.DefaultConfig()}
	if observed, ok := s.UntypedLoad(o11yconfigmap.Name()).(*observability.Config); ok {
		cfg.Tracing = observed.Tracing
	}
	return cfg
}

// ToContext returns a context with what the Store has now.
func (s *Store) ToContext(ctx context.Context) context.Context {
	return ToContext(ctx, s.Load())
}
