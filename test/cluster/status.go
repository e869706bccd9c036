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
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var errNotUp = errors.New("the cluster is not up")

// status prints a line for each daemon and each deployment, and fails if the cluster is not whole.
func (c *cluster) status(ctx context.Context, out io.Writer) error {
	running, err := c.running()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tSTATE\tPROCESS")
	for _, component := range components {
		if p, ok := running[component]; ok {
			fmt.Fprintf(table, "%s\trunning\t%d\n", component, p.pid)
		} else {
			fmt.Fprintf(table, "%s\tnot running\t\n", component)
		}
	}
	if err := c.deploymentStatus(ctx, table); err != nil {
		fmt.Fprintf(table, "deployments\tunknown\t\n")
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("failed to print: %w", err)
	}
	if err := c.whole(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotUp, err)
	}
	return nil
}

// whole says what is missing of the cluster, daemons and pods.
func (c *cluster) whole(ctx context.Context) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	k, err := c.client()
	if err != nil {
		return err
	}
	return k.unavailable(ctx)
}

func (c *cluster) deploymentStatus(ctx context.Context, table io.Writer) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	deployments, err := k.typed.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("failed to list deployments: %w", err)
	}
	for _, d := range deployments.Items {
		state := "not available"
		if available(&d) {
			state = "available"
		}
		fmt.Fprintf(table, "%s/%s\t%s\t\n", d.Namespace, d.Name, state)
	}
	return nil
}

// logs prints the log of a daemon, or of a deployment's pods, named as status names them.
func (c *cluster) logs(ctx context.Context, component string, out io.Writer) error {
	if slices.Contains(components, component) {
		f, err := os.Open(c.logFile(component))
		if err != nil {
			return fmt.Errorf("failed to open the log of %s: %w", component, err)
		}
		defer f.Close()
		_, err = io.Copy(out, f)
		return err
	}
	namespace, deployment, ok := strings.Cut(component, "/")
	if !ok {
		return fmt.Errorf("there is no component %q: name one that `status` lists", component)
	}
	return c.deploymentLogs(ctx, namespace, deployment, out)
}

func (c *cluster) deploymentLogs(ctx context.Context, namespace, deployment string, out io.Writer) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	d, err := k.typed.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to get deployment %s: %w", deployment, err)
	}
	pods, err := k.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector),
	})
	if err != nil {
		return fmt.Errorf("failed to list the pods of %s: %w", deployment, err)
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Spec.Containers {
			if err := k.podLogs(ctx, &pod, container.Name, out); err != nil {
				return fmt.Errorf("failed to read the log of pod %s: %w", pod.Name, err)
			}
		}
	}
	return nil
}

// podLogs prints a container's log, each line under the name of its pod.
func (k *client) podLogs(ctx context.Context, pod *corev1.Pod, container string, out io.Writer) error {
	stream, err := k.typed.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			fmt.Fprintf(out, "%s/%s: %s\n", pod.Name, container, strings.TrimSuffix(line, "\n"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// environment prints what a shell needs to work with the cluster.
func (c *cluster) environment(out io.Writer) error {
	for _, line := range []string{
		"KUBECONFIG=" + c.kubeconfig(),
		"KO_DOCKER_REPO=" + registryAddress + "/" + name,
		"KO_DEFAULTBASEIMAGE=" + registryAddress + "/" + staticImage,
		"LAMBDA_INGRESS=" + ingressAddress,
		"LAMBDA_REGISTRY=" + registryAddress,
		"PATH=" + c.path("bin") + `:"$PATH"`,
	} {
		if _, err := fmt.Fprintln(out, "export", line); err != nil {
			return fmt.Errorf("failed to print: %w", err)
		}
	}
	return nil
}
