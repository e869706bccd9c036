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
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// containerPort is where a runtime in a container listens.
const containerPort = 8080

// proxied measures the runtimes on a cluster, where requests go through its ingress and Knative's queue-proxy. All are
// Knative Services of one instance, whose images hold what the other modes run, in the same place.
func (b *bench) proxied(ctx context.Context) (err error) {
	if b.registry == "" || b.ingress == "" {
		return errors.New("name a registry that the cluster pulls from, and the address of its ingress, by -registry and -ingress")
	}
	clients, err := test.NewClients()
	if err != nil {
		return err
	}
	namespace, err := clients.CreateNamespace(ctx, "bench-runtimes")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clients.DeleteNamespace(context.WithoutCancel(ctx), namespace)) }()

	languages := map[string]bool{}
	for _, s := range b.subjects {
		languages[s.language] = true
	}
	var all []*result
	for _, language := range slices.Sorted(maps.Keys(languages)) {
		results, err := b.proxiedLanguage(ctx, clients, namespace, language)
		if err != nil {
			return err
		}
		all = append(all, results...)
	}
	b.printThroughput("Throughput through an ingress and queue-proxy", all)
	return nil
}

// proxiedLanguage measures the runtimes of one language in turns.
func (b *bench) proxiedLanguage(ctx context.Context, clients *test.Clients, namespace, language string) ([]*result, error) {
	var all []*result
	services := clients.Serving.ServingV1().Services(namespace)
	hosts := map[*result]string{}
	for _, r := range b.results() {
		if r.subject.language != language {
			continue
		}
		image, err := b.publish(ctx, r.subject)
		if err != nil {
			return nil, err
		}
		service := r.subject.service(r.kind, image)
		progress("deploying %s", service.Name)
		if _, err := services.Create(ctx, service, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("failed to create Knative Service %q: %w", service.Name, err)
		}
		patient, cancel := context.WithTimeout(ctx, 2*maxStart)
		ready, err := test.AwaitOne(patient, services, service.Name, func(s *servingv1.Service) (bool, error) { return s.IsReady(), nil })
		cancel()
		if err != nil {
			return nil, err
		}
		hosts[r] = ready.Status.URL.Host
		all = append(all, r)
	}
	for run := range b.runs {
		order := slices.Clone(all)
		if run%2 == 1 {
			slices.Reverse(order)
		}
		for _, r := range order {
			progress("run %d behind queue-proxy: %s, %s, %s", run+1, language, r.subject.name, r.kind)
			if err := b.load(&process{subject: r.subject, kind: r.kind, addr: b.ingress, host: hosts[r]}, r); err != nil {
				return nil, err
			}
		}
	}
	return all, services.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

// service is a subject as a Knative Service with one instance.
func (s *subject) service(kind, image string) *servingv1.Service {
	cmd := s.start(s.dir, kind, containerPort)
	var env []corev1.EnvVar
	for _, pair := range cmd.Env[len(os.Environ()):] {
		if name, value, _ := strings.Cut(pair, "="); name != "PORT" { // Knative sets it
			env = append(env, corev1.EnvVar{Name: name, Value: value})
		}
	}
	program := cmd.Args[0] // in the image's PATH, unless it is the subject's own
	if strings.HasPrefix(program, "./") {
		program = filepath.Join(s.dir, program)
	}
	service := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: s.folder + "-" + kind}}
	service.Spec.Template = servingv1.RevisionTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{autoscaling.MinScaleAnnotationKey: "1", autoscaling.MaxScaleAnnotationKey: "1"}},
		Spec: servingv1.RevisionSpec{PodSpec: corev1.PodSpec{Containers: []corev1.Container{{
			Image: image, Command: []string{program}, Args: cmd.Args[1:], WorkingDir: s.dir, Env: env,
			Ports:           []corev1.ContainerPort{{ContainerPort: containerPort}},
			SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.Int64(0)},
		}}}},
	}
	return service
}

// containerBases are the images that subjects are put on, by their languages.
var containerBases = map[string]string{"nodejs": "library/node:22-slim", "go": "static:latest", "python": "library/python:" + containerPython + "-slim"}

// containerPython is the Python of the image, for which some packages have other files than for this machine's.
const (
	containerPython       = "3.13"
	containerSitePackages = sitePackages + "-" + containerPython
)

// publish pushes an image with the subject's folder, and our supervisor, and returns its name.
func (b *bench) publish(ctx context.Context, s *subject) (string, error) {
	if len(s.packages) > 0 {
		if err := pip(ctx, s, containerSitePackages, "--python-version="+containerPython, "--only-binary=:all:"); err != nil {
			return "", err
		}
	}
	base, err := name.ParseReference(b.registry+"/"+containerBases[s.language], name.Insecure)
	if err != nil {
		return "", fmt.Errorf("failed to parse image: %w", err)
	}
	image, err := remote.Image(base, remote.WithContext(ctx))
	if err != nil {
		return "", fmt.Errorf("failed to get image %s: %w", base, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return pack(b.dir, s.dir), nil })
	if err != nil {
		return "", fmt.Errorf("failed to make layer: %w", err)
	}
	if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "bench"}}); err != nil {
		return "", fmt.Errorf("failed to add layer: %w", err)
	}
	made, err := name.ParseReference(b.registry+"/bench-runtimes/"+s.folder, name.Insecure)
	if err != nil {
		return "", fmt.Errorf("failed to parse image: %w", err)
	}
	return made.String(), remote.Write(made, image, remote.WithContext(ctx))
}

// pack archives the supervisor and a subject's folder under the names that they have on this machine.
func pack(root, dir string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		archive := tar.NewWriter(w)
		err := add(archive, filepath.Join(root, "supervisor"))
		err = errors.Join(err, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == sitePackages: // for the Python of this machine
				return filepath.SkipDir
			case entry.IsDir():
				return nil
			}
			return add(archive, path)
		}))
		w.CloseWithError(errors.Join(err, archive.Close()))
	}()
	return r
}

// add adds a file or a symbolic link that everybody may read and run.
func add(archive *tar.Writer, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode().Type() == fs.ModeSymlink {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return fmt.Errorf("failed to archive %s: %w", path, err)
	}
	header.Name = strings.TrimPrefix(strings.Replace(path, "/"+containerSitePackages+"/", "/"+sitePackages+"/", 1), "/")
	header.Mode = 0o755
	if err := archive.WriteHeader(header); err != nil || link != "" {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}
