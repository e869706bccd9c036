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

package diagnosis

import (
	"regexp"
	"slices"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// mostRemedies is how many remedies a problem has at most: who reads more does none of them.
const mostRemedies = 3

// Commands that more than one remedy has. In braces is what is put in: see newExplorer.
const (
	edit          = "kubectl -n {namespace} edit {kind} {name}"
	describe      = "kubectl -n {namespace} describe {kind} {name}"
	rebuild       = `kubectl -n {namespace} annotate {kind} {name} lambda.knative.io/rebuild="$(date +%s)" --overwrite`
	buildLog      = "kubectl -n {namespace} logs -l {selector},tekton.dev/taskRun --all-containers --prefix --tail=-1"
	podLog        = "kubectl -n {namespace} logs -l {selector},serving.knative.dev/revision -c user-container --tail=50"
	configBuild   = "kubectl -n {operator} edit configmap config-build"
	configRuntime = "kubectl -n {operator} edit configmap config-runtimes"
	operatorLog   = "kubectl -n {operator} logs deployment/knative-lambda-operator --tail=100"
	events        = "kubectl -n {namespace} get events --sort-by=.lastTimestamp"
)

// remediesOf are what helps against a reason, of the API or of what the operator stands on.
var remediesOf = map[string]Remedy{
	// Sources, and what the step fetch says of them.
	v1alpha1.ReasonSourceInvalid:             {"Correct the field of spec.source that the message names.", edit},
	v1alpha1.ReasonVersionNotOffered:         {"Set spec.runtime.version to one that ConfigMap config-runtimes offers, or have this one offered there.", configRuntime},
	string(source.ReasonInvalidPlan):         {"Correct the field that the message names.", edit},
	string(source.ReasonInvalidPath):         {"Give the file a path within the function's folder.", edit},
	string(source.ReasonInvalidDependencies): {"Write the dependencies as the language's own list, or as a JSON object of names and versions.", edit},
	string(source.ReasonHandlerNotFound):     {"Set spec.runtime.handler to a function that the code has, or add one of that name.", edit},
	string(source.ReasonHandlerInvalid):      {"Give the handler a form that can be called with an event; the documentation has them under Concepts, Handlers.", edit},
	string(source.ReasonInvalidCode):         {"Correct the code where the message says.", edit},
	string(source.ReasonSourceTooLarge):      {"Leave data and build results out of the source; a function may load them when it starts.", edit},
	string(source.ReasonSourceNotFound):      {"Correct the address, bucket, key or path in spec.source, or put the code there; the build is tried again by itself.", edit},
	string(source.ReasonRefNotFound):         {"Set spec.source.git.ref to a branch, tag or commit that the repository has.", edit},
	string(source.ReasonSourceForbidden):     {"Put a login that may read the source into the Secret of secretRef in spec.source; the build is tried again by itself, or at once:", rebuild},
	string(source.ReasonSecretInvalid):       {"Make the Secret that is named, with the keys that the message wants; the build is tried again by itself, or at once:", rebuild},
	string(source.ReasonHostKeyMismatch):     {"Compare the server's key with what its owner publishes, and only then put it into known_hosts of the Secret.", ""},
	string(source.ReasonCertificateInvalid):  {"Put the certificate of the authority into key ca.crt of the Secret.", ""},
	string(source.ReasonSourceRefused):       {"Use a source that builds may ask, or have its network allowed by allowed-networks in ConfigMap config-build.", configBuild},
	string(source.ReasonSourceUnavailable):   {"Check that the source's host answers from within the cluster; the build is tried again by itself, or at once:", rebuild},
	string(source.ReasonSourceTimeout):       {"Check the way to the source, or make the source smaller; the build is tried again by itself, or at once:", rebuild},
	string(source.ReasonInvalidArchive):      {"Pack the archive anew, without links and paths that leave its folder, as .zip or .tar.gz.", ""},
	string(source.ReasonInternal):            {"Have another try: what failed lies outside of the function. The log says more.", rebuild},

	// Builds.
	v1alpha1.ReasonRegistryNotConfigured:      {"Set spec.build.registry, or registry in ConfigMap config-build.", configBuild},
	v1alpha1.ReasonNotOwned:                   {"Delete or rename the object that has the name already, or take another name.", describe},
	v1alpha1.ReasonQueued:                     {"Wait; or let more builds run at once, by max-concurrent-builds in ConfigMap config-build.", configBuild},
	v1alpha1.ReasonBuildPending:               {"Wait for the pod; if it does not come, the events of the namespace say why.", events},
	v1alpha1.ReasonBuildQuotaExceeded:         {"Raise the quota of the namespace, or lower cpu-request and memory-request in ConfigMap config-build.", "kubectl -n {namespace} describe resourcequota"},
	v1alpha1.ReasonBuildUnschedulable:         {"Add a node, or lower cpu-request and memory-request in ConfigMap config-build.", configBuild},
	v1alpha1.ReasonBuildRunning:               {"Wait; the log shows how far it is.", buildLog},
	v1alpha1.ReasonFetchFailed:                {"Read the log of step fetch, and build again.", buildLog},
	v1alpha1.ReasonBuildFailed:                {"Read the log of step build.", buildLog},
	v1alpha1.ReasonCompileFailed:              {"Correct the code where the compiler says.", edit},
	v1alpha1.ReasonDependencyNotFound:         {"Correct name and version of the dependency that the message names.", edit},
	v1alpha1.ReasonPackageIndexUnavailable:    {"Check that builds can reach the package index: its address is in ConfigMap config-build. It is tried again by itself.", configBuild},
	v1alpha1.ReasonBaseImageNotFound:          {"Correct the base image of the version in ConfigMap config-runtimes.", configRuntime},
	v1alpha1.ReasonRegistryDenied:             {"Name a Secret with a login that may push there, in spec.build.imagePullSecret.", "kubectl -n {namespace} create secret docker-registry NAME --docker-server=HOST --docker-username=USER --docker-password=PASSWORD"},
	v1alpha1.ReasonRepositoryNotFound:         {"Create the repository at the registry, which makes none by itself.", ""},
	v1alpha1.ReasonRegistryUnavailable:        {"Check that the registry's host answers from within the cluster; the build is tried again by itself, or at once:", rebuild},
	v1alpha1.ReasonRegistryCertificateInvalid: {"Put the certificate of the registry's authority into key ca.crt of the Secret in spec.build.imagePullSecret, or into registry-ca of ConfigMap config-build.", configBuild},
	v1alpha1.ReasonBuildOutOfMemory:           {"Raise memory-limit in ConfigMap config-build, or install less.", configBuild},
	v1alpha1.ReasonBuildPodFailed:             {"Read what Kubernetes says of the pod, and build again.", rebuild},
	v1alpha1.ReasonBuildTimeout:               {"Raise spec.build.timeout, and find in the log what takes so long.", buildLog},
	v1alpha1.ReasonBuildCancelled:             {"Build again, if that is wanted.", rebuild},
	v1alpha1.ReasonBuildImagePullFailed:       {"Check the images of the build's own steps in ConfigMap config-build, and that nodes can pull them.", configBuild},
	v1alpha1.ReasonBuildResultMissing:         {"Check kaniko-image in ConfigMap config-build: it has to be Kaniko's.", configBuild},

	// Deployments.
	v1alpha1.ReasonWaitingForBuild: {"Wait for the build.", buildLog},
	v1alpha1.ReasonServiceRefused:  {"Correct the field that Knative names in the message.", edit},
	v1alpha1.ReasonDeploying:       {"Wait; if it does not end, the events of the namespace say why.", events},
	v1alpha1.ReasonUnschedulable:   {"Lower spec.resources.requests, or add a node.", edit},
	v1alpha1.ReasonNotAnswering:    {"Set {image}.port to where the program listens; of a function's code, let modules do less when they are loaded. The log says how far it is.", podLog},
	v1alpha1.ReasonRevisionFailed:  {"Read the container's last words in its log.", podLog},
	v1alpha1.ReasonRouteFailed:     {"Check the Route, and the networking layer of Knative.", "kubectl -n {namespace} describe route {name}"},
	v1alpha1.ReasonRolledBack:      {"Take the annotation away to have the latest Revision serve, or edit the spec.", "kubectl -n {namespace} annotate {kind} {name} lambda.knative.io/rollback-"},

	// Events.
	v1alpha1.ReasonEventingDisabled:       {"Nothing, or set spec.eventing.enabled to true.", edit},
	v1alpha1.ReasonEventingNotInstalled:   {"Install Knative Eventing, or the part of it that the message names; or set spec.eventing.enabled to false.", edit},
	v1alpha1.ReasonEventingStarting:       {"Wait; if it does not end, read the operator's log.", operatorLog},
	v1alpha1.ReasonEventingRefused:        {"Correct what the message names.", edit},
	v1alpha1.ReasonBrokerNotFound:         {"Make the Broker that the message names, or name another in spec.eventing.brokerName or spec.triggers.", "kubectl -n {namespace} get brokers"},
	v1alpha1.ReasonBrokerNotReady:         {"Check the Broker, and the parts of Knative Eventing that serve it.", "kubectl -n knative-eventing get pods"},
	v1alpha1.ReasonBrokerSettingsConflict: {"Remove the setting of spec.eventing.rabbitmq that the message names, or use a Broker of your own by spec.eventing.brokerName.", edit},
	v1alpha1.ReasonFiltersNotSupported:    {"Use exact filters only, or a Broker of another class.", edit},
	v1alpha1.ReasonTriggerNotReady:        {"Check the Trigger.", "kubectl -n {namespace} describe triggers -l {selector}"},
	v1alpha1.ReasonEventSourceNotReady:    {"Check the source.", "kubectl -n {namespace} describe pingsources,apiserversources -l {selector}"},
	v1alpha1.ReasonAPISourceForbidden:     {"Have a cluster administrator let functions watch that kind, by a ClusterRole with label lambda.knative.io/api-source: \"true\".", ""},
	v1alpha1.ReasonWaitingForService:      {"Wait for the Knative Service.", describe},

	// Agents.
	v1alpha1.ReasonApprovalsNotSupported: {"Set spec.operationMode to agentic, and remove spec.approval.", edit},
	v1alpha1.ReasonForwardNotAllowed:     {"Add the namespace to spec.permissions.allowedTargetNamespaces of the agent that the message names, or remove the forward.", edit},
	v1alpha1.ReasonForwardTargetNotFound: {"Make the other agent, with eventing, or remove the forward.", "kubectl get lambdaagents -A"},
	v1alpha1.ReasonCapabilityDisabled:    {"Allow it in spec.permissions, or remove from spec.eventing what needs it.", edit},
	v1alpha1.ReasonNotEnforced:           {"Mend what the message names; if it is a right that the operator lacks, apply its ClusterRole again.", operatorLog},
	v1alpha1.ReasonNoModel:               {"Nothing, or name a model in spec.ai.", edit},
	v1alpha1.ReasonHealthCheckDisabled:   {"Nothing, or set spec.behavior.healthCheck.enabled to true.", edit},
	v1alpha1.ReasonHealthCheckPending:    {"Wait; if it does not end, read the operator's log.", operatorLog},
	v1alpha1.ReasonFallbackActive:        {"Give the endpoint the model of spec.ai.model back, or name another.", edit},
	v1alpha1.ReasonModelNotFound:         {"Set spec.ai.model to one that the endpoint has, or load it there.", edit},
	v1alpha1.ReasonEndpointUnreachable:   {"Check spec.ai.endpoint, and that it answers from within the cluster.", edit},
	v1alpha1.ReasonEndpointForbidden:     {"Name a Service of the cluster in spec.ai.endpoint, or have the network allowed by allowed-networks in ConfigMap config-build.", configBuild},
	v1alpha1.ReasonEndpointTimeout:       {"Check the endpoint of spec.ai.endpoint: it is overloaded, or the way to it is.", edit},
	v1alpha1.ReasonEndpointFailed:        {"Check spec.ai.provider and spec.ai.endpoint: another API may answer there.", edit},
	v1alpha1.ReasonAPIKeyMissing:         {"Make the Secret of spec.ai.apiKeySecretRef, with the key that is named there.", edit},
	v1alpha1.ReasonAPIKeyUnreadable: {"Let the operator read that one Secret. The agent itself works without.", "kubectl -n {namespace} create role model-keys --verb get --resource secrets --resource-name SECRET && " +
		"kubectl -n {namespace} create rolebinding model-keys --role model-keys --serviceaccount {operator}:knative-lambda-operator"},
	v1alpha1.ReasonAPIKeyRejected:         {"Put an API key that the endpoint takes into the Secret of spec.ai.apiKeySecretRef.", ""},
	v1alpha1.ReasonMonitoringDisabled:     {"Nothing, or set spec.observability.metrics.enabled to true.", edit},
	v1alpha1.ReasonMonitoringNotInstalled: {"Nothing, or install the Prometheus Operator.", ""},
	v1alpha1.ReasonMonitoringRefused:      {"Correct what the message names.", edit},
}

// remediesBelow are what helps against the reasons of what the function or agent is made of.
var remediesBelow = map[string]Remedy{
	// Kubernetes.
	"ImagePullBackOff":           imageRemedy,
	"ErrImagePull":               imageRemedy,
	"InvalidImageName":           {"Correct the image's name in {image}.", edit},
	"CreateContainerConfigError": {"Make the Secret or ConfigMap that the message names, or take it out of spec.env and spec.envFrom.", edit},
	"OOMKilled":                  memoryRemedy,
	"Evicted":                    {"Look at the node: it ran short of what the message names.", "kubectl describe nodes"},
	"FailedMount":                {"Make the Secret or ConfigMap that the message names.", events},
	"FailedCreatePodSandBox":     {"Check the network of the node that the message names.", events},
	"Unhealthy":                  {"Set {image}.port to where the program listens, or let it answer sooner.", podLog},

	// Knative.
	"ContainerMissing":         imageRemedy,
	"ProgressDeadlineExceeded": {"See what takes longer to be ready than Knative waits.", podLog},
	"IngressNotConfigured":     {"Check that the networking layer that ConfigMap config-network names is installed, and runs.", "kubectl -n knative-serving get configmap config-network -o yaml"},
	"RevisionMissing":          {"Name in spec.traffic of the Knative Service only Revisions that are there, or take annotation lambda.knative.io/rollback away.", "kubectl -n {namespace} get revisions"},

	// This package.
	unobserved:       {"If it stays so, look whether the operator runs.", "kubectl -n {operator} get deployments,pods"},
	trafficElsewhere: {"Give the latest Revision its share in spec.traffic of the Knative Service, if nobody rolls it out step by step.", "kubectl -n {namespace} edit ksvc {name}"},
	noSubscriptions:  {"Say in spec.eventing which events are wanted.", edit},
	noEndpoints:      {"Look why its pods are not ready: until then dead letters are lost, or stay with the Broker.", ""},
}

var (
	imageRemedy  = Remedy{"Correct the image in {image}, or push it; for a private registry name a Secret with a login.", edit}
	memoryRemedy = Remedy{"Raise spec.resources.limits.memory, or use less.", edit}
)

// remediesOfMissing are what helps where an object is not there, by the kinds of the link before and of its own.
var remediesOfMissing = map[[2]string]Remedy{
	{kindTrigger, kindService}:     {"Make Knative Service {missing}, or name another in spec.eventing.subscriberServiceName.", edit},
	{kindTrigger, serviceKind}:     {"Install the sink of dead letters, or name another by dead-letter-sink in ConfigMap config-eventing.", "kubectl -n {operator} edit configmap config-eventing"},
	{kindTrigger, kindBroker}:      brokerRemedy,
	{kindFunction, kindBroker}:     brokerRemedy,
	{kindAgent, kindBroker}:        brokerRemedy,
	{kindFunction, kindDeployment}: operatorRemedy,
	{kindAgent, kindDeployment}:    operatorRemedy,
}

var (
	brokerRemedy   = Remedy{"Make Broker {missing}; where the operator is to make it, read why it does not.", operatorLog}
	operatorRemedy = Remedy{"Install the operator: without it nothing is done.", "ko apply -f config/"}
)

// lastBelow are those of them whose remedy is given where there is no other.
var lastBelow = []string{"CreateContainerConfigError", "FailedMount", "Unhealthy", "ContainerMissing", "ImagePullBackOff", "ErrImagePull", "ProgressDeadlineExceeded"}

// remediesOfBuilds are those that are others for a build's pod than for the function's own.
var remediesOfBuilds = map[string]Remedy{
	"ImagePullBackOff": remediesOf[v1alpha1.ReasonBuildImagePullFailed],
	"ErrImagePull":     remediesOf[v1alpha1.ReasonBuildImagePullFailed],
	"OOMKilled":        remediesOf[v1alpha1.ReasonBuildOutOfMemory],
}

// vague are the reasons of the API whose cause may be one of many: what is further down the chain says more of what to do.
var vague = []string{
	v1alpha1.ReasonBuildQuotaExceeded, v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonPackageIndexUnavailable,
	string(source.ReasonSourceUnavailable), v1alpha1.ReasonEndpointUnreachable, v1alpha1.ReasonUnschedulable,
}

// last are the reasons whose remedy is to look further: it is given where there is no other.
var last = []string{
	v1alpha1.ReasonNotOwned, v1alpha1.ReasonServiceRefused, v1alpha1.ReasonRouteFailed, v1alpha1.ReasonWaitingForService,
	v1alpha1.ReasonBuildPending, v1alpha1.ReasonBuildFailed, v1alpha1.ReasonBuildPodFailed,
	v1alpha1.ReasonDeploying, v1alpha1.ReasonRevisionFailed, v1alpha1.ReasonMonitoringRefused,
	v1alpha1.ReasonEventingRefused, v1alpha1.ReasonBrokerNotReady, v1alpha1.ReasonTriggerNotReady, v1alpha1.ReasonEventSourceNotReady,
}

// remedies are what to do about a chain. Where the reason of the condition leaves the cause open, that is first what the texts
// tell, and then what the reasons do, each from the cause upwards.
func (e *explorer) remedies(chain []Link) []Remedy {
	top := &chain[0]
	known, ok := remediesOf[top.Reason]
	open := !ok || slices.Contains(last, top.Reason)
	if !open && !slices.Contains(vague, top.Reason) {
		return []Remedy{e.fill(known)}
	}
	var found []Remedy
	add := func(r Remedy) {
		if r = e.fill(r); !slices.ContainsFunc(found, func(f Remedy) bool { return f.Do == r.Do }) {
			found = append(found, r)
		}
	}
	for _, l := range slices.Backward(chain) {
		if r, ok := told(&l); ok {
			add(r)
			break
		}
	}
	for i, l := range slices.Backward(chain) {
		if l.Status == missing && i > 0 {
			if r, ok := remediesOfMissing[[2]string{chain[i-1].Kind, l.Kind}]; ok {
				add(Remedy{strings.ReplaceAll(r.Do, "{missing}", l.Name), r.Command})
			}
		}
		r, ok := remediesBelow[l.Reason]
		if other, is := remediesOfBuilds[l.Reason]; is && top.Type == string(v1alpha1.ConditionBuildReady) {
			r = other
		}
		if ok && (len(found) == 0 || !slices.Contains(lastBelow, l.Reason)) {
			add(r)
		}
	}
	if ok && (!open || len(found) == 0) {
		add(known)
	}
	return found[:min(len(found), mostRemedies)]
}

// fill puts names into the template of a remedy.
func (e *explorer) fill(r Remedy) Remedy {
	return Remedy{e.words.Replace(r.Do), e.words.Replace(r.Command)}
}

// told is what the texts of a link tell to do.
func told(l *Link) (Remedy, bool) {
	texts := append([]string{l.Message}, l.Log...)
	for _, clue := range clues {
		for _, text := range texts {
			if match := clue.text.FindStringSubmatchIndex(text); match != nil {
				expand := func(template string) string { return string(clue.text.ExpandString(nil, template, text, match)) }
				return Remedy{expand(clue.remedy.Do), expand(clue.remedy.Command)}, true
			}
		}
	}
	return Remedy{}, false
}

// clue is a text that tells more than the reason beside it. The remedy may have parts of it.
type clue struct {
	text   *regexp.Regexp
	remedy Remedy
}
