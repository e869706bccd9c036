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
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a checkup finds of one thing.
const (
	stateOK = "ok"
	// stateWarning is for what works in part, and for what you may not see.
	stateWarning = "warning"
	// stateFailed is for what functions cannot do without.
	stateFailed = "failed"
)

// The namespaces that a checkup looks into, as the projects' own manifests have them.
const (
	servingNamespace  = "knative-serving"
	eventingNamespace = "knative-eventing"
	tektonNamespace   = "tekton-pipelines"
	operatorNamespace = "knative-lambda"
)

const doctorLong = `Look whether the cluster has all that functions need, and whether you may use it in the namespace:

  Kubernetes     the API server answers
  Serving        Knative Serving is there and runs
  Ingress        functions have a domain that can be called from outside
  Tekton         Tekton Pipelines, which builds images, is there and runs
  Eventing       Knative Eventing, which is optional, is there and runs
  Broker         Brokers of the class that functions get can be made
  Operator       the kinds of Knative Lambda are there, and its Deployments run
  Webhook        a function that is sent (and not stored) is checked and completed
  Registry       the operator knows where images are pushed. Whether builds reach it, no one can tell from here
  Rights         what the verbs of kn lambda take
  Pod security   the namespace lets builds run

What works in part is a warning, and so is what you may not see. The exit code is 1 where something has failed.`

const doctorExample = `
  # See why functions do not work
  kn lambda doctor

  # What else was found, and for another namespace
  kn lambda doctor --namespace shop -o wide`

// check is what was found of one thing.
type check struct {
	Check string `json:"check"`
	// State is stateOK, stateWarning or stateFailed.
	State string `json:"state"`
	// Found is what is there, or what is wrong with it.
	Found string `json:"found,omitempty"`
	// Todo is empty where nothing needs to be done.
	Todo string `json:"whatToDo,omitempty"`
}

// checkup looks at a cluster on behalf of who works in a namespace.
type checkup struct {
	*clients

	namespace string
	checks    []check
}

func newDoctorCommand(s *session) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what functions need and the cluster has not", Long: doctorLong, Example: doctorExample[1:],
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(doctorFormats, format) {
				return usagef("--output %q: it is none of %s", format, strings.Join(doctorFormats[1:], ", "))
			}
			c, namespace, err := s.open()
			if err != nil {
				return err
			}
			d := &checkup{clients: c, namespace: namespace}
			if err := d.run(cmd.Context()); err != nil {
				return err
			}
			if err := d.print(cmd.OutOrStdout(), format); err != nil {
				return err
			}
			return d.verdict()
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "", "Output format. One of: "+strings.Join(doctorFormats[1:], ", ")+".")
	complete(cmd, "output", oneOf(doctorFormats[1:]...))
	return cmd
}

// doctorFormats are those of --output; the first is the table.
var doctorFormats = []string{"", formatWide, "json", "yaml"}

// run looks at one thing after the other. It fails where nothing can be seen at all.
func (d *checkup) run(ctx context.Context) error {
	version, err := d.kube.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("failed to ask the API server for its version: %w", err)
	}
	d.ok("Kubernetes", version.GitVersion)
	d.component(ctx, &servingComponent)
	d.ingress(ctx)
	d.component(ctx, &tektonComponent)
	if d.component(ctx, &eventingComponent) {
		d.broker(ctx)
	}
	if d.component(ctx, &operatorComponent) {
		d.webhook(ctx)
		d.registry(ctx)
	}
	d.rights(ctx)
	d.podSecurity(ctx)
	return ctx.Err()
}

func (d *checkup) ok(name, found string) {
	d.checks = append(d.checks, check{name, stateOK, found, ""})
}

func (d *checkup) warn(name, todo, found string, args ...any) {
	d.checks = append(d.checks, check{name, stateWarning, fmt.Sprintf(found, args...), todo})
}

func (d *checkup) fail(name, todo, found string, args ...any) {
	d.checks = append(d.checks, check{name, stateFailed, fmt.Sprintf(found, args...), todo})
}

// unseen tells that a thing cannot be looked at, which says nothing of the thing.
func (d *checkup) unseen(name string, err error) {
	todo := "do it again"
	if apierrors.IsForbidden(err) {
		todo = "ask somebody who may see it"
	}
	d.warn(name, todo, "it cannot be seen: %v", err)
}

