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

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// The conditions of a LambdaFunction. LambdaAgents have ConditionReady, ConditionServiceReady and ConditionEventingReady too.
const (
	// ConditionReady is True when the present spec is built and serves.
	ConditionReady = apis.ConditionReady
	// ConditionSourceReady is True when the source is complete and a build can be planned from it.
	ConditionSourceReady apis.ConditionType = "SourceReady"
	// ConditionBuildReady is True when the image of the present spec is there.
	ConditionBuildReady apis.ConditionType = "BuildReady"
	// ConditionDeployReady is True when the Revision of the present spec started well.
	ConditionDeployReady apis.ConditionType = "DeployReady"
	// ConditionServiceReady is True when calls reach a Revision, though perhaps not yet that of the present spec.
	ConditionServiceReady apis.ConditionType = "ServiceReady"
	// ConditionEventingReady is True when events reach the function: its Broker, Triggers and sources are ready. It counts
	// for Ready only where the function asks for eventing; else its severity is Info.
	ConditionEventingReady apis.ConditionType = "EventingReady"
)

// The reasons of conditions that are not True. They are part of the API: alerts and scripts may rely on them.
const (
	// ReasonSourceInvalid : the source cannot be made into a build; the message says which field is wrong.
	ReasonSourceInvalid = "SourceInvalid"
	// ReasonVersionNotOffered : ConfigMap config-runtimes no longer offers the version of the language.
	ReasonVersionNotOffered = "VersionNotOffered"
	// ReasonRegistryNotConfigured : neither spec.build.registry nor ConfigMap config-build names a registry.
	ReasonRegistryNotConfigured = "RegistryNotConfigured"
	// ReasonNotOwned : an object of the name that is needed belongs to somebody else.
	ReasonNotOwned = "NotOwned"
	// ReasonQueued : the build waits for its turn; ConfigMap config-build says how many run at once.
	ReasonQueued = "Queued"
	// ReasonBuildPending : the TaskRun is there, and its pod has not started.
	ReasonBuildPending = "BuildPending"
	// ReasonBuildQuotaExceeded : a quota of the namespace leaves no room for the build's pod.
	ReasonBuildQuotaExceeded = "BuildQuotaExceeded"
	// ReasonBuildUnschedulable : no node has room for the build's pod.
	ReasonBuildUnschedulable = "BuildUnschedulable"
	// ReasonBuildRunning : the build goes on.
	ReasonBuildRunning = "BuildRunning"
	// ReasonFetchFailed : the step that fetches the source failed.
	ReasonFetchFailed = "FetchFailed"
	// ReasonBuildFailed : the step that builds the image failed, for none of the reasons below.
	ReasonBuildFailed = "BuildFailed"
	// ReasonCompileFailed : the code does not compile.
	ReasonCompileFailed = "CompileFailed"
	// ReasonDependencyNotFound : the package manager finds no such dependency, or none that goes with the others.
	ReasonDependencyNotFound = "DependencyNotFound"
	// ReasonPackageIndexUnavailable : what dependencies come from cannot be reached.
	ReasonPackageIndexUnavailable = "PackageIndexUnavailable"
	// ReasonBaseImageNotFound : the base image of the language's version is not there.
	ReasonBaseImageNotFound = "BaseImageNotFound"
	// ReasonRegistryDenied : the registry of the base image or of the function's wants other credentials, or any.
	ReasonRegistryDenied = "RegistryDenied"
	// ReasonRepositoryNotFound : the registry has no such repository, and makes none when something is pushed to it.
	ReasonRepositoryNotFound = "RepositoryNotFound"
	// ReasonRegistryUnavailable : a registry cannot be reached, or failed.
	ReasonRegistryUnavailable = "RegistryUnavailable"
	// ReasonRegistryCertificateInvalid : nobody who is trusted vouches for a registry.
	ReasonRegistryCertificateInvalid = "RegistryCertificateInvalid"
	// ReasonBuildOutOfMemory : a step used more memory than memory-limit in ConfigMap config-build.
	ReasonBuildOutOfMemory = "BuildOutOfMemory"
	// ReasonBuildPodFailed : the build's pod could not be made, or was taken away.
	ReasonBuildPodFailed = "BuildPodFailed"
	// ReasonBuildTimeout : the build took longer than spec.build.timeout.
	ReasonBuildTimeout = "BuildTimeout"
	// ReasonBuildCancelled : somebody cancelled the TaskRun.
	ReasonBuildCancelled = "BuildCancelled"
	// ReasonBuildImagePullFailed : an image of the build's own steps cannot be pulled.
	ReasonBuildImagePullFailed = "BuildImagePullFailed"
	// ReasonBuildResultMissing : the build says it succeeded, and does not say what it pushed.
	ReasonBuildResultMissing = "BuildResultMissing"
	// ReasonWaitingForBuild : there is no image yet that could be deployed.
	ReasonWaitingForBuild = "WaitingForBuild"
	// ReasonServiceRefused : Knative does not take the Service; the message says which field it minds.
	ReasonServiceRefused = "ServiceRefused"
	// ReasonDeploying : the Knative Service has not come to an end with the present spec.
	ReasonDeploying = "Deploying"
	// ReasonUnschedulable : no node has room for the new Revision's pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonNotAnswering : the new Revision's container runs for a while, and does not answer.
	ReasonNotAnswering = "NotAnswering"
	// ReasonRevisionFailed : the new Revision does not start; the message has its own words.
	ReasonRevisionFailed = "RevisionFailed"
	// ReasonRouteFailed : no calls reach the function.
	ReasonRouteFailed = "RouteFailed"
	// ReasonRolledBack : an earlier Revision has all calls. ServiceReady is True.
	ReasonRolledBack = "RolledBack"
	// ReasonEventingDisabled : the function does not want events. EventingReady is True.
	ReasonEventingDisabled = "EventingDisabled"
	// ReasonEventingNotInstalled : the cluster has no Knative Eventing, or not the part of it that the function wants.
	ReasonEventingNotInstalled = "EventingNotInstalled"
	// ReasonEventingStarting : the controller has not yet seen what there is of Knative Eventing.
	ReasonEventingStarting = "EventingStarting"
	// ReasonEventingRefused : Knative Eventing, or Kubernetes, does not take an object; the message says which and why.
	ReasonEventingRefused = "EventingRefused"
	// ReasonBrokerNotFound : there is no Broker of the name that the function gives.
	ReasonBrokerNotFound = "BrokerNotFound"
	// ReasonBrokerNotReady : the Broker does not take events; the message has its own words.
	ReasonBrokerNotReady = "BrokerNotReady"
	// ReasonBrokerSettingsConflict : the shared Broker has other settings, of the function that the message names.
	ReasonBrokerSettingsConflict = "BrokerSettingsConflict"
	// ReasonFiltersNotSupported : the Broker's class does not know the filters that the function has.
	ReasonFiltersNotSupported = "FiltersNotSupported"
	// ReasonTriggerNotReady : a Trigger does not send events; the message has its own words.
	ReasonTriggerNotReady = "TriggerNotReady"
	// ReasonEventSourceNotReady : a schedule or the source of objects' changes does not work; the message has its own words.
	ReasonEventSourceNotReady = "EventSourceNotReady"
	// ReasonAPISourceForbidden : the controller may not let the function read objects of a kind.
	ReasonAPISourceForbidden = "APISourceForbidden"
	// ReasonWaitingForService : the Knative Service that gets the events is not ready.
	ReasonWaitingForService = "WaitingForService"
)

