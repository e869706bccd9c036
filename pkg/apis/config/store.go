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

package config

import (
	"context"

	"knative.dev/pkg/configmap"
)

type cfgKey struct{}

// Config is one consistent view of all ConfigMaps, as it was when a reconcile or an admission began.
type Config struct {
	Build    *Build
	Runtimes *Runtimes
	Eventing *Eventing
}

// FromContext returns the Config of the context, or nil.
func FromContext(ctx context.Context) *Config {
	cfg, _ := ctx.Value(cfgKey{}).(*Config)
	return cfg
}

// FromContextOrDefaults returns the Config of the context, with defaults for what is not there.
func FromContextOrDefaults(ctx context.Context) *Config {
	cfg := Config{}
	if have := FromContext(ctx); have != nil {
		cfg = *have
	}
	if cfg.Build == nil {
		cfg.Build = defaultBuild()
	}
	if cfg.Runtimes == nil {
		cfg.Runtimes = defaultRuntimes()
	}
	if cfg.Eventing == nil {
		cfg.Eventing = defaultEventing()
	}
	return &cfg
}

// ToContext returns a context with the Config.
func ToContext(ctx context.Context, cfg *Config) context.Context {
	return context.WithValue(ctx, cfgKey{}, cfg)
}

// Store keeps the newest good version of each ConfigMap.
//
// +k8s:deepcopy-gen=false
type Store struct {
	*configmap.UntypedStore
}

// NewStore returns a Store that calls onAfterStore after each change of a ConfigMap.
func NewStore(logger configmap.Logger, onAfterStore ...func(name string, value any)) *Store {
	return &Store{UntypedStore: configmap.NewUntypedStore("lambda", logger, Constructors(), onAfterStore...)}
}

// Constructors are the parsers of this package's ConfigMaps by name, for the Store and for the webhook that checks
// ConfigMaps.
func Constructors() configmap.Constructors {
	return configmap.Constructors{
		BuildConfigName:    NewBuildFromConfigMap,
		RuntimesConfigName: NewRuntimesFromConfigMap,
		EventingConfigName: NewEventingFromConfigMap,
	}
}

// Load returns what the Store has now.
func (s *Store) Load() *Config {
	cfg := &Config{}
	if build, ok := s.UntypedLoad(BuildConfigName).(*Build); ok {
		cfg.Build = build.DeepCopy()
	}
	if runtimes, ok := s.UntypedLoad(RuntimesConfigName).(*Runtimes); ok {
		cfg.Runtimes = runtimes.DeepCopy()
	}
	if eventing, ok := s.UntypedLoad(EventingConfigName).(*Eventing); ok {
		cfg.Eventing = eventing.DeepCopy()
	}
	return FromContextOrDefaults(ToContext(context.Background(), cfg))
}

// ToContext returns a context with what the Store has now.
func (s *Store) ToContext(ctx context.Context) context.Context {
	return ToContext(ctx, s.Load())
}
