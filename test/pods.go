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
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/ptr"
)

// OperatorPods selects the operator's pods.
const OperatorPods = "app.kubernetes.io/name=knative-lambda,app.kubernetes.io/component=controller"

// Restart starts a Deployment's pods anew, as kubectl rollout restart does, and waits until none of the old ones is left.
func (c *Clients) Restart(ctx context.Context, namespace, name string) error {
	deployments := c.Kube.AppsV1().Deployments(namespace)
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, time.Now().Format(time.RFC3339Nano))
	restarted, err := deployments.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("failed to restart Deployment %q: %w", name, err)
	}
	_, err = AwaitOne(ctx, deployments, name, func(deployment *appsv1.Deployment) (bool, error) {
		status := &deployment.Status
		return status.ObservedGeneration >= restarted.Generation && status.UpdatedReplicas == status.Replicas && status.AvailableReplicas == *deployment.Spec.Replicas, nil
	})
	return err
}

// KillPods deletes the pods that a selector finds, and gives them no time to put things in order.
func (c *Clients) KillPods(ctx context.Context, namespace, selector string) error {
	err := c.Kube.CoreV1().Pods(namespace).DeleteCollection(ctx,
		metav1.DeleteOptions{GracePeriodSeconds: ptr.Int64(0)}, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("failed to kill the pods %q: %w", selector, err)
	}
	return nil
}
