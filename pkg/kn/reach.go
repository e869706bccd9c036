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

package kn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// proxyPort is where both the activator and the queue-proxy of each instance take requests over HTTP/1.
const proxyPort = 8012

// The headers by which the activator knows the Revision of a request. A gateway sets them, and the activator takes them away.
const (
	revisionHeader          = "Knative-Serving-Revision"
	revisionNamespaceHeader = "Knative-Serving-Namespace"
)

// way is how a function is reached through the API server.
type way struct {
	address string
	header  map[string]string
	stop    func()
}

// clusterLocal is true for names that only the cluster's own DNS knows.
func clusterLocal(host string) bool {
	return strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.")
}

// reach makes a way to the Revision that has the most calls, whatever the cluster's ingress is: Kourier, Istio, Contour and
// others have gateways of other names, labels and ports, but all of them send requests to the same two places.
//
// One is the queue-proxy of an instance that is ready. It takes no more than the rights of the function's own namespace, and
// the call is counted, limited and timed as any other. The other, where there is no instance, is the activator: it holds the
// request, has an instance made, and hands the request on to it. It knows the Revision by two headers, which gateways set.
func (c *clients) reach(ctx context.Context, of *callee, servingNamespace string) (*way, error) {
	service, err := c.serving.ServingV1().Services(of.namespace).Get(ctx, of.name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to look up the Knative Service: %w", err)
	}
	revision := busiest(service)
	if revision == "" {
		return nil, failf(of.why, "no Revision serves")
	}
	namespace, header := of.namespace, map[string]string(nil)
	pod, err := c.readyPod(ctx, namespace, labels.Set{serving.RevisionLabelKey: revision})
	if err != nil {
		return nil, err
	}
	if pod == "" {
		namespace, header = servingNamespace, map[string]string{revisionHeader: revision, revisionNamespaceHeader: of.namespace}
		pod, err = c.readyPod(ctx, namespace, labels.Set{"app": "activator"})
	}
	switch {
	case err != nil:
		return nil, err
	case pod == "":
		return nil, failf("name the namespace of Knative Serving with --serving-namespace", "no activator is ready in namespace %q", namespace)
	}
	address, stop, err := c.forward(ctx, namespace, pod, proxyPort)
	if err != nil {
		return nil, err
	}
	return &way{address: address, header: header, stop: stop}, nil
}

// busiest is the Revision that has the largest share of calls.
func busiest(service *servingv1.Service) string {
	revision, most := service.Status.LatestReadyRevisionName, int64(0)
	for i := range service.Status.Traffic {
		if t := &service.Status.Traffic[i]; t.Percent != nil && *t.Percent > most {
			revision, most = t.RevisionName, *t.Percent
		}
	}
	return revision
}

// readyPod returns the name of a pod that has the labels and is ready, or "".
func (c *clients) readyPod(ctx context.Context, namespace string, with labels.Set) (string, error) {
	pods, err := c.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: with.String()})
	if err != nil {
		return "", errors.Join(fmt.Errorf("failed to list the pods %s of namespace %q", with, namespace), err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				return pod.Name, nil
			}
		}
	}
	return "", nil
}