// dependentConditions are what Ready is made of, in the order in which one is the cause of the next.
var dependentConditions = []apis.ConditionType{
	ConditionSourceReady,
	ConditionBuildReady,
	ConditionDeployReady,
	ConditionServiceReady,
}

const functionInWords = "function"

var functionConditions = apis.NewLivingConditionSet(dependentConditions...)

// GetConditionSet implements duckv1.KRShaped.
func (*LambdaFunction) GetConditionSet() apis.ConditionSet {
	return functionConditions
}

// IsReady is true when the latest spec is built and serves.
func (fn *LambdaFunction) IsReady() bool {
	return fn.Status.ObservedGeneration == fn.Generation && fn.Status.GetCondition(ConditionReady).IsTrue()
}

// InitializeConditions sets the conditions that are not there yet to Unknown.
func (s *LambdaFunctionStatus) InitializeConditions() {
	functionConditions.Manage(s).InitializeConditions()
}

// MarkSourceReady says that a build can be planned from the source.
func (s *LambdaFunctionStatus) MarkSourceReady() {
	functionConditions.Manage(s).MarkTrue(ConditionSourceReady)
}

// MarkSourceFailed says that no build can be planned from the source.
func (s *LambdaFunctionStatus) MarkSourceFailed(reason, message string) {
	functionConditions.Manage(s).MarkUnknown(ConditionBuildReady, reason, "Without a source that can be built there is no build.")
	functionConditions.Manage(s).MarkFalse(ConditionSourceReady, reason, "%s", message)
}

