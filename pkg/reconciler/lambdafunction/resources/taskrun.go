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
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	tektonpod "github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

// The steps of a build, in their order.
const (
	// StepFetch makes the build context.
	StepFetch = "fetch"
	// StepBuild builds, seals and pushes the image.
	StepBuild = "build"
)

// The results of a build. Tekton Chains signs what IMAGE_URL and IMAGE_DIGEST name.
const (
	// ResultImageURL is the image that was pushed, by tag.
	ResultImageURL = "IMAGE_URL"
	// ResultImageDigest is its digest, sha256:<hex>.
	ResultImageDigest = "IMAGE_DIGEST"
	// ResultSourceRevision is what was fetched.
	ResultSourceRevision = "SOURCE_REVISION"
	// ResultContentHash is the SHA-256 of the build context.
	ResultContentHash = "CONTENT_HASH"
	// ResultFailure is a JSON object with reason and message, where the step fetch failed.
	ResultFailure = "FAILURE"
)

// SpanContextAnnotation is on a TaskRun; the value is a JSON object of the headers of a trace, which Tekton's own spans of the
// TaskRun are then part of. The name is from Tekton's package pkg/reconciler/taskrun.
const SpanContextAnnotation = "tekton.dev/taskrunSpanContext"

const (
	contextVolume, contextPath = "context", "/workspace/context"
	planVolume, planPath       = "plan", "/plan"
	// programVolume has the program of the step fetch for the step build, whose image has only Kaniko. Kaniko leaves
	// mounts alone when it clears its container's file system.
	programVolume, programPath           = "program", "/workspace/program"
	sourceSecretVolume, sourceSecretPath = "source-credentials", "/credentials"
	programFile                          = programPath + "/fetch"
	// stagedDigestFile is in the folder that Kaniko keeps for itself.
	stagedDigestFile = "/kaniko/staged-digest"
	// nonRoot is the user and group of everything of a build that needs no root.
	nonRoot int64 = 65532
)

// MakeTaskRun makes the TaskRun of a build. It waits in the queue of builds.
func MakeTaskRun(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) *tektonv1.TaskRun {
	taskRun := &tektonv1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{
			Name:            names.Build(fn, b.Key()),
			Namespace:       fn.Namespace,
			Labels:          buildLabels(fn, b),
			OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(fn)},
		},
		Spec: tektonv1.TaskRunSpec{
			ServiceAccountName: cfg.ServiceAccount,
			Timeout:            fn.Spec.Build.Timeout,
			Retries:            int(*fn.Spec.Build.Retries),
			TaskSpec: &tektonv1.TaskSpec{
				Results: results(),
				Steps:   []tektonv1.Step{fetchStep(fn, b, cfg), buildStep(fn, b, cfg)},
				Volumes: volumes(fn, b, cfg),
			},
			PodTemplate: &tektonpod.PodTemplate{
				// A build runs the code of others: it gets no say in the cluster. What a cloud lets its ServiceAccount do comes
				// by tokens of its own.
				AutomountServiceAccountToken: ptr.Bool(false),
				EnableServiceLinks:           ptr.Bool(false),
				SecurityContext: &corev1.PodSecurityContext{
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
			},
		},
	}
	taskRun.Annotations = map[string]string{
		lambda.BuildSettingsAnnotationKey: settings(&taskRun.Spec),
		lambda.BuildAttemptAnnotationKey:  strconv.Itoa(int(nextAttempt(fn, b))),
	}
	taskRun.Spec.Status = tektonv1.TaskRunSpecStatusPending
	return taskRun
}

// Attempt is the number of the try that the TaskRun is, counted from 1.
func Attempt(taskRun *tektonv1.TaskRun) int32 {
	n, err := strconv.ParseInt(taskRun.Annotations[lambda.BuildAttemptAnnotationKey], 10, 32)
	if err != nil || n < 1 {
		return 1
	}
	return int32(n)
}

func nextAttempt(fn *v1alpha1.LambdaFunction, b *Build) int32 {
	if status := fn.Status.BuildStatus; status != nil && status.Key == b.Key() {
		return status.Attempt + 1
	}
	return 1
}

// settings is a hash of what the TaskRun is made of. Unlike the build key it covers what does not go into the image:
// Secrets by name, limits, the addresses of registries.
func settings(spec *tektonv1.TaskRunSpec) string {
	raw, _ := json.Marshal(spec) // It has nothing that JSON could not hold.
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:tagLength]
}

func results() []tektonv1.TaskResult {
	return []tektonv1.TaskResult{
		{Name: ResultImageURL, Type: tektonv1.ResultsTypeString, Description: "The image that was pushed, by tag."},
		{Name: ResultImageDigest, Type: tektonv1.ResultsTypeString, Description: "The digest of the image."},
		{Name: ResultSourceRevision, Type: tektonv1.ResultsTypeString, Description: "What was fetched."},
		{Name: ResultContentHash, Type: tektonv1.ResultsTypeString, Description: "The SHA-256 of the build context."},
		{Name: ResultFailure, Type: tektonv1.ResultsTypeString, Description: "Why the source could not be fetched."},
	}
}

func resultPath(name string) string {
	return "$(results." + name + ".path)"
}

