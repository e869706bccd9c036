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

package resources

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/registry"
)

const (
	registrySecretVolume, registrySecretPath = "registry-credentials", "/registry-credentials"
	// registryVolume is what the first step makes of the Secret, for the second.
	registryVolume, registryPath = "registry", "/registry"
	// kanikoRegistryPath is where Kaniko does not take it for a part of the image.
	kanikoRegistryPath = "/kaniko/registry"
)

// awsKeys are the keys of a Secret for Amazon's registry. They are the names of the variables that Kaniko reads, too.
var awsKeys = []string{registry.KeyAWSID, registry.KeyAWSSecret, registry.KeyAWSSession}

// registryType is the type of the registry that images of the function are pushed to.
func registryType(fn *v1alpha1.LambdaFunction, cfg *config.Build) v1alpha1.RegistryType {
	return fn.Spec.Build.TypeOf(cmp.Or(fn.Spec.Build.Registry, cfg.Registry))
}

// registrySecret is the name of the Secret that images are pushed and pulled with, or "".
func registrySecret(fn *v1alpha1.LambdaFunction, cfg *config.Build) string {
	if fn.Spec.Build.ImagePullSecret == "" && registryType(fn, cfg) == v1alpha1.RegistryTypeLocal {
		return ""
	}
	return cmp.Or(fn.Spec.Build.ImagePullSecret, cfg.RegistrySecret)
}

// hasRegistryFiles is true where there is something for the first step to make ready.
func hasRegistryFiles(fn *v1alpha1.LambdaFunction, cfg *config.Build) bool {
	return cfg.RegistryCA != "" || registrySecret(fn, cfg) != ""
}

// prepareRegistry has the first step check the Secret, and make ready what Kaniko reads.
func prepareRegistry(step *tektonv1.Step, fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) {
	if !hasRegistryFiles(fn, cfg) {
		return
	}
	step.Args = append(step.Args, "--registry-output="+registryPath)
	step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: registryVolume, MountPath: registryPath})
	if cfg.RegistryCA != "" {
		step.Env = append(step.Env, corev1.EnvVar{Name: registry.AuthoritiesVariable, Value: cfg.RegistryCA})
	}
	secret := registrySecret(fn, cfg)
	if secret == "" {
		return
	}
	step.Args = append(step.Args,
		"--registry-secret="+registrySecretPath,
		"--registry-secret-name="+secret,
		"--registry-type="+string(registryType(fn, cfg)),
		"--registry-host="+hostOf(b.Repository),
	)
	if fn.Spec.Build.ImagePullSecret == "" {
		step.Args = append(step.Args, "--registry-secret-optional")
	}
	step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: registrySecretVolume, MountPath: registrySecretPath, ReadOnly: true})
}

// fetchFromRegistry has the first step fetch the source from a registry, as the next one pushes the image.
func fetchFromRegistry(step *tektonv1.Step, fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) {
	if own := cfg.RegistryHost(); own != "" {
		step.Args = append(step.Args, "--own-registry="+own)
	}
	step.Args = append(step.Args, insecureArgs(fn, b, cfg)...)
	if sourceSecret(&fn.Spec.Source) == "" {
		step.Env = append(step.Env, awsEnv(fn, cfg)...)
	}
}

// insecureArgs name the registries that speak plain http.
func insecureArgs(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) []string {
	hosts := slices.Clone(cfg.InsecureRegistries)
	if fn.Spec.Build.Insecure {
		host, _, _ := strings.Cut(b.Repository, "/")
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	args := make([]string, 0, len(hosts))
	for _, host := range hosts {
		args = append(args, "--insecure-registry="+host)
	}
	return args
}

// awsEnv is the key of a user of Amazon, where the registry's Secret is one for Amazon's.
func awsEnv(fn *v1alpha1.LambdaFunction, cfg *config.Build) (env []corev1.EnvVar) {
	secret := registrySecret(fn, cfg)
	if secret == "" || registryType(fn, cfg) != v1alpha1.RegistryTypeECR {
		return nil
	}
	for _, key := range awsKeys {
		env = append(env, corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key, Optional: ptr.Bool(true),
		}}})
	}
	return env
}