// MarkBuildRegistryNotConfigured says that there is nowhere to push the image to.
func (s *LambdaFunctionStatus) MarkBuildRegistryNotConfigured() {
	functionConditions.Manage(s).MarkFalse(ConditionBuildReady, ReasonRegistryNotConfigured,
		"There is no registry to push the image to: set spec.build.registry, or registry in ConfigMap config-build.")
}

// MarkBuildNotOwned says that an object of the build's name belongs to somebody else.
func (s *LambdaFunctionStatus) MarkBuildNotOwned(kind, name string) {
	functionConditions.Manage(s).MarkFalse(ConditionBuildReady, ReasonNotOwned,
		"%s %q exists and belongs to somebody else: delete or rename it.", kind, name)
}

// MarkBuildRunning says that the build has not ended. The reason is ReasonQueued, ReasonBuildPending,
// ReasonBuildQuotaExceeded, ReasonBuildUnschedulable or ReasonBuildRunning.
func (s *LambdaFunctionStatus) MarkBuildRunning(reason, message string) {
	functionConditions.Manage(s).MarkUnknown(ConditionBuildReady, reason, "%s", message)
}

// MarkBuildFailed says that the build ended without an image.
func (s *LambdaFunctionStatus) MarkBuildFailed(reason, message string) {
	s.BuildStatus.Reason, s.BuildStatus.Error = reason, message
	functionConditions.Manage(s).MarkFalse(ConditionBuildReady, reason, "%s", message)
}

// MarkBuildReady says that the image in BuildStatus is that of the present spec.
func (s *LambdaFunctionStatus) MarkBuildReady() {
	functionConditions.Manage(s).MarkTrue(ConditionBuildReady)
}

// MarkNothingToBuild says that the image was there already.
func (s *LambdaFunctionStatus) MarkNothingToBuild() {
	s.BuildStatus = nil
	functionConditions.Manage(s).MarkTrue(ConditionSourceReady)
	functionConditions.Manage(s).MarkTrue(ConditionBuildReady)
}

// MarkWaitingForBuild says that there is no Knative Service, and none can be made before a build has ended.
func (s *LambdaFunctionStatus) MarkWaitingForBuild() {
	s.URL, s.Address, s.ServiceStatus = nil, nil, nil
	const message = "The first image is not built yet."
	functionConditions.Manage(s).MarkUnknown(ConditionDeployReady, ReasonWaitingForBuild, message)
	functionConditions.Manage(s).MarkUnknown(ConditionServiceReady, ReasonWaitingForBuild, message)
}

// MarkDeploying says that the Knative Service is not yet what the spec wants. It stands where making it so fails.
func (s *LambdaFunctionStatus) MarkDeploying() {
	s.deployment().markRunning()
}

// MarkServiceNotOwned says that a Knative Service of the function's name belongs to somebody else.
func (s *LambdaFunctionStatus) MarkServiceNotOwned(name string) {
	s.deployment().markNotOwned(name)
}

// MarkServiceRefused says that the Knative Service cannot be made as the spec wants it.
func (s *LambdaFunctionStatus) MarkServiceRefused(message string) {
	s.deployment().markRefused(message)
}

// MarkRevisionFailed says that the Revision of the present spec does not start.
func (s *LambdaFunctionStatus) MarkRevisionFailed(message string) {
	s.deployment().markRevisionFailed(message)
}

