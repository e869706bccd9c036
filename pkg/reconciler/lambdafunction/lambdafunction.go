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

// Package lambdafunction reconciles LambdaFunctions: source to build plan, build plan to image, image to Knative
// Service, and Knative Service to events.
package lambdafunction

import (
	"context"
	"errors"
	"fmt"
	"time"

	tektonclientset "github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	tektonlisters "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/reconciler"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafunctionreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdafunction"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// Reconciler implements the generated interface for LambdaFunctions.
type Reconciler struct {
	kube   kubernetes.Interface
	tekton tektonclientset.Interface

	// The listers know only what has the label of resources.ManagedSelector.
	configMapLister corev1listers.ConfigMapLister
	podLister       corev1listers.PodLister
	taskRunLister   tektonlisters.TaskRunLister

	// serving has functions served.
	serving *serving.Reconciler
	// eventing wires functions to Knative Eventing, where that is installed.
	eventing *eventing.Reconciler

	clock clock.PassiveClock
	// enqueueAfter has the function reconciled again after a while.
	enqueueAfter func(fn any, after time.Duration)
	// podLog reads the end of a container's log.
	podLog func(ctx context.Context, namespace, pod, container string) (string, error)
}

var _ lambdafunctionreconciler.Interface = (*Reconciler)(nil)

// ReconcileKind implements the generated interface. Each phase sets the conditions that are its own, and each runs
// whatever the one before found: a function whose new source does not build goes on to be served from its last image.
func (r *Reconciler) ReconcileKind(ctx context.Context, fn *v1alpha1.LambdaFunction) reconciler.Event {
	ctx, cancel := context.WithTimeout(ctx, reconciler.DefaultTimeout)
	defer cancel()
	defer fn.Status.Summarize()

	var image string
	err := errors.Join(
		observability.Phase(ctx, "image", func(ctx context.Context) (err error) {
			image, err = r.reconcileImage(ctx, fn)
			return err
		}),
		observability.Phase(ctx, "deploy", func(ctx context.Context) error { return r.reconcileService(ctx, fn, image) }),
		observability.Phase(ctx, "eventing", func(ctx context.Context) error { return r.reconcileEventing(ctx, fn) }),
	)
	if apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		// The function goes with its namespace, in which nothing can be made any more.
		return controller.NewSkipKey(fn.Namespace + "/" + fn.Name)
	}
	return err
}

// reconcileImage returns the image of the present spec, or "" as long as there is none.
func (r *Reconciler) reconcileImage(ctx context.Context, fn *v1alpha1.LambdaFunction) (string, error) {
	if ready := fn.Spec.Source.Image; fn.Spec.Source.Type == v1alpha1.SourceTypeImage && ready != nil {
		fn.Status.MarkNothingToBuild()
		return ready.Reference(), r.retireBuilds(ctx, fn, "", true)
	}
	build, err := planBuild(ctx, fn)
	if build == nil || err != nil {
		return "", err
	}
	err = r.reconcileBuild(ctx, fn, build)
	if !fn.Status.Built(build.Key()) {
		return "", err
	}
	return fn.Status.BuildStatus.ImageURI, err
}

// planBuild returns the build of the present spec, or nil where there cannot be one; the conditions say why.
func planBuild(ctx context.Context, fn *v1alpha1.LambdaFunction) (*resources.Build, error) {
	build, err := resources.NewBuild(fn, config.FromContextOrDefaults(ctx))
	var invalid *source.Error
	switch {
	case errors.As(err, &invalid):
		fn.Status.MarkSourceFailed(string(invalid.Reason), invalid.Error())
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("failed to plan the build: %w", err)
	}
	fn.Status.MarkSourceReady()
	if build.Repository == "" {
		fn.Status.MarkBuildRegistryNotConfigured()
		return nil, nil
	}
	return build, nil
}
