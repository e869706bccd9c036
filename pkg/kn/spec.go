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
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// specFlags are what a function is made of at the command line. Flags that are not given leave the function as it is.
type specFlags struct {
	objects objectFlags

	code, codeFile, dependencies   string
	git, revision, path, gitSecret string
	image                          string
	language, version, handler     string
	response                       string
	env, secretEnv, envFrom        []string
	min, max                       int32
	concurrency                    int64
	timeout                        time.Duration
	request, limit                 []string
	serviceAccount, registry       string
}

// languages and their file names' ends, by which --code-file tells the language.
var languages = map[string]v1alpha1.Language{
	".py": v1alpha1.LanguagePython, ".js": v1alpha1.LanguageNodeJS, ".mjs": v1alpha1.LanguageNodeJS, ".cjs": v1alpha1.LanguageNodeJS,
	".go": v1alpha1.LanguageGo,
}

func (f *specFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.code, "code", "", "The code itself.")
	flags.StringVar(&f.codeFile, "code-file", "", "File with the code, or - for standard input.")
	flags.StringVar(&f.dependencies, "dependencies", "", "File with what the code imports: a requirements.txt, package.json or go.mod.")
	flags.StringVar(&f.git, "git", "", "URL of the git repository that has the code.")
	flags.StringVar(&f.revision, "revision", "", "Branch, tag or commit of the git repository. By default main.")
	flags.StringVar(&f.path, "path", "", "Folder or file of the function in the git repository.")
	flags.StringVar(&f.gitSecret, "git-secret", "", "Secret that the git repository is read with.")
	flags.StringVar(&f.image, "image", "", "Image that is there already: nothing is built.")
	f.objects.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("code", "code-file", "git", "image", "s3", "minio", "gcs")
	complete(cmd, "code-file", files)
	complete(cmd, "dependencies", files)
	f.addRest(cmd, "what the name of --code-file ends with")
}

// addRest adds all flags but those that say where the code is. told is what the language is where it is not given.
func (f *specFlags) addRest(cmd *cobra.Command, told string) {
	flags := cmd.Flags()
	flags.StringVar(&f.language, "language", "", "Language of the code: python, nodejs or go. By default "+told+".")
	flags.StringVar(&f.version, "version", "", "Version of the language. By default what the cluster has as its default.")
	flags.StringVar(&f.handler, "handler", "", "What is called, module.function. By default main.handler, index.handler or main.Handler.")
	flags.StringVar(&f.response, "response", "", "What callers get: raw or envelope.")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "Environment variable, NAME=VALUE, or NAME- to take it away. May be given several times.")
	flags.StringArrayVar(&f.secretEnv, "secret-env", nil, "Environment variable with a key of a Secret, NAME=SECRET:KEY. May be given several times.")
	flags.StringArrayVar(&f.envFrom, "env-from", nil, "Environment variables of all keys of a Secret or ConfigMap, secret:NAME or config-map:NAME. May be given several times.")
	flags.Int32Var(&f.min, "min", 0, "Number of instances that are always there.")
	flags.Int32Var(&f.max, "max", 0, "Largest number of instances; 0 is no limit. By default 50.")
	flags.Int64Var(&f.concurrency, "concurrency", 0, "Calls that one instance works on at once; 0 is no limit.")
	flags.DurationVar(&f.timeout, "timeout", 0, "Longest time of a call, such as 30s. By default 5m.")
	flags.StringSliceVar(&f.request, "request", nil, "What is set aside for an instance, such as cpu=100m,memory=128Mi.")
	flags.StringSliceVar(&f.limit, "limit", nil, "The most that an instance gets, such as cpu=1,memory=512Mi.")
	flags.StringVar(&f.serviceAccount, "service-account", "", "ServiceAccount that the function runs as.")
	flags.StringVar(&f.registry, "registry", "", "Registry the image is pushed to. By default that of the cluster.")
	complete(cmd, "language", oneOf("python", "nodejs", "go"))
	complete(cmd, "response", oneOf(string(v1alpha1.ResponseRaw), string(v1alpha1.ResponseEnvelope)))
}

// apply changes a function by the flags that are given.
func (f *specFlags) apply(flags *pflag.FlagSet, fn *v1alpha1.LambdaFunction, in io.Reader) error {
	spec := &fn.Spec
	if err := f.applySource(flags, spec, in); err != nil {
		return err
	}
	set := func(flag string, do func()) {
		if flags.Changed(flag) {
			do()
		}
	}
	set("language", func() { spec.Runtime.Language = v1alpha1.Language(f.language) })
	set("version", func() { spec.Runtime.Version = f.version })
	set("handler", func() { spec.Runtime.Handler = f.handler })
	set("response", func() { spec.Runtime.Response = v1alpha1.ResponseMode(f.response) })
	set("min", func() { spec.Scaling.MinReplicas = ptr.To(f.min) })
	set("max", func() { spec.Scaling.MaxReplicas = ptr.To(f.max) })
	set("concurrency", func() { spec.Scaling.ContainerConcurrency = ptr.To(f.concurrency) })
	set("timeout", func() { spec.TimeoutSeconds = ptr.To(int64(f.timeout.Round(time.Second) / time.Second)) })
	set("service-account", func() { spec.ServiceAccountName = f.serviceAccount })
	set("registry", func() { spec.Build.Registry = f.registry })
	if err := f.applyEnv(spec); err != nil {
		return err
	}
	if err := setQuantities("request", f.request, &spec.Resources.Requests); err != nil {
		return err
	}
	return setQuantities("limit", f.limit, &spec.Resources.Limits)
}

