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
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

// readObject makes an object of a manifest, or of each in a list of them.
func (i *imported) readObject(ctx context.Context, object map[string]any) error {
	kind, _ := object["kind"].(string)
	if items, ok := object["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		for _, item := range items {
			// What is no object has no kind.
			object, _ := item.(map[string]any)
			if err := i.readObject(ctx, object); err != nil {
				return err
			}
		}
		return nil
	}
	if kind != "LambdaFunction" && kind != "LambdaAgent" {
		i.lost("kind", "%q is no function and no agent: apply it as it is", kind)
		return nil
	}
	if version, _ := object["apiVersion"].(string); version != v1alpha1.SchemeGroupVersion.String() {
		return failf("change it", "apiVersion: it is %q, and that of a %s is %s", version, kind, v1alpha1.SchemeGroupVersion)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("failed to encode the %s: %w", kind, err)
	}
	if kind == "LambdaAgent" {
		return i.readAgent(ctx, object, text)
	}
	return i.readFunction(ctx, object, text)
}

func (i *imported) readFunction(ctx context.Context, object map[string]any, text []byte) error {
	read := &v1alpha1.LambdaFunction{}
	if err := json.Unmarshal(text, read); err != nil {
		return err
	}
	fn := &v1alpha1.LambdaFunction{ObjectMeta: i.metadata(&read.ObjectMeta), Spec: read.Spec}
	i.forms(object["spec"], fn.Spec)
	spec := &fn.Spec
	i.onlySource(&spec.Source)
	if spec.Source.Git != nil {
		i.encrypt(spec.Source.Git)
	}
	if image := spec.Source.Image; image != nil {
		image.Repository = i.qualify("spec.source.image.repository", image.Repository)
	}
	spec.Env = i.withoutKnatives(spec.Env)
	if spec.Source.Type == v1alpha1.SourceTypeImage {
		i.ready(spec)
	} else {
		i.runtime(ctx, fn)
	}
	if spec.Scaling.ContainerConcurrency == nil {
		i.changed("spec.scaling.containerConcurrency", "where nothing is said there is no limit; the older operator took 10")
	}
	i.limitTarget("spec.scaling.targetConcurrency", &spec.Scaling)
	if spec.Eventing == nil {
		i.changed("spec.eventing", "where nothing is said, events that have the function's name as their subject reach it; with enabled: false they do not")
	}
	return i.add(fn, "LambdaFunction", fn.Validate(ctx))
}

func (i *imported) readAgent(ctx context.Context, object map[string]any, text []byte) error {
	read := &v1alpha1.LambdaAgent{}
	if err := json.Unmarshal(text, read); err != nil {
		return err
	}
	la := &v1alpha1.LambdaAgent{ObjectMeta: i.metadata(&read.ObjectMeta), Spec: read.Spec}
	i.forms(object["spec"], la.Spec)
	la.Spec.Image.Repository = i.qualify("spec.image.repository", la.Spec.Image.Repository)
	la.Spec.Env = i.withoutKnatives(la.Spec.Env)
	i.limitTarget("spec.scaling.targetConcurrency", &la.Spec.Scaling)
	return i.add(la, "LambdaAgent", la.Validate(ctx))
}

// metadata is what people give: the rest is a cluster's, and is made again.
func (i *imported) metadata(m *metav1.ObjectMeta) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, Labels: m.Labels, Annotations: m.Annotations}
	delete(kept.Annotations, corev1.LastAppliedConfigAnnotation)
	for _, key := range v1alpha1.PrivilegeAnnotations {
		if _, ok := kept.Annotations[key]; ok {
			i.lost("metadata.annotations["+key+"]", "it gave the function the operator's own rights")
			delete(kept.Annotations, key)
		}
	}
	return kept
}

// forms tells of fields that there are not, and of values that are written in another form than they were.
func (i *imported) forms(given, spec any) {
	for _, path := range local.UnknownFields("spec", given, reflect.TypeOf(spec)) {
		i.lost(path, "there is no such field")
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return // It is said when it is printed.
	}
	var written any
	if json.Unmarshal(text, &written) == nil {
		i.compare("spec", given, written)
	}
}

