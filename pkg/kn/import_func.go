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
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

// funcLanguages are the runtimes of func whose code runs here, too.
var funcLanguages = map[string]v1alpha1.Language{
	"python": v1alpha1.LanguagePython, "node": v1alpha1.LanguageNodeJS, "go": v1alpha1.LanguageGo,
}

// funcReference is a value that func takes from elsewhere when it deploys.
var funcReference = regexp.MustCompile(`^\{\{\s*(secret|configMap|env):([^:\s{}]+)(?::([^:\s{}]+))?\s*\}\}$`)

// readFunc makes a LambdaFunction of a func.yaml.
func (i *imported) readFunc(ctx context.Context, document []byte, object map[string]any, folder string) error {
	if version := fmt.Sprint(object["specVersion"]); !slices.Contains(funcSpecVersions, version) {
		return failf("bring it there with Knative's func", "specVersion: it is %s, and what is read is %s", version, strings.Join(funcSpecVersions, ", "))
	}
	if unknown := local.UnknownFields("", object, reflect.TypeFor[funcFile]()); len(unknown) > 0 {
		return failf("remove it", "%s: it is not known of a func.yaml", strings.Join(unknown, ", "))
	}
	f := &funcFile{}
	if err := yaml.Unmarshal(document, f); err != nil {
		return err
	}
	fn := &v1alpha1.LambdaFunction{}
	fn.Name, fn.Namespace = f.Name, cmp.Or(f.Namespace, f.Deploy.Namespace)
	if err := i.funcSource(f, fn, folder); err != nil {
		return err
	}
	i.funcMetadata(&f.Deploy, fn)
	i.funcVariables(f.Run.Envs, &fn.Spec)
	if err := i.funcOptions(&f.Deploy, &fn.Spec); err != nil {
		return err
	}
	fn.Spec.ServiceAccountName = f.Deploy.ServiceAccountName
	// A function of func gets the events that it subscribes to, and no others.
	fn.Spec.Eventing = &v1alpha1.EventingSpec{Enabled: ptr.To(false)}
	for _, subscription := range f.Deploy.Subscriptions {
		fn.Spec.Triggers = append(fn.Spec.Triggers, v1alpha1.TriggerSpec{Broker: subscription.Source, Filter: subscription.Filters})
	}
	i.funcRest(f, fn.Spec.Source.Type)
	return i.add(fn, "LambdaFunction", fn.Validate(ctx))
}

// funcSource says where the code comes from: from git where it is there in a language that runs here, else from the image.
func (i *imported) funcSource(f *funcFile, fn *v1alpha1.LambdaFunction, folder string) error {
	spec, git := &fn.Spec, f.Build.Git
	language, runs := funcLanguages[f.Runtime]
	image, at := cmp.Or(f.Deploy.Image, f.Image), "image"
	if f.Deploy.Image != "" {
		at = "deploy.image"
	}
	switch {
	case git.URL != "" && runs:
		spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &v1alpha1.GitSource{URL: git.URL, Ref: git.Revision, Path: git.ContextDir}}
		spec.Runtime.Language = language
		i.funcHandler(f, &spec.Runtime, folder)
		i.funcRegistry(f, &spec.Build)
	case image != "":
		spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: withReference(nil, image)}
		spec.Source.Image.Digest = cmp.Or(spec.Source.Image.Digest, f.ImageDigest)
		if spec.Source.Image.Digest != "" {
			spec.Source.Image.Tag = ""
		}
		spec.Source.Image.Repository = i.qualify(at, spec.Source.Image.Repository)
		i.changed(at, "the image that func has built is served as it is: to have the code built here, say in build.git where it is")
		if git.URL != "" {
			i.lost("build.git", "functions of runtime %q are not built here: build them with func", f.Runtime)
		}
	case runs:
		return failf("push the folder to a git repository, and say in build.git.url which; or deploy it without: kn lambda deploy DIR", "build.git.url: it does not say where the code is, nor does deploy.image say which image was built of it")
	default:
		return failf("build it with func, and import it again", "runtime: %q is none of go, node, python, which are built here, and deploy.image does not say which image was built of it", f.Runtime)
	}
	return nil
}

// funcHandler says what is called, where that is not what is called by default.
func (i *imported) funcHandler(f *funcFile, r *v1alpha1.RuntimeSpec, folder string) {
	switch r.Language {
	case v1alpha1.LanguageNodeJS:
		r.Handler = "index.handle"
	case v1alpha1.LanguagePython:
		r.Handler = "function.func.new"
		// Until 2024 functions in Python had no class, and no folder.
		if _, err := os.Stat(filepath.Join(folder, "func.py")); folder != "" && err == nil {
			r.Handler = "func.main"
			i.changed("runtime", "main in func.py gets the data first, and then a context that has method, path and headers of the request itself")
		}
	}
	if f.Build.Builder != "" {
		i.changed("build.builder", "the image is built by Kaniko in the cluster, not by %s", f.Build.Builder)
	}
}