// MarkRevisionHindered says what keeps the Revision of the present spec from starting, for a reason that may pass:
// ReasonUnschedulable or ReasonNotAnswering. It is Unknown until Knative gives up.
func (s *LambdaFunctionStatus) MarkRevisionHindered(reason, message string) {
	s.deployment().markRevisionHindered(reason, message)
}

// Starting is true while the Service's latest Revision is that of the present spec, and is not ready: it is starting, or
// Knative says that it failed.
func (s *LambdaFunctionStatus) Starting(service *servingv1.Service) bool {
	return s.deployment().starting(service)
}

// PropagateService takes over what the Knative Service says of itself. deployed is false as long as the Service
// still has an older image than that of the present spec: then it serves, and tells nothing of the present spec.
func (s *LambdaFunctionStatus) PropagateService(service *servingv1.Service, deployed bool) {
	s.ServiceStatus, s.URL, s.Address = newServiceStatus(service), service.Status.URL, service.Status.Address
	manager := functionConditions.Manage(s)
	if deployed {
		s.deployment().propagateRevision(service)
	} else {
		manager.MarkUnknown(ConditionDeployReady, ReasonWaitingForBuild,
			"The image of the present spec is not built; the Knative Service keeps the one before.")
	}
	route := deployment{manager, ConditionServiceReady, functionInWords}
	route.propagateRoute(service)
	if to := service.Annotations[lambda.RollbackAnnotationKey]; to != "" && hasAllCalls(service, to) && s.GetCondition(ConditionServiceReady).IsTrue() {
		manager.MarkTrueWithReason(ConditionServiceReady, ReasonRolledBack, "Revision %q has all calls until the spec changes.", to)
	}
}

// deployment is what becomes of the Knative Service with the present spec.
func (s *LambdaFunctionStatus) deployment() deployment {
	return deployment{functionConditions.Manage(s), ConditionDeployReady, functionInWords}
}

// MarkEventing says whether events reach the function. asked is true for a function that has spec.eventing or
// spec.triggers: only then does it count for Ready.
func (s *LambdaFunctionStatus) MarkEventing(asked bool, status corev1.ConditionStatus, reason, message string) {
	markEventing(functionConditions.Manage(s), asked, status, reason, message)
}

// Cause returns the condition that keeps the function from being ready, or nil where none does.
func (s *LambdaFunctionStatus) Cause() *apis.Condition {
	return cause(functionConditions.Manage(s), dependentConditions)
}

// Summarize derives Ready and the phase from the other conditions, once all of them are set.
func (s *LambdaFunctionStatus) Summarize() {
	summarize(functionConditions.Manage(s), dependentConditions)
	s.Phase = s.derivePhase()
}

func (s *LambdaFunctionStatus) derivePhase() Phase {
	is := func(t apis.ConditionType, status corev1.ConditionStatus) bool {
		c := s.GetCondition(t)
		return c != nil && c.Status == status
	}
	switch {
	case is(ConditionReady, corev1.ConditionTrue):
		return PhaseReady
	case is(ConditionReady, corev1.ConditionFalse):
		return PhaseFailed
	case !is(ConditionSourceReady, corev1.ConditionTrue):
		return PhasePending
	case !is(ConditionBuildReady, corev1.ConditionTrue):
		return PhaseBuilding
	default:
		return PhaseDeploying
	}
}

// Built is true when BuildStatus has the image of the build key.
func (s *LambdaFunctionStatus) Built(key string) bool {
	return s.BuildStatus != nil && s.BuildStatus.Key == key && s.BuildStatus.ImageURI != ""
}

// BeginBuild makes BuildStatus that of the build key and TaskRun, and forgets what an earlier build left there.
func (s *LambdaFunctionStatus) BeginBuild(key, taskRun string, startedAt *metav1.Time) {
	if s.BuildStatus == nil || s.BuildStatus.Key != key {
		s.BuildStatus = &BuildStatus{Key: key}
	}
	s.BuildStatus.JobName, s.BuildStatus.StartedAt, s.BuildStatus.CompletedAt = taskRun, startedAt, nil
	s.BuildStatus.Reason, s.BuildStatus.Error, s.BuildStatus.LogTail = "", "", ""
}
