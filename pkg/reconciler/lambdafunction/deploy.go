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

package lambdafunction

import (
	"context"
	"fmt"

	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// reconcileService makes the Knative Service serve the image of the present spec. As long as there is none (""), a
// Service that is there already serves what it did.
func (r *Reconciler) reconcileService(ctx context.Context, fn *v1alpha1.LambdaFunction, image string) error {
	there, cfg := image != "", config.FromContextOrDefaults(ctx)
	desired := &serving.Desired{
		Name: names.Service(fn),
		Apply: func(service *servingv1.Service) {
			resources.ApplyRollback(service, fn)
			if there {
				resources.ApplyService(service, fn, image, cfg)
			}
		},
		Propagate: func(service *servingv1.Service) {
			if service == nil {
				fn.Status.MarkWaitingForBuild()
				return
			}
			fn.Status.PropagateService(service, there)
		},
		Labels: resources.FunctionLabels(fn), Noun: "function", Silent: silent(fn),
	}
	if there {
		desired.Make = func() *servingv1.Service { return resources.MakeService(fn, image, cfg) }
	}
	after, err := r.serving.Reconcile(ctx, fn, &fn.Status, desired)
	if after > 0 {
		r.enqueueAfter(fn, after)
	}
	return err
}

// silent is what it means that the function's container runs and does not answer.
func silent(fn *v1alpha1.LambdaFunction) string {
	if image := fn.Spec.Source.Image; fn.Spec.Source.Type == v1alpha1.SourceTypeImage && image != nil {
		return fmt.Sprintf("The container runs, and nothing in it listens at port %d: set spec.source.image.port to where it does.",
			ptr.Int32Value(image.Port))
	}
	return "The container runs, and is still loading the function's code: what its modules do when they are loaded takes long."
}