// funcRegistry says where the image is pushed.
func (i *imported) funcRegistry(f *funcFile, build *v1alpha1.BuildSpec) {
	if f.Image == "" {
		if end := "/" + f.Name; f.Registry != "" {
			build.Registry = strings.TrimSuffix(i.qualify("registry", f.Registry+end), end)
		}
		return
	}
	image := withReference(nil, f.Image)
	image.Repository = i.qualify("image", image.Repository)
	slash := strings.LastIndex(image.Repository, "/")
	build.Registry, build.Repository, build.Tag = image.Repository[:max(slash, 0)], image.Repository[slash+1:], image.Tag
}

// funcMetadata takes labels and annotations over. Those of Knative are for its Service, which the operator makes.
func (i *imported) funcMetadata(d *funcDeploy, fn *v1alpha1.LambdaFunction) {
	const onFunction = "it is put on the LambdaFunction, and not on its Knative Service"
	for _, key := range slices.Sorted(maps.Keys(d.Annotations)) {
		path := "deploy.annotations[" + key + "]"
		if prefix, _, _ := strings.Cut(key, "/"); strings.HasSuffix(prefix, "knative.dev") {
			i.lost(path, "annotations of Knative are made of the fields of the spec; put it on the Knative Service, where it stays")
			continue
		}
		i.changed(path, onFunction)
		if fn.Annotations == nil {
			fn.Annotations = map[string]string{}
		}
		fn.Annotations[key] = d.Annotations[key]
	}
	for n, label := range d.Labels {
		path := fmt.Sprintf("deploy.labels[%d]", n)
		if strings.Contains(label.Value, "{{") {
			i.lost(path, "the value of %s is of the environment of who deploys: write it", label.Key)
			continue
		}
		i.changed(path, onFunction)
		if fn.Labels == nil {
			fn.Labels = map[string]string{}
		}
		fn.Labels[label.Key] = label.Value
	}
}

// funcVariables takes variables over, and what they refer to.
func (i *imported) funcVariables(envs []funcEnv, spec *v1alpha1.LambdaFunctionSpec) {
	for n, env := range envs {
		path := fmt.Sprintf("run.envs[%d]", n)
		parts := funcReference.FindStringSubmatch(env.Value)
		switch {
		case v1alpha1.IsKnativeVariable(env.Name):
			i.lost(path, "%s is set by Knative", env.Name)
		case parts == nil && (env.Name == "" || strings.Contains(env.Value, "{{")):
			i.lost(path, "%q is not known: it is none of a value with a name, {{ env:NAME }}, {{ secret:NAME }}, {{ secret:NAME:KEY }}, and the same of configMap", env.Value)
		case parts == nil:
			spec.Env = append(spec.Env, corev1.EnvVar{Name: env.Name, Value: env.Value})
		case parts[1] == "env":
			i.lost(path, "its value is of the environment of who deploys: give it with kn lambda apply --env %s=VALUE", cmp.Or(env.Name, parts[2]))
		case (env.Name == "") != (parts[3] == ""):
			i.lost(path, "%q is not known: a variable has a name and a key, all of a Secret or ConfigMap has neither", env.Value)
		default:
			referTo(spec, env.Name, parts[1] == "secret", corev1.LocalObjectReference{Name: parts[2]}, parts[3])
		}
	}
}

// referTo adds a variable with a key of a Secret or ConfigMap or, without a name, variables of all its keys.
func referTo(spec *v1alpha1.LambdaFunctionSpec, variable string, secret bool, of corev1.LocalObjectReference, key string) {
	switch {
	case variable == "" && secret:
		spec.EnvFrom = append(spec.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: of}})
	case variable == "":
		spec.EnvFrom = append(spec.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: of}})
	case secret:
		from := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: of, Key: key}}
		spec.Env = append(spec.Env, corev1.EnvVar{Name: variable, ValueFrom: from})
	default:
		from := &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: of, Key: key}}
		spec.Env = append(spec.Env, corev1.EnvVar{Name: variable, ValueFrom: from})
	}
}

