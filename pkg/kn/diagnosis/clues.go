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

import "regexp"

// clues are looked for in this order. What is put into a command is of characters that a shell leaves alone.
var clues = []clue{
	{
		regexp.MustCompile(`([A-Z]\w+(?: Service)?) "([a-z0-9.-]+)" exists and belongs to somebody else`),
		Remedy{"Look whose $1 $2 is; delete it if nobody needs it, or take another name.", ""},
	}, {
		regexp.MustCompile(`secrets? "([a-z0-9.-]+)" not found`),
		Remedy{"Make Secret $1, or take it out of the spec.", "kubectl -n {namespace} create secret generic $1 --from-literal=KEY=VALUE"},
	}, {
		regexp.MustCompile(`configmaps? "([a-z0-9.-]+)" not found`),
		Remedy{"Make ConfigMap $1, or take it out of the spec.", "kubectl -n {namespace} create configmap $1 --from-literal=KEY=VALUE"},
	}, {
		regexp.MustCompile(`(?i)serviceaccounts? "([a-z0-9.-]+)" not found`),
		Remedy{"Make ServiceAccount $1, or name another in spec.serviceAccountName.", "kubectl -n {namespace} create serviceaccount $1"},
	}, {
		regexp.MustCompile(`couldn't find key (\S+) in (\w+) (?:[a-z0-9-]+/)?([a-z0-9.-]+)`),
		Remedy{"Put key $1 into $2 $3, or take it out of spec.env.", "kubectl -n {namespace} edit $2 $3"},
	}, {
		regexp.MustCompile(`(?:exceeded|failed) quota: ([a-z0-9.-]+)`),
		Remedy{"Raise ResourceQuota $1, or ask for less.", "kubectl -n {namespace} describe resourcequota $1"},
	}, {
		regexp.MustCompile(`(?:maximum|minimum) (?:cpu|memory) usage per (?:Container|Pod) is|limit to request ratio per`),
		Remedy{"Set spec.resources to what the LimitRange of the namespace allows.", "kubectl -n {namespace} describe limitrange"},
	}, {
		regexp.MustCompile(`violates PodSecurity "([^"]+)"`),
		Remedy{"The namespace admits only pods of Pod Security $1: use an image that runs without these rights, or label the namespace otherwise.", "kubectl get namespace {namespace} --show-labels"},
	}, {
		regexp.MustCompile(`failed calling webhook "([a-z0-9.-]+)"`),
		Remedy{"Have webhook $1 answer again: nothing is admitted without it.", "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"},
	}, {
		regexp.MustCompile(`admission webhook "([a-z0-9.-]+)" denied the request`),
		Remedy{"Do as webhook $1 says in the message, or ask whoever runs it.", ""},
	}, {
		regexp.MustCompile(`container has runAsNonRoot and image will run as root|runAsNonRoot and image has non-numeric user`),
		Remedy{"Use an image that says a numeric user other than root.", edit},
	}, {
		regexp.MustCompile(`(?:exec|stat): "?([^":\s]+)"?: (?:stat \S+: )?(?:no such file or directory|executable file not found|permission denied)`),
		Remedy{"The image has no program $1 that can be run: correct {image}.command, or the image.", edit},
	}, {
		// What the code itself imports has a line of the code behind it.
		regexp.MustCompile(`(?m)cannot load handler "([^"]+)": (?:ModuleNotFoundError: No module named '[^']+'$|LookupError: module|Error: there is no file|Error: module \S+ exports no)`),
		Remedy{"The code has no $1: set spec.runtime.handler to module and function that are there.", edit},
	}, {
		regexp.MustCompile(`No module named '([^']+)'`),
		Remedy{"Add the package that has module $1 to the dependencies, or correct the import.", edit},
	}, {
		regexp.MustCompile(`Cannot find (?:module|package) '([^']+)'`),
		Remedy{"Add package $1 to the dependencies, or correct the import.", edit},
	}, {
		regexp.MustCompile(`SyntaxError|IndentationError`),
		Remedy{"Correct the code where the message says.", edit},
	}, {
		regexp.MustCompile(`killed because the function uses more memory`),
		memoryRemedy,
	}, {
		regexp.MustCompile(`cannot load handler "`),
		Remedy{"Correct what the code does when it is loaded, where the message says.", edit},
	}, {
		regexp.MustCompile(`(?:lookup ([a-zA-Z0-9._-]+)\S*(?: on \S+)?: )(?:no such host|server misbehaving)|([a-zA-Z0-9._-]+): Name or service not known`),
		Remedy{"No address is known for $1$2: correct the name, or look whether the cluster's DNS works.", "kubectl -n kube-system get pods -l k8s-app=kube-dns"},
	}, {
		regexp.MustCompile(`x509: `),
		Remedy{"Have the nodes, and Knative's controller, trust the registry's certificate.", ""},
	}, {
		regexp.MustCompile(`(?i)toomanyrequests|429 Too Many Requests|pull rate limit`),
		Remedy{"Pull with a login, or from a mirror: the registry gives no more to the anonymous for now.", ""},
	}, {
		regexp.MustCompile(`(?i)pull access denied|unauthorized|authentication required|authorization failed|403 Forbidden|denied: `),
		Remedy{"Name a Secret with a login that may pull the image.", "kubectl -n {namespace} create secret docker-registry NAME --docker-server=HOST --docker-username=USER --docker-password=PASSWORD"},
	}, {
		regexp.MustCompile(`(?i)manifest unknown|MANIFEST_UNKNOWN|NAME_UNKNOWN|: not found$`),
		Remedy{"The registry has no such image: correct repository, tag or digest, or push it.", edit},
	}, {
		regexp.MustCompile(`untolerated taint`),
		Remedy{"Every node that has room is tainted: look which of them are meant to run functions.", "kubectl describe nodes"},
	},
}
