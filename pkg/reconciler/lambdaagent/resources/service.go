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

// Package resources makes the children of a LambdaAgent. The makers are pure: no client, no clock.
package resources

import (
	"slices"

	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving/revision"
)

// appLabelKey is the label of pods that log collectors look for. Loki makes its label service_name of it.
const appLabelKey = "app"

// AgentLabels are on all children of the agent, and on its pods.
func AgentLabels(la *v1alpha1.LambdaAgent) map[string]string {
	return map[string]string{
		lambda.ManagedByLabelKey: lambda.ManagedByLabelValue,
		lambda.AgentLabelKey:     la.Name,
	}
}

// MakeService makes the Knative Service that serves the agent.
func MakeService(la *v1alpha1.LambdaAgent, cfg *config.Config) *servingv1.Service {
	service := revision.NewService(la, names.Service(la))
	ApplyService(service, la, cfg)
	return service
}

// ApplyService sets the fields of the Knative Service that are the agent's. All others stay as they are: what Knative's own
// defaults put there, spec.traffic as a progressive delivery set it, and labels, annotations, volumes and containers of
// others.
func ApplyService(service *servingv1.Service, la *v1alpha1.LambdaAgent, cfg *config.Config) {
	service.Labels = revision.Merge(service.Labels, AgentLabels(la))
	template := &service.Spec.Template
	template.Labels = revision.Merge(revision.Merge(template.Labels, AgentLabels(la)), map[string]string{appLabelKey: la.Name})
	revision.ApplyScaling(template, &la.Spec.Scaling)
	revision.ApplyAccount(template, la.Spec.ServiceAccountName)
	template.Spec.ImagePullSecrets = slices.Clone(la.Spec.Image.ImagePullSecrets)

	c := revision.Container(template)
	c.Image = la.Spec.Image.Reference()
	c.ImagePullPolicy = ""
	c.Env = revision.Env(injectedEnv(la, &cfg.Tracing), la.Spec.Env)
	c.EnvFrom = la.Spec.EnvFrom
	revision.ApplyResources(c, &la.Spec.Resources)
	revision.ApplyReadyImage(c, &la.Spec.Image)
}
