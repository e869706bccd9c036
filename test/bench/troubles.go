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
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// undoing is how long it may take to undo one thing.
const undoing = time.Minute

// troubleFunctions has functions fail, be slow and start anew for each call, and builds fail and take long.
func (b *bench) troubleFunctions(ctx context.Context, undo *cleanup) error {
	for i := range 5 {
		wrong := test.NewGoFunction(b.namespace, fmt.Sprint("wrong-", i), fmt.Sprintf("package main\n\nfunc Handler() string { return %d }\n", i))
		if _, err := b.clients.CreateFunction(ctx, wrong); err != nil {
			return err
		}
	}
	codes := map[string]string{
		"failing": "def handler(event):\n    raise ValueError('bad')\n",
		"slow":    "import time\n\ndef handler(event):\n    time.sleep(6)\n",
		"cold":    version(0),
	}
	urls := map[string]string{}
	for name, code := range codes {
		fn := test.NewPythonFunction(b.namespace, name, code)
		fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
		fn, err := b.createReady(ctx, fn)
		if err != nil {
			return err
		}
		urls[name] = fn.Status.URL.String()
	}
	if err := b.clients.ShortenWindow(ctx, b.namespace, "cold"); err != nil {
		return err
	}
	calling, stop := context.WithCancel(ctx)
	var callers sync.WaitGroup
	for name, url := range urls {
		callers.Go(func() {
			wait.UntilWithContext(calling, func(ctx context.Context) {
				_, _ = test.Get(ctx, b.caller, url) // what comes of it is what the alerts are about
				if name == "cold" {
					_ = b.awaitZero(ctx, name) // it is over
				}
			}, 2*time.Second)
		})
	}
	undo.add(func() { stop(); callers.Wait() })
	return b.buildSlowly(ctx, undo)
}

// buildSlowly has a build wait for a node, for more than the two minutes that a build should take. The first of its language
// says nothing of a rate, and does not wait.
func (b *bench) buildSlowly(ctx context.Context, undo *cleanup) error {
	const long = 130 * time.Second
	awaitBuilt := func(fn *v1alpha1.LambdaFunction) error {
		_, err := b.clients.AwaitFunction(ctx, fn, func(fn *v1alpha1.LambdaFunction) (bool, error) {
			return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsTrue(), nil
		})
		return err
	}
	prompt, err := b.clients.CreateFunction(ctx, test.NewNodeFunction(b.namespace, "prompt", "exports.handler = () => 'prompt'\n"))
	if err != nil {
		return err
	}
	if err := awaitBuilt(prompt); err != nil {
		return err
	}
	uncordon, err := b.cordon(ctx)
	undo.add(uncordon)
	if err != nil {
		return err
	}
	patient, err := b.clients.CreateFunction(ctx, test.NewNodeFunction(b.namespace, "patient", "exports.handler = () => 'late'\n"))
	if err != nil {
		return err
	}
	select {
	case <-time.After(long):
	case <-ctx.Done():
		return ctx.Err()
	}
	uncordon()
	return awaitBuilt(patient)
}

// cordon takes all nodes that are open for new pods, and returns what opens them again.
func (b *bench) cordon(ctx context.Context) (uncordon func(), err error) {
	const closed, open = `{"spec":{"unschedulable":true}}`, `{"spec":{"unschedulable":null}}`
	nodes := b.clients.Kube.CoreV1().Nodes()
	var taken []string
	uncordon = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
		defer cancel()
		for _, node := range taken {
			if _, err := nodes.Patch(ctx, node, types.StrategicMergePatchType, []byte(open), metav1.PatchOptions{}); err != nil {
				progress("failed to uncordon node %q: %v", node, err)
			}
		}
		taken = nil
	}
	found, err := nodes.List(ctx, metav1.ListOptions{})
	if err != nil {
		return uncordon, fmt.Errorf("failed to list the nodes: %w", err)
	}
	for i := range found.Items {
		if found.Items[i].Spec.Unschedulable {
			continue
		}
		taken = append(taken, found.Items[i].Name)
		if _, err := nodes.Patch(ctx, found.Items[i].Name, types.StrategicMergePatchType, []byte(closed), metav1.PatchOptions{}); err != nil {
			return uncordon, fmt.Errorf("failed to cordon node %q: %w", found.Items[i].Name, err)
		}
	}
	return uncordon, nil
}

// holdUpServices has the API server wait in vain for a webhook, whenever the operator makes one of many Knative Services.
func (b *bench) holdUpServices(ctx context.Context, undo *cleanup) error {
	const many, seconds = 80, 8
	namespace, err := b.clients.CreateNamespace(ctx, "bench-held-up")
	if err != nil {
		return err
	}
	undo.add(func() { b.deleteNamespace(ctx, namespace) })
	url, authority, err := b.serveNothing(undo)
	if err != nil {
		return err
	}
	none := admissionregistrationv1.SideEffectClassNone
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "nothing.lambda.knative.io",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			SideEffects:             &none,
			AdmissionReviewVersions: []string{"v1"},
			TimeoutSeconds:          ptr.Int32(seconds),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"serving.knative.dev"}, APIVersions: []string{"*"}, Resources: []string{"services"}},
			}},
		}},
	}
	hooks := b.clients.Kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := hooks.Create(ctx, hook, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("failed to create the webhook: %w", err)
	}
	undo.add(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
		defer cancel()
		if err := hooks.Delete(ctx, hook.Name, metav1.DeleteOptions{}); err != nil {
			progress("failed to delete the webhook: %v", err)
		}
	})
	for i := range many {
		fn := test.NewPythonFunction(namespace, fmt.Sprint("held-up-", i), "")
		fn.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: strings.TrimSuffix(b.helloImage, ":latest")}}
		fn.Spec.Runtime = v1alpha1.RuntimeSpec{}
		if _, err := b.clients.CreateFunction(ctx, fn); err != nil {
			return err
		}
	}
	return nil
}

// serveNothing lets clients of a TLS server wait until they give up. It returns the server's URL and its authority.
func (b *bench) serveNothing(undo *cleanup) (url string, authority []byte, err error) {
	host, err := b.clients.LocalAddress()
	if err != nil {
		return "", nil, err
	}
	certificate, key, err := test.NewCertificate(host)
	if err != nil {
		return "", nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return "", nil, fmt.Errorf("failed to read the certificate: %w", err)
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(host, "0"), &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return "", nil, fmt.Errorf("failed to listen at %s: %w", host, err)
	}
	server := &http.Server{ReadHeaderTimeout: undoing, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
	go func() { _ = server.Serve(listener) }() // it ends when it is closed
	undo.add(func() { _ = server.Close() })
	return "https://" + listener.Addr().String(), certificate, nil
}

// removeOperator lets the operator's pods find no node.
func (b *bench) removeOperator(ctx context.Context, undo *cleanup) error {
	uncordon, err := b.cordon(ctx)
	undo.add(uncordon)
	if err != nil {
		return err
	}
	return b.clients.KillPods(ctx, b.operatorNamespace, test.OperatorPods)
}

func (b *bench) deleteNamespace(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	if err := b.clients.DeleteNamespace(ctx, name); err != nil {
		progress("%v", err)
	}
}