// applySource changes where the code comes from. A source of another type replaces the one that is there.
func (f *specFlags) applySource(flags *pflag.FlagSet, spec *v1alpha1.LambdaFunctionSpec, in io.Reader) error {
	source := &spec.Source
	become := func(t v1alpha1.SourceType) {
		if source.Type != t {
			*source = v1alpha1.SourceSpec{Type: t}
		}
	}
	switch {
	case flags.Changed("image"):
		become(v1alpha1.SourceTypeImage)
		source.Image = withReference(source.Image, f.image)
	case flags.Changed("git"):
		become(v1alpha1.SourceTypeGit)
		source.Git = orNew(source.Git)
		source.Git.URL = f.git
	case flags.Changed("code"), flags.Changed("code-file"):
		code, err := f.readCode(spec, in)
		if err != nil {
			return err
		}
		become(v1alpha1.SourceTypeInline)
		source.Inline = orNew(source.Inline)
		source.Inline.Code = code
	}
	if flags.Changed("dependencies") {
		if source.Inline == nil {
			return usagef("--dependencies are for functions with --code or --code-file")
		}
		dependencies, err := os.ReadFile(f.dependencies)
		if err != nil {
			return fmt.Errorf("failed to read the dependencies: %w", err)
		}
		source.Inline.Dependencies = string(dependencies)
	}
	if err := f.objects.apply(flags, source, become); err != nil {
		return err
	}
	return f.applyGit(flags, source.Git)
}

// applyGit changes what the flags below --git say.
func (f *specFlags) applyGit(flags *pflag.FlagSet, git *v1alpha1.GitSource) error {
	for _, flag := range []string{"revision", "path", "git-secret"} {
		if flags.Changed(flag) && git == nil {
			return usagef("--%s is for functions with --git", flag)
		}
	}
	if flags.Changed("revision") {
		git.Ref = f.revision
	}
	if flags.Changed("path") {
		git.Path = f.path
	}
	if flags.Changed("git-secret") {
		git.SecretRef = &corev1.LocalObjectReference{Name: f.gitSecret}
	}
	return nil
}

// readCode returns the code, and has the language be what the file's name says where nothing else does.
func (f *specFlags) readCode(spec *v1alpha1.LambdaFunctionSpec, in io.Reader) (string, error) {
	if f.codeFile == "" {
		return f.code, nil
	}
	if spec.Runtime.Language == "" {
		spec.Runtime.Language = languages[strings.ToLower(filepath.Ext(f.codeFile))]
	}
	code, err := readFile(f.codeFile, in)
	if err != nil {
		return "", fmt.Errorf("failed to read the code: %w", err)
	}
	return string(code), nil
}

// readFile reads a file, or standard input for -.
func readFile(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// withReference has an image source be the image that a reference names: repository, repository:tag or repository@digest.
func withReference(image *v1alpha1.ImageSource, reference string) *v1alpha1.ImageSource {
	if image == nil {
		image = &v1alpha1.ImageSource{}
	}
	var repository string
	repository, image.Digest, _ = strings.Cut(reference, "@")
	image.Repository, image.Tag = repository, ""
	// A colon before the last slash is that of a registry's port.
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		image.Repository, image.Tag = repository[:colon], repository[colon+1:]
	}
	return image
}

func (f *specFlags) applyEnv(spec *v1alpha1.LambdaFunctionSpec) error {
	for _, given := range f.env {
		name, value, ok := strings.Cut(given, "=")
		removed, remove := strings.CutSuffix(given, "-")
		switch {
		case ok && name != "":
			spec.Env = withEnv(spec.Env, corev1.EnvVar{Name: name, Value: value})
		case !ok && remove && removed != "":
			spec.Env = slices.DeleteFunc(spec.Env, func(v corev1.EnvVar) bool { return v.Name == removed })
		default:
			return usagef("--env %q: write NAME=VALUE, or NAME- to take it away", given)
		}
	}
	for _, given := range f.secretEnv {
		name, from, _ := strings.Cut(given, "=")
		secret, key, ok := strings.Cut(from, ":")
		if !ok || name == "" || secret == "" || key == "" {
			return usagef("--secret-env %q: write NAME=SECRET:KEY", given)
		}
		spec.Env = withEnv(spec.Env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
		}}})
	}
	for _, given := range f.envFrom {
		kind, name, _ := strings.Cut(given, ":")
		reference := corev1.LocalObjectReference{Name: name}
		var from corev1.EnvFromSource
		switch {
		case kind == "secret" && name != "":
			from.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: reference}
		case kind == "config-map" && name != "":
			from.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: reference}
		default:
			return usagef("--env-from %q: write secret:NAME or config-map:NAME", given)
		}
		if !slices.ContainsFunc(spec.EnvFrom, func(other corev1.EnvFromSource) bool { return sameSource(&other, &from) }) {
			spec.EnvFrom = append(spec.EnvFrom, from)
		}
	}
	return nil
}

func sameSource(a, b *corev1.EnvFromSource) bool {
	return a.Prefix == b.Prefix && ptr.Equal(a.SecretRef, b.SecretRef) && ptr.Equal(a.ConfigMapRef, b.ConfigMapRef)
}

// withEnv sets a variable, in its place where it has one.
func withEnv(env []corev1.EnvVar, v corev1.EnvVar) []corev1.EnvVar {
	if i := slices.IndexFunc(env, func(other corev1.EnvVar) bool { return other.Name == v.Name }); i >= 0 {
		env[i] = v
		return env
	}
	return append(env, v)
}

func setQuantities(flag string, pairs []string, list *corev1.ResourceList) error {
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		quantity, err := resource.ParseQuantity(value)
		if err != nil || name == "" {
			return usagef("--%s %q: write cpu=QUANTITY or memory=QUANTITY", flag, pair)
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[corev1.ResourceName(name)] = quantity
	}
	return nil
}
