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
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logs prints the log of a daemon, or of a deployment's pods, named as status names them. To follow one is to go on
// with what it logs until ctx ends.
func (c *cluster) logs(ctx context.Context, component string, follow bool, out io.Writer) error {
	if slices.Contains(components, component) {
		return c.daemonLog(ctx, component, follow, out)
	}
	namespace, deployment, ok := strings.Cut(component, "/")
	if !ok {
		return fmt.Errorf("there is no component %q: name a daemon (%s) or a deployment as NAMESPACE/NAME; `status` lists them",
			component, strings.Join(components, ", "))
	}
	return c.deploymentLogs(ctx, namespace, deployment, follow, out)
}

func (c *cluster) daemonLog(ctx context.Context, component string, follow bool, out io.Writer) error {
	f, err := os.Open(c.logFile(component))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no log of %s; make the cluster by `up`", errNotUp, component)
	} else if err != nil {
		return fmt.Errorf("failed to open the log of %s: %w", component, err)
	}
	defer f.Close()
	copyRest := func() (bool, error) {
		_, err := io.Copy(out, f)
		return !follow, err
	}
	return poll(ctx, 200*time.Millisecond, copyRest)
}

func (c *cluster) deploymentLogs(ctx context.Context, namespace, deployment string, follow bool, out io.Writer) error {
	k, err := c.client()
	if err != nil {
		return fmt.Errorf("%w: %w; make it by `up`", errNotUp, err)
	}
	d, err := k.typed.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no deployment %s/%s: name one that `status` lists", namespace, deployment)
	} else if err != nil {
		return fmt.Errorf("failed to get deployment %s: %w", deployment, err)
	}
	pods, err := k.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector),
	})
	if err != nil {
		return fmt.Errorf("failed to list the pods of %s: %w", deployment, err)
	}
	lines := &lineWriter{out: out}
	group, ctx := errgroup.WithContext(ctx)
	if !follow {
		group.SetLimit(1) // one after the other
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Spec.Containers {
			group.Go(func() error {
				if err := k.podLogs(ctx, &pod, container.Name, follow, lines); err != nil {
					return fmt.Errorf("failed to read the log of pod %s: %w", pod.Name, err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// podLogs prints a container's log, each line under the name of its pod.
func (k *client) podLogs(ctx context.Context, pod *corev1.Pod, container string, follow bool, out *lineWriter) error {
	options := &corev1.PodLogOptions{Container: container, Follow: follow}
	stream, err := k.typed.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	return out.copy(pod.Name+"/"+container, stream)
}

// lineWriter keeps lines whole that several write.
type lineWriter struct {
	mutex sync.Mutex
	out   io.Writer
}

// copy writes lines until they end, each after its source.
func (w *lineWriter) copy(source string, from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			err = cmp.Or(w.write(source, strings.TrimSuffix(line, "\n")), err)
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (w *lineWriter) write(source, line string) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	_, err := fmt.Fprintf(w.out, "%s: %s\n", source, line)
	return err
}