// useRegistry lets Kaniko log in to registries, and trust them.
func useRegistry(step *tektonv1.Step, fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) {
	if fn.Spec.Build.AWSRegion != "" {
		step.Env = append(step.Env, corev1.EnvVar{Name: "AWS_REGION", Value: fn.Spec.Build.AWSRegion})
	}
	if slices.ContainsFunc(append(pullHosts(b, cfg), hostOf(b.Repository)), isECR) {
		// A login that is kept in a file could end in the image.
		step.Env = append(step.Env, corev1.EnvVar{Name: "AWS_ECR_DISABLE_CACHE", Value: "true"})
	}
	if !hasRegistryFiles(fn, cfg) {
		return
	}
	step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: registryVolume, MountPath: kanikoRegistryPath, ReadOnly: true})
	if registrySecret(fn, cfg) == "" {
		return
	}
	step.Env = append(step.Env, corev1.EnvVar{Name: "DOCKER_CONFIG", Value: kanikoRegistryPath})
	step.Env = append(step.Env, awsEnv(fn, cfg)...)
}

// certificateArgs say whom Kaniko and sealing trust beside the authorities of its own image: of the registry that is pushed to those
// of its Secret, of all registries those of the cluster's.
func certificateArgs(b *Build, cfg *config.Build) []string {
	pushed := hostOf(b.Repository)
	args := []string{"--registry-certificate=" + pushed + "=" + kanikoRegistryPath + "/" + registry.PushAuthoritiesFile}
	if cfg.RegistryCA == "" {
		return args
	}
	for _, host := range pullHosts(b, cfg) {
		if host != pushed {
			args = append(args, "--registry-certificate="+host+"="+kanikoRegistryPath+"/"+registry.AuthoritiesFile)
		}
	}
	return args
}

// pullHosts are the registries that a build takes something from: each once, sorted.
func pullHosts(b *Build, cfg *config.Build) []string {
	var hosts []string
	for _, image := range []string{b.Plan.BaseImage, b.Plan.BuilderImage, b.Plan.RuntimeImage, b.cache} {
		if image != "" {
			hosts = append(hosts, hostOf(image))
		}
	}
	if cfg.RegistryMirror != "" {
		hosts = append(hosts, cfg.RegistryMirror)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// hostOf is the registry of an image as Kaniko calls it.
func hostOf(image string) string {
	if ref, err := name.ParseReference(image); err == nil {
		return ref.Context().RegistryStr()
	}
	host, _, _ := strings.Cut(image, "/")
	return host
}

func isECR(host string) bool {
	return (&v1alpha1.BuildSpec{}).TypeOf(host) == v1alpha1.RegistryTypeECR
}

// cacheRepository is where layers of dependencies are kept, or "". Amazon's registry makes no repository when something
// is pushed to it, and Docker Hub's have no further path: there layers are beside the image, under tags of their own.
func cacheRepository(fn *v1alpha1.LambdaFunction, repository string, cfg *config.Build) string {
	switch {
	case cfg.CacheRepository == config.CacheDisabled:
		return ""
	case cfg.CacheRepository != "":
		return cfg.CacheRepository
	}
	switch registryType(fn, cfg) {
	case v1alpha1.RegistryTypeECR, v1alpha1.RegistryTypeDockerHub:
		return repository
	default:
		return repository + "/cache"
	}
}

// registryVolumes are the volumes of prepareRegistry and useRegistry.
func registryVolumes(fn *v1alpha1.LambdaFunction, cfg *config.Build) []corev1.Volume {
	if !hasRegistryFiles(fn, cfg) {
		return nil
	}
	volumes := []corev1.Volume{{
		Name: registryVolume,
		// What is secret is written to no disk.
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}},
	}}
	if secret := registrySecret(fn, cfg); secret != "" {
		volumes = append(volumes, corev1.Volume{
			Name: registrySecretVolume,
			VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
				SecretName: secret,
				// Without the Secret the step says so, where its pod would wait for it in silence.
				Optional: ptr.Bool(true),
			}},
		})
	}
	return volumes
}

// pullSecrets are the Secrets that the function's image is pulled with. kubelet takes Docker's logins from them, and
// leaves alone what Amazon and Google have beside those: their nodes pull with an identity of their own.
func pullSecrets(fn *v1alpha1.LambdaFunction, cfg *config.Build) []corev1.LocalObjectReference {
	if image := fn.Spec.Source.Image; fn.Spec.Source.Type == v1alpha1.SourceTypeImage && image != nil {
		return slices.Clone(image.ImagePullSecrets)
	}
	secret := registrySecret(fn, cfg)
	if secret == "" {
		return nil
	}
	return []corev1.LocalObjectReference{{Name: secret}}
}