// compare tells of values that are not what was given. Of those that are gone nothing was meant, or it is told already.
func (i *imported) compare(path string, given, written any) {
	switch was := given.(type) {
	case map[string]any:
		if is, ok := written.(map[string]any); ok {
			for _, field := range slices.Sorted(maps.Keys(was)) {
				if value, ok := is[field]; ok {
					i.compare(path+"."+field, was[field], value)
				}
			}
			return
		}
	case []any:
		if is, ok := written.([]any); ok && len(is) == len(was) {
			for n := range was {
				i.compare(fmt.Sprintf("%s[%d]", path, n), was[n], is[n])
			}
			return
		}
	}
	if !reflect.DeepEqual(given, written) {
		text, _ := json.Marshal(written) // It has been decoded from JSON.
		i.changed(path, "%s, the form that it is stored in", text)
	}
}

// onlySource leaves out sources that are not of the type that counts.
func (i *imported) onlySource(s *v1alpha1.SourceSpec) {
	fields := reflect.ValueOf(s).Elem()
	for n := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Type().Field(n).Tag.Get("json"), ",")
		if field := fields.Field(n); field.Kind() == reflect.Pointer && !field.IsNil() && s.Type != "" && name != string(s.Type) {
			i.lost("spec.source."+name, "type is %s, and a function has one source", s.Type)
			field.SetZero()
		}
	}
}

// encrypt has a repository outside of the cluster be read over https.
func (i *imported) encrypt(git *v1alpha1.GitSource) {
	// What is no URL is left for validation.
	if u, err := url.Parse(git.URL); err == nil && u.Scheme == "http" && !v1alpha1.InCluster(u.Hostname()) {
		u.Scheme = "https"
		git.URL = u.String()
		i.changed("spec.source.git.url", "%s, because passwords and code in the clear are for Services of the cluster", git.URL)
	}
}

// withoutKnatives leaves out variables that Knative sets itself.
func (i *imported) withoutKnatives(env []corev1.EnvVar) []corev1.EnvVar {
	kept := slices.Clone(env)[:0]
	for n, variable := range env {
		if v1alpha1.IsKnativeVariable(variable.Name) {
			i.lost(fmt.Sprintf("spec.env[%d]", n), "%s is set by Knative; the port of an image is in image.port", variable.Name)
			continue
		}
		kept = append(kept, variable)
	}
	return kept
}

// ready leaves out what says nothing of an image that is there already.
func (i *imported) ready(spec *v1alpha1.LambdaFunctionSpec) {
	if spec.Runtime != (v1alpha1.RuntimeSpec{}) {
		i.changed("spec.runtime", "it is not there: the image has its own")
		spec.Runtime = v1alpha1.RuntimeSpec{}
	}
	if spec.Build != (v1alpha1.BuildSpec{}) {
		i.changed("spec.build", "it is not there: nothing is built")
		spec.Build = v1alpha1.BuildSpec{}
	}
}

// runtime leaves out a version that is not on offer, and the handler that the older operator wrote into each function.
func (i *imported) runtime(ctx context.Context, fn *v1alpha1.LambdaFunction) {
	defaulted := fn.DeepCopy()
	defaulted.SetDefaults(ctx)
	language := defaulted.Spec.Runtime.Language
	runtimes := config.FromContextOrDefaults(ctx).Runtimes
	if versions := runtimes.Versions(string(language)); len(versions) > 0 && !slices.Contains(versions, defaulted.Spec.Runtime.Version) {
		i.lost("spec.runtime.version", "%s is not on offer unless an operator adds it to ConfigMap config-runtimes: %s is taken, of %s",
			fn.Spec.Runtime.Version, runtimes.DefaultVersion(string(language)), strings.Join(versions, ", "))
		fn.Spec.Runtime.Version = ""
	}
	if language == v1alpha1.LanguagePython && fn.Spec.Runtime.Handler == "index.handler" {
		i.changed("spec.runtime.handler", "main.handler, the default: the older operator wrote index.handler into functions that had none, those in Python, too")
		fn.Spec.Runtime.Handler = ""
	}
}
