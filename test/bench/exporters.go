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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// exporters is the module that says which kube-state-metrics and which Flagger are meant.
const exporters = "test/bench/alerts"

var (
	crds     = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	canaries = schema.GroupVersionResource{Group: "flagger.app", Version: "v1beta1", Resource: "canaries"}
)

// startExporters runs kube-state-metrics and Flagger beside the cluster, and returns where they serve metrics.
func (b *bench) startExporters(ctx context.Context, folder string, undo *cleanup) ([]string, error) {
	if err := b.installCanaries(ctx, undo); err != nil {
		return nil, err
	}
	kubeconfig := clientcmd.NewDefaultClientConfigLoadingRules().GetDefaultFilename()
	var targets []string
	for _, exporter := range []struct {
		command   string
		arguments func(host, port string) []string
	}{
		{"k8s.io/kube-state-metrics/v2", func(host, port string) []string {
			return []string{"--kubeconfig=" + kubeconfig, "--resources=deployments", "--host=" + host, "--port=" + port, "--telemetry-host=" + host, "--telemetry-port=0"}
		}},
		{"github.com/fluxcd/flagger/cmd/flagger", func(_, port string) []string {
			return []string{"-kubeconfig=" + kubeconfig, "-mesh-provider=kubernetes", "-namespace=" + b.operatorNamespace, "-selector-labels=app", "-log-level=info", "-port=" + port}
		}},
	} {
		program, err := test.BuildProgram(ctx, exporters, exporter.command, folder)
		if err != nil {
			return nil, err
		}
		address, err := test.FreeAddress()
		if err != nil {
			return nil, err
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("failed to read a port: %w", err)
		}
		running, err := test.StartProgram(program, exporter.arguments(host, port)...)
		if err != nil {
			return nil, err
		}
		undo.add(func() {
			if output := running.Stop(); ctx.Err() != nil {
				progress("%s said:\n%s", exporter.command, output)
			}
		})
		targets = append(targets, address)
	}
	return targets, nil
}

// installCanaries installs Flagger's kinds.
func (b *bench) installCanaries(ctx context.Context, undo *cleanup) error {
	where := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/flagger")
	where.Dir = exporters
	folder, err := where.Output()
	if err != nil {
		return fmt.Errorf("failed to find Flagger: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "artifacts/flagger/crd.yaml"))
	if err != nil {
		return fmt.Errorf("failed to read Flagger's kinds: %w", err)
	}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), len(text)); ; {
		var crd unstructured.Unstructured
		if err := decoder.Decode(&crd); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("failed to read Flagger's kinds: %w", err)
		}
		if _, err := b.clients.Dynamic.Resource(crds).Create(ctx, &crd, metav1.CreateOptions{}); apierrs.IsAlreadyExists(err) {
			continue // they are somebody else's
		} else if err != nil {
			return fmt.Errorf("failed to install Flagger's kinds: %w", err)
		}
		undo.add(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
			defer cancel()
			if err := b.clients.Dynamic.Resource(crds).Delete(ctx, crd.GetName(), metav1.DeleteOptions{}); err != nil {
				progress("failed to delete %s: %v", crd.GetName(), err)
			}
		})
	}
}

// releaseCanaries has Flagger release two Deployments: the next version of one never becomes ready, that of the other is
// looked at for longer than an hour.
func (b *bench) releaseCanaries(ctx context.Context, undo *cleanup) error {
	if b.helloImage == "" {
		return errors.New("name the image of a small Go program by -hello-image")
	}
	deployments := b.clients.Kube.AppsV1().Deployments(b.operatorNamespace)
	for name, next := range map[string]func(*corev1.Container){
		"canary-failed": func(c *corev1.Container) { c.Command = []string{"/nothing"} },
		"canary-stuck":  func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: "NEXT", Value: "true"}) },
	} {
		if _, err := deployments.Create(ctx, b.hello(name), metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("failed to create Deployment %q: %w", name, err)
		}
		undo.add(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
			defer cancel()
			canary := b.clients.Dynamic.Resource(canaries).Namespace(b.operatorNamespace).Delete(ctx, name, metav1.DeleteOptions{})
			if err := errors.Join(canary, deployments.Delete(ctx, name, metav1.DeleteOptions{})); err != nil {
				progress("failed to delete canary %q: %v", name, err)
			}
		})
		if err := b.createCanary(ctx, name); err != nil {
			return err
		}
		// Flagger has its own copy of the version by now, and takes the Deployment for the next.
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			deployment, err := deployments.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			next(&deployment.Spec.Template.Spec.Containers[0])
			_, err = deployments.Update(ctx, deployment, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("failed to change Deployment %q: %w", name, err)
		}
	}
	return nil
}

// hello is a Deployment of the small Go program.
func (b *bench) hello(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.operatorNamespace},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: ptr.Bool(true), RunAsUser: ptr.Int64(65532),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{{Name: "hello", Image: b.helloImage, SecurityContext: &corev1.SecurityContext{
						AllowPrivilegeEscalation: ptr.Bool(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					}}},
				},
			},
		},
	}
}

// createCanary creates one, and waits until Flagger has made a copy of the version that is there.
func (b *bench) createCanary(ctx context.Context, name string) error {
	canary := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flagger.app/v1beta1", "kind": "Canary",
		"metadata": map[string]any{"name": name, "namespace": b.operatorNamespace},
		"spec": map[string]any{
			"targetRef":               map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
			"progressDeadlineSeconds": int64(30),
			"service":                 map[string]any{"port": int64(8080)},
			"analysis":                map[string]any{"interval": "10s", "threshold": int64(2), "iterations": int64(1000)},
		},
	}}
	of := b.clients.Dynamic.Resource(canaries).Namespace(b.operatorNamespace)
	if _, err := of.Create(ctx, canary, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("failed to create canary %q: %w", name, err)
	}
	_, err := test.AwaitOne(ctx, of, name, func(canary *unstructured.Unstructured) (bool, error) {
		phase, _, err := unstructured.NestedString(canary.Object, "status", "phase")
		if phase == "Failed" {
			err = fmt.Errorf("canary %q failed at once", name)
		}
		return phase == "Initialized", err
	})
	return err
}