// funcOptions takes scaling and resources over, and tells where silence means something else here.
func (i *imported) funcOptions(d *funcDeploy, spec *v1alpha1.LambdaFunctionSpec) error {
	scale, resources := &d.Options.Scale, &d.Options.Resources
	for _, count := range []struct {
		path string
		from *int64
		to   **int32
	}{
		{"deploy.options.scale.min", scale.Min, &spec.Scaling.MinReplicas},
		// Without one func has no limit.
		{"deploy.options.scale.max", cmp.Or(scale.Max, ptr.To[int64](0)), &spec.Scaling.MaxReplicas},
	} {
		if count.from == nil {
			continue
		}
		if *count.from < 0 || *count.from > math.MaxInt32 {
			return failf("write a whole number", "%s: %d is too small or too large", count.path, *count.from)
		}
		*count.to = ptr.To(int32(*count.from))
	}
	for _, quantity := range []struct {
		path, value string
		list        *corev1.ResourceList
		name        corev1.ResourceName
	}{
		{"requests.cpu", resources.Requests.CPU, &spec.Resources.Requests, corev1.ResourceCPU},
		{"requests.memory", resources.Requests.Memory, &spec.Resources.Requests, corev1.ResourceMemory},
		{"limits.cpu", resources.Limits.CPU, &spec.Resources.Limits, corev1.ResourceCPU},
		{"limits.memory", resources.Limits.Memory, &spec.Resources.Limits, corev1.ResourceMemory},
	} {
		if quantity.value == "" {
			continue
		}
		parsed, err := resource.ParseQuantity(quantity.value)
		if err != nil {
			return failf("write for example 500m or 256Mi", "deploy.options.resources.%s: %q is no quantity", quantity.path, quantity.value)
		}
		if *quantity.list == nil {
			*quantity.list = corev1.ResourceList{}
		}
		(*quantity.list)[quantity.name] = parsed
	}
	if len(spec.Resources.Limits) < 2 { // of cpu and memory
		i.changed("deploy.options.resources.limits", "an instance gets at most 1 CPU and 512Mi where nothing is said, or what it requests where that is more; with func it has no limit")
	}
	spec.Scaling.ContainerConcurrency = resources.Limits.Concurrency
	i.funcTarget(d, &spec.Scaling)
	return nil
}

// funcTarget says what the autoscaler aims at.
func (i *imported) funcTarget(d *funcDeploy, s *v1alpha1.ScalingSpec) {
	const path = "deploy.options.scale.target"
	scale := &d.Options.Scale
	switch {
	case scale.Metric != "" && scale.Metric != "concurrency":
		i.lost("deploy.options.scale.metric", "functions scale by calls at once, not by %s: say in spec.scaling.targetConcurrency how many", scale.Metric)
		if scale.Target != nil {
			i.lost(path, "it counts %s", scale.Metric)
		}
	case scale.Target != nil:
		target := math.Ceil(*scale.Target)
		s.TargetConcurrency = ptr.To(int32(max(1, min(target, math.MaxInt32))))
		if target != *scale.Target || target < 1 {
			i.changed(path, "%d, because it is a whole number here", *s.TargetConcurrency)
		}
		i.limitTarget(path, s)
	default:
		i.changed(path, "where nothing is said it is 10 here, and 100 with func")
	}
	if scale.Utilization != nil {
		i.lost("deploy.options.scale.utilization", "it is Knative's own, 70 percent unless an operator changes it: make spec.scaling.targetConcurrency smaller in its place")
	}
}

// funcRest tells of what nothing here stands for.
func (i *imported) funcRest(f *funcFile, source v1alpha1.SourceType) {
	built := source != v1alpha1.SourceTypeImage
	for _, field := range []struct {
		given bool
		note
	}{
		{f.Domain != "", note{"domain", noteLost, "the cluster chooses: map the name with a DomainMapping of Knative"}},
		{f.Invoke != "" || f.Invocation.Format != "", note{"invoke", noteChanged, "kn lambda invoke takes it as a flag"}},
		{built && len(f.Build.BuilderImages) > 0, note{"build.builderImages", noteLost, "base images are those of ConfigMap config-runtimes"}},
		{built && len(f.Build.Buildpacks) > 0, note{"build.buildpacks", noteLost, "there are no buildpacks: have the image built elsewhere where one is needed"}},
		{built && len(f.Build.BuildEnvs) > 0, note{"build.buildEnvs", noteLost, "builds have no variables of the function's own"}},
		{built && f.Build.PVCSize != "", note{"build.pvcSize", noteChanged, "builds need no volume"}},
		{built && f.Build.RemoteStorageClass != "", note{"build.remoteStorageClass", noteChanged, "builds need no volume"}},
		{built && f.Deploy.Remote, note{"deploy.remote", noteChanged, "all builds are in the cluster"}},
		{len(f.Run.Volumes) > 0, note{"run.volumes", noteLost, "functions have no volumes: take Secrets and ConfigMaps as variables, with env or envFrom"}},
		{len(f.Run.PodSecurityContext) > 0, note{"run.podSecurityContext", noteLost, "functions run as 65532:65532, without privileges"}},
		{f.Run.StartTimeout != nil, note{"run.startTimeout", noteLost, "it is progress-deadline in Knative's ConfigMap config-deployment"}},
		{f.Deploy.HealthEndpoints.Liveness != "", note{"deploy.healthEndpoints.liveness", noteChanged, healthOf(built)}},
		{f.Deploy.HealthEndpoints.Readiness != "", note{"deploy.healthEndpoints.readiness", noteChanged, healthOf(built)}},
	} {
		if field.given {
			i.notes = append(i.notes, field.note)
		}
	}
}

func healthOf(built bool) string {
	if built {
		return "the runtime answers /health"
	}
	return "Knative looks whether the port answers"
}
