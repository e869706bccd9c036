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

package buildqueue

import (
	"context"

	tektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client"
	taskruninformer "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// NewController returns the controller of the queue of builds. The context needs the filtered informers' selector
// resources.ManagedSelector for TaskRuns.
func NewController(ctx context.Context, cmw configmap.Watcher) *controller.Impl {
	logger := logging.FromContext(ctx)
	taskRunInformer := taskruninformer.Get(ctx, resources.ManagedSelector)

	var impl *controller.Impl
	store := config.NewStore(logger.Named("config-store"), func(string, any) { impl.EnqueueKey(queue) })
	r := newReconciler(tektonclient.Get(ctx), taskRunInformer.Lister(), store)
	impl = controller.NewContext(ctx, r, controller.ControllerOptions{WorkQueueName: "buildqueue", Logger: logger})
	store.WatchConfigs(cmw)

	taskRunInformer.Informer().AddEventHandler(controller.HandleAll(func(any) { impl.EnqueueKey(queue) }))
	return impl
}
