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

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var crdKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// platformNamespaces are those of what the cluster brings. What its users add is theirs to look after: a function that
// does not start is no fault of the cluster.
var platformNamespaces = []string{
	metav1.NamespaceSystem, "ingress-system", "tekton-pipelines", "knative-serving", "knative-eventing",
}

// client is the cluster's administrator.
type client struct {
	typed   kubernetes.Interface
	dynamic dynamic.Interface
}

func (c *cluster) client() (*client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("failed to read the kubeconfig: %w", err)
	}
	config.QPS = -1 // hundreds of manifests at once are what the server is there for
	config.WarningHandler = rest.NoWarnings{}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("failed to make a client: %w", err)
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("failed to make a client: %w", err)
	}
	return &client{typed: typed, dynamic: untyped}, nil
}

// ready asks the API server whether it is.
func (k *client) ready(ctx context.Context) error {
	return k.typed.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// applyAll applies manifests in three waves: what others live in or are made of, then all the rest, then the
// webhooks, which would otherwise be asked about the rest before they run.
func (k *client) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	waves := make([][]*unstructured.Unstructured, 3)
	for _, object := range objects {
		wave := wave(object)
		waves[wave] = append(waves[wave], object)
	}
	for _, wave := range waves {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(16)
		for _, object := range wave {
			group.Go(func() error { return k.apply(ctx, object) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func wave(object *unstructured.Unstructured) int {
	switch kind := object.GroupVersionKind().GroupKind(); {
	case kind.Kind == "Namespace", kind == crdKind:
		return 0
	case kind.Group == "admissionregistration.k8s.io":
		return 2
	default:
		return 1
	}
}

// apply applies one object. That of a custom kind may have to wait until the kind is served.
func (k *client) apply(ctx context.Context, object *unstructured.Unstructured) error {
	// Every kind in the manifests forms its plural by the rule: no need to ask the server for it.
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	resource := k.dynamic.Resource(plural).Namespace(object.GetNamespace())
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := poll(ctx, 250*time.Millisecond, func() (bool, error) {
		_, err := resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "cluster", Force: true})
		if apierrs.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("failed to apply %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// waitAvailable waits until everything deployed serves: its pods, and the webhooks, which serve once the API server
// has been told their certificates' authority.
func (k *client) waitAvailable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var missing error
	err := poll(ctx, 250*time.Millisecond, func() (bool, error) {
		missing = k.unavailable(ctx)
		return missing == nil, nil
	})
	if err != nil {
		return fmt.Errorf("failed to wait for the platform: %w", errors.Join(err, missing))
	}
	return nil
}

// unavailable says what does not serve yet.
func (k *client) unavailable(ctx context.Context) error {
	deployments, err := k.typed.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("failed to list deployments: %w", err)
	}
	var missing []string
	for _, d := range deployments.Items {
		if slices.Contains(platformNamespaces, d.Namespace) && !available(&d) {
			missing = append(missing, d.Namespace+"/"+d.Name)
		}
	}
	webhooks, err := k.silentWebhooks(ctx)
	if err != nil {
		return err
	}
	if missing = append(missing, webhooks...); len(missing) > 0 {
		return fmt.Errorf("not available: %s", strings.Join(missing, ", "))
	}
	return nil
}

func available(d *appsv1.Deployment) bool {
	if d.Status.ObservedGeneration < d.Generation {
		return false
	}
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentAvailable {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// silentWebhooks lists the platform's webhooks that the API server cannot call yet.
func (k *client) silentWebhooks(ctx context.Context) ([]string, error) {
	mutating, err := k.typed.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to list webhooks: %w", err)
	}
	validating, err := k.typed.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to list webhooks: %w", err)
	}
	var silent []string
	for _, configuration := range mutating.Items {
		for _, webhook := range configuration.Webhooks {
			if isSilent(webhook.ClientConfig) {
				silent = append(silent, webhook.Name)
			}
		}
	}
	for _, configuration := range validating.Items {
		for _, webhook := range configuration.Webhooks {
			if isSilent(webhook.ClientConfig) {
				silent = append(silent, webhook.Name)
			}
		}
	}
	return silent, nil
}

func isSilent(webhook admissionv1.WebhookClientConfig) bool {
	ours := webhook.Service != nil && slices.Contains(platformNamespaces, webhook.Service.Namespace)
	return ours && len(webhook.CABundle) == 0
}
