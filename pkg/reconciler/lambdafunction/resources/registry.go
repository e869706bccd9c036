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

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const (
	registryVolume   = "registry-credentials"
	dockerConfigPath = "/kaniko/.docker"
	googleKeyPath    = "/kaniko/google"
	googleKey        = "key.json"
)

// awsKeys are the keys of a Secret for Amazon's registry. They are the names of the variables that Kaniko reads, too.
var awsKeys = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// registrySecret is the name of the Secret that images are pushed with, or "".
func registrySecret(fn *v1alpha1.LambdaFunction, cfg *config.Build) string {
	if fn.Spec.Build.RegistryType == v1alpha1.RegistryTypeLocal {
		return ""
	}
	return cmp.Or(fn.Spec.Build.ImagePullSecret, cfg.RegistrySecret)
}

// registryAccess is what lets Kaniko log in to the registry: beside the mounts that are there, those of the Secret, and
// the variables that say where it is.
func registryAccess(fn *v1alpha1.LambdaFunction, cfg *config.Build, mounts []corev1.VolumeMount) ([]corev1.EnvVar, []corev1.VolumeMount) {
	var env []corev1.EnvVar
	if fn.Spec.Build.AWSRegion != "" {
		env = append(env, corev1.EnvVar{Name: "AWS_REGION", Value: fn.Spec.Build.AWSRegion})
	}
	secret := registrySecret(fn, cfg)
	if secret == "" {
		return env, mounts
	}
	switch fn.Spec.Build.RegistryType {
	case v1alpha1.RegistryTypeECR:
		for _, key := range awsKeys {
			env = append(env, corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key, Optional: ptr.Bool(true),
			}}})
		}
		return env, mounts
	case v1alpha1.RegistryTypeGCR:
		env = append(env, corev1.EnvVar{Name: "GOOGLE_APPLICATION_CREDENTIALS", Value: googleKeyPath + "/" + googleKey})
		return env, append(mounts, corev1.VolumeMount{Name: registryVolume, MountPath: googleKeyPath, ReadOnly: true})
	default:
		env = append(env, corev1.EnvVar{Name: "DOCKER_CONFIG", Value: dockerConfigPath})
		return env, append(mounts, corev1.VolumeMount{Name: registryVolume, MountPath: dockerConfigPath, ReadOnly: true})
	}
}

// registryVolumes are the volumes of registryAccess.
func registryVolumes(fn *v1alpha1.LambdaFunction, cfg *config.Build) []corev1.Volume {
	secret, item := registrySecret(fn, cfg), corev1.KeyToPath{Key: corev1.DockerConfigJsonKey, Path: "config.json"}
	switch {
	case secret == "" || fn.Spec.Build.RegistryType == v1alpha1.RegistryTypeECR:
		return nil
	case fn.Spec.Build.RegistryType == v1alpha1.RegistryTypeGCR:
		item = corev1.KeyToPath{Key: googleKey, Path: googleKey}
	}
	return []corev1.Volume{{
		Name: registryVolume,
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: secret,
			Items:      []corev1.KeyToPath{item},
			Optional:   ptr.Bool(true),
		}},
	}}
}

// pullSecrets are the Secrets that the function's image is pulled with. What Amazon and Google take is no such Secret:
// their nodes pull with an identity of their own.
func pullSecrets(fn *v1alpha1.LambdaFunction, cfg *config.Build) []corev1.LocalObjectReference {
	if image := fn.Spec.Source.Image; fn.Spec.Source.Type == v1alpha1.SourceTypeImage && image != nil {
		return slices.Clone(image.ImagePullSecrets)
	}
	secret := registrySecret(fn, cfg)
	switch fn.Spec.Build.RegistryType {
	case v1alpha1.RegistryTypeECR, v1alpha1.RegistryTypeGCR:
		return nil
	}
	if secret == "" {
		return nil
	}
	return []corev1.LocalObjectReference{{Name: secret}}
}