// fetchStep is the only step that is given the source's plan and credentials. It looks at the registry's Secret for the
// next one, too.
func fetchStep(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) tektonv1.Step {
	step := tektonv1.Step{
		Name:    StepFetch,
		Image:   cfg.FetchImage,
		Command: []string{"/ko-app/fetch"},
		Args: []string{
			"--plan=" + planPath + "/" + planFile,
			"--output=" + contextPath,
			"--image-url=" + b.Image(),
			"--image-url-file=" + resultPath(ResultImageURL),
			"--revision-file=" + resultPath(ResultSourceRevision),
			"--content-hash-file=" + resultPath(ResultContentHash),
			"--failure-file=" + resultPath(ResultFailure),
			"--copy-program=" + programFile,
		},
		ComputeResources: stepRequirements(cfg),
		VolumeMounts: []corev1.VolumeMount{
			{Name: planVolume, MountPath: planPath, ReadOnly: true},
			{Name: contextVolume, MountPath: contextPath},
			{Name: programVolume, MountPath: programPath},
		},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                ptr.Int64(nonRoot),
			RunAsGroup:               ptr.Int64(nonRoot),
			RunAsNonRoot:             ptr.Bool(true),
			ReadOnlyRootFilesystem:   ptr.Bool(true),
			AllowPrivilegeEscalation: ptr.Bool(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
	if len(cfg.AllowedNetworks) > 0 {
		step.Args = append(step.Args, "--allow-networks="+strings.Join(cfg.AllowedNetworks, ","))
	}
	if sourceSecret(&fn.Spec.Source) != "" {
		step.Args = append(step.Args, "--credentials="+sourceSecretPath)
		step.VolumeMounts = append(step.VolumeMounts,
			corev1.VolumeMount{Name: sourceSecretVolume, MountPath: sourceSecretPath, ReadOnly: true})
	}
	prepareRegistry(&step, fn, b, cfg)
	if fn.Spec.Source.Type == v1alpha1.SourceTypeOCI {
		fetchFromRegistry(&step, fn, b, cfg)
	}
	return step
}

func buildStep(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) tektonv1.Step {
	step := tektonv1.Step{
		Name:             StepBuild,
		Image:            cfg.KanikoImage,
		Command:          []string{programFile, "seal"},
		Args:             slices.Concat(sealArgs(fn, b, cfg), []string{"/kaniko/executor"}, kanikoArgs(fn, b, cfg)),
		ComputeResources: stepRequirements(cfg),
		VolumeMounts: []corev1.VolumeMount{
			{Name: contextVolume, MountPath: contextPath, ReadOnly: true},
			{Name: programVolume, MountPath: programPath, ReadOnly: true},
		},
		// Kaniko unpacks images into its own root file system, and so is root there, with just the capabilities that
		// writing files of other owners takes.
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                ptr.Int64(0),
			RunAsNonRoot:             ptr.Bool(false),
			AllowPrivilegeEscalation: ptr.Bool(false),
			Capabilities: &corev1.Capabilities{
				Drop: []corev1.Capability{"ALL"},
				Add:  []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETUID"},
			},
		},
	}
	useRegistry(&step, fn, b, cfg)
	return step
}

// sealArgs make of the image that Kaniko pushes the one that the function runs.
func sealArgs(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) []string {
	args := []string{
		"--context-dir=" + contextPath,
		"--staged=" + b.staged(),
		"--staged-digest-file=" + stagedDigestFile,
		"--image=" + b.Image(),
		"--digest-file=" + resultPath(ResultImageDigest),
	}
	if b.cache != "" {
		args = append(args, "--cache-repo="+b.cache)
	}
	return append(args, registryArgs(fn, b, cfg)...)
}

func kanikoArgs(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) []string {
	args := []string{
		"--context=dir://" + contextPath,
		"--destination=" + b.staged(),
		"--digest-file=" + stagedDigestFile,
		// A push that is not allowed fails as clearly by itself, and every build is a round trip shorter.
		"--skip-push-permission-check",
		"--skip-unused-stages",
		"--push-retry=3",
		"--image-download-retry=3",
		"--log-format=text",
		"--log-timestamp=false",
	}
	if b.cache != "" {
		// Only layers of dependencies are looked up and kept: without dependencies the cache costs nothing.
		args = append(args, "--cache=true", "--cache-repo="+b.cache)
	}
	return append(args, registryArgs(fn, b, cfg)...)
}

// registryArgs say how registries are spoken to, in words that Kaniko and sealing share.
func registryArgs(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) []string {
	var args []string
	if cfg.RegistryMirror != "" {
		args = append(args, "--registry-mirror="+cfg.RegistryMirror)
	}
	args = append(args, insecureArgs(fn, b, cfg)...)
	if hasRegistryFiles(fn, cfg) {
		args = append(args, certificateArgs(b, cfg)...)
	}
	return args
}

// stepRequirements are of one of the two steps. A node sets aside the sum of what they request, though they run one after
// the other: so each requests half of what is set aside for a build, and may use all of what a build may.
func stepRequirements(cfg *config.Build) corev1.ResourceRequirements {
	requests := cfg.Requests.DeepCopy()
	for name, whole := range requests {
		half := resource.NewQuantity(whole.Value()/2, whole.Format)
		if name == corev1.ResourceCPU {
			half = resource.NewMilliQuantity(whole.MilliValue()/2, whole.Format)
		}
		requests[name] = *half
	}
	return corev1.ResourceRequirements{Requests: requests, Limits: cfg.Limits.DeepCopy()}
}

func volumes(fn *v1alpha1.LambdaFunction, b *Build, cfg *config.Build) []corev1.Volume {
	v := []corev1.Volume{{
		Name:         contextVolume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	}, {
		Name:         programVolume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	}, {
		Name: planVolume,
		VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: names.Build(fn, b.Key())},
		}},
	}}
	if name := sourceSecret(&fn.Spec.Source); name != "" {
		v = append(v, corev1.Volume{
			Name: sourceSecretVolume,
			VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
				SecretName: name,
				// Without the Secret the step says so, where its pod would wait for it in silence.
				Optional: ptr.Bool(true),
			}},
		})
	}
	return append(v, registryVolumes(fn, cfg)...)
}
