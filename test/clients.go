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

package test

import (
	"fmt"
	"os"

	tektonclientset "github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	eventingclientset "knative.dev/eventing/pkg/client/clientset/versioned"
	servingclientset "knative.dev/serving/pkg/client/clientset/versioned"

	lambdaclientset "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned"
)

// Clients talk to the API of the cluster under test.
type Clients struct {
	// Kube is for Kubernetes' own kinds.
	Kube kubernetes.Interface
	// Lambda is for the kinds of this project.
	Lambda lambdaclientset.Interface
	// Tekton is for TaskRuns.
	Tekton tektonclientset.Interface
	// Serving is for Knative Services.
	Serving servingclientset.Interface
	// Eventing is for Brokers, Triggers and sources.
	Eventing eventingclientset.Interface
	// Dynamic is for the kinds of others.
	Dynamic dynamic.Interface

	config *rest.Config
}

// NewClients makes clients for the cluster that kubectl would talk to.
func NewClients() (*Clients, error) {
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("failed to read the kubeconfig: %w", err)
	}
	// A test must not wait for a limit of its own: times are measured.
	cfg.QPS, cfg.Burst = 100, 200
	cfg.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	return newClients(cfg)
}

// As makes clients of whose token it is.
func (c *Clients) As(token string) (*Clients, error) {
	cfg := rest.AnonymousClientConfig(c.config)
	cfg.BearerToken = token
	return newClients(cfg)
}

func newClients(cfg *rest.Config) (_ *Clients, err error) {
	c := Clients{config: cfg}
	if c.Kube, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Kubernetes: %w", err)
	}
	if c.Lambda, err = lambdaclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of LambdaFunctions: %w", err)
	}
	if c.Tekton, err = tektonclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Tekton: %w", err)
	}
	if c.Serving, err = servingclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Knative Serving: %w", err)
	}
	if c.Eventing, err = eventingclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Knative Eventing: %w", err)
	}
	if c.Dynamic, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of other kinds: %w", err)
	}
	return &c, nil
}
