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
	"io"
	"text/tabwriter"

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
		return fmt.Errorf("%w: %w; `up` makes it", errNotUp, err)
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