// print writes the checks in one of doctorFormats.
func (d *checkup) print(out io.Writer, format string) error {
	if format == "json" || format == "yaml" {
		return printJSON(out, d.checks, format)
	}
	t := &table{columns: []column{{name: "Check"}, {name: "State"}, {name: "What to do"}, {name: "Found", wide: true}}}
	for _, c := range d.checks {
		t.rows = append(t.rows, []string{c.Check, c.State, c.Todo, oneLine(c.Found)})
	}
	return t.print(out, format == formatWide)
}

// verdict is an error where something has failed, and says what.
func (d *checkup) verdict() error {
	var failures []error
	for _, c := range d.checks {
		if c.State == stateFailed {
			failures = append(failures, fmt.Errorf("%s: %s", c.Check, c.Found))
		}
	}
	return errors.Join(failures...)
}

// component is something that is installed: kinds, and Deployments that serve them.
type component struct {
	name string
	// kinds are resources by group and version.
	kinds     map[string][]string
	namespace string
	selector  string
	// install says how to get it.
	install string
	// optional components are not missed by all.
	optional bool
}

var (
	servingComponent = component{
		name: "Serving", kinds: map[string][]string{"serving.knative.dev/v1": {"services", "revisions"}}, namespace: servingNamespace,
		install: "install Knative Serving: https://knative.dev/docs/install/",
	}
	tektonComponent = component{
		name: "Tekton", kinds: map[string][]string{"tekton.dev/v1": {"taskruns"}}, namespace: tektonNamespace,
		install: "install Tekton Pipelines: https://tekton.dev/docs/installation/pipelines/",
	}
	eventingComponent = component{
		name: "Eventing", kinds: map[string][]string{"eventing.knative.dev/v1": {"brokers", "triggers"}}, namespace: eventingNamespace, optional: true,
		install: "install Knative Eventing where functions shall get events: https://knative.dev/docs/install/",
	}
	operatorComponent = component{
		name: "Operator", kinds: map[string][]string{"lambda.knative.io/v1alpha1": {"lambdafunctions", "lambdaagents"}}, namespace: operatorNamespace,
		selector: "app.kubernetes.io/name=knative-lambda",
		install:  "install Knative Lambda: ko apply -f config/",
	}
)

// component looks whether something is installed and runs, and returns whether its kinds are there.
func (d *checkup) component(ctx context.Context, c *component) bool {
	missing, err := d.missing(c.kinds)
	if err != nil {
		d.unseen(c.name, err)
		return false
	}
	if len(missing) > 0 {
		report := d.fail
		if c.optional {
			report = d.warn
		}
		report(c.name, c.install, "the cluster has no %s", strings.Join(missing, ", "))
		return false
	}
	list, err := d.kube.AppsV1().Deployments(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: c.selector})
	if err != nil {
		d.unseen(c.name, err)
		return true
	}
	d.deployments(c, list.Items)
	return true
}

// deployments looks whether those of a component run.
func (d *checkup) deployments(c *component, all []appsv1.Deployment) {
	if len(all) == 0 {
		d.warn(c.name, "see whether it is in another namespace; else "+c.install, "its kinds are there, and no Deployment of it in namespace %s", c.namespace)
		return
	}
	var unavailable []string
	for i := range all {
		if !isAvailable(&all[i]) {
			unavailable = append(unavailable, all[i].Name)
		}
	}
	if len(unavailable) > 0 {
		d.fail(c.name, fmt.Sprintf("kubectl --namespace %s describe deployment %s", c.namespace, unavailable[0]),
			"Deployments are not available: %s", strings.Join(unavailable, ", "))
		return
	}
	found := fmt.Sprintf("%d Deployments are available", len(all))
	if version := all[0].Labels["app.kubernetes.io/version"]; version != "" {
		found = version + ", " + found
	}
	d.ok(c.name, found)
}

func isAvailable(deployment *appsv1.Deployment) bool {
	return slices.ContainsFunc(deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue
	})
}

// missing returns which of the resources the API server has not.
func (d *checkup) missing(kinds map[string][]string) ([]string, error) {
	var missing []string
	for group, resources := range kinds {
		list, err := d.kube.Discovery().ServerResourcesForGroupVersion(group)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
		for _, resource := range resources {
			if list == nil || !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource }) {
				missing = append(missing, resource+" of "+group)
			}
		}
	}
	return missing, nil
}
