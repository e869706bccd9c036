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

package receiver

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// order is a command that was read: what is to be done to which function or agent.
type order struct {
	event *event.Event
	// id is of the event's source and id, and the same wherever the event is delivered.
	id              string
	kind            kind
	namespace, name string
	// namePath is what in the event has the name.
	namePath string
	payload  payload
}

// payload is the data of any command. A command has those members that its schema has.
type payload struct {
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec         map[string]any `json:"spec"`
	Name         string         `json:"name"`
	Namespace    string         `json:"namespace"`
	Reason       string         `json:"reason"`
	ForceRebuild bool           `json:"forceRebuild"`
	Revision     string         `json:"revision"`

	AgentName      string   `json:"agentName"`
	AgentNamespace string   `json:"agentNamespace"`
	Capabilities   []string `json:"capabilities"`
	Duration       string   `json:"duration"`
}

// idLength is how many bytes of a hash tell events apart.
const idLength = 12

// orderID is what an event is remembered by.
func orderID(e *event.Event) string {
	sum := sha256.Sum256([]byte(e.Source() + "\x00" + e.ID()))
	return base64.RawURLEncoding.EncodeToString(sum[:idLength])
}

// dataPath makes a pointer into an event of one into its data.
func dataPath(pointer string) string { return "/data" + pointer }

// newOrder reads the command of an event.
func newOrder(e *event.Event, defaultNamespace string) (*order, error) {
	of, schema := functions, e.Type()
	if !slices.Contains(events.Commands(), e.Type()) {
		control, ok := events.Control(e.Type())
		if !ok {
			return nil, refuse(http.StatusBadRequest, codeUnknownType, "/type", "type %.100q is no command; the commands are: %s",
				e.Type(), strings.Join(slices.Concat(events.Commands(), events.Controls()), ", "))
		}
		of, schema = agents, control
	}
	data, err := jsonData(e)
	if err != nil {
		return nil, err
	}
	wrong, err := events.Check(schema, data)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath(wrong[0].Pointer), "%s", told(wrong))
	}
	o := &order{event: e, id: orderID(e), kind: of}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &o.payload); err != nil {
			return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath(""), "the data is not that of a command: %v", err)
		}
	}
	if err := o.findName(defaultNamespace); err != nil {
		return nil, err
	}
	return o, checkKeys(&o.payload)
}

// maxTold is how much that is wrong is told at once.
const maxTold = 5

// told says what is wrong: of the first the message, of the others the place too.
func told(wrong []events.Violation) string {
	var b strings.Builder
	for i, v := range wrong[:min(len(wrong), maxTold)] {
		if i > 0 {
			_, _ = fmt.Fprintf(&b, "; %s: ", dataPath(v.Pointer)) // a Builder does not fail
		}
		_, _ = b.WriteString(v.Message)
	}
	return b.String()
}

// applies is true for the commands that have a whole function.
func (o *order) applies() bool {
	switch o.event.Type() {
	case events.FunctionDeploy, events.ServiceCreate, events.ServiceUpdate:
		return true
	}
	return false
}

// findName takes the name of the function or the agent from the data, or else from the subject.
func (o *order) findName(defaultNamespace string) error {
	in := dataPath("")
	if o.applies() {
		in = dataPath("/metadata")
	}
	name := cmp.Or(o.payload.Metadata.Name, o.payload.Name, o.payload.AgentName)
	namespace := cmp.Or(o.payload.Metadata.Namespace, o.payload.Namespace, o.payload.AgentNamespace)
	namePath, namespacePath := in+"/name", in+"/namespace"
	if o.kind == agents {
		namePath, namespacePath = in+"/agentName", in+"/agentNamespace"
	}
	subjectNamespace, subjectName, both := strings.Cut(o.event.Subject(), "/")
	if !both {
		subjectNamespace, subjectName = "", o.event.Subject()
	}
	if name == "" && subjectName != "" {
		name, namePath = subjectName, "/subject"
	}
	if namespace == "" && subjectNamespace != "" {
		namespace, namespacePath = subjectNamespace, "/subject"
	}
	if name == "" {
		return refuse(http.StatusBadRequest, codeInvalidData, namePath, "name the %s here, or in the event's subject as <namespace>/<name> or <name>", o.kind.noun)
	}
	if msgs := validation.IsDNS1035Label(name); len(msgs) > 0 {
		return refuse(http.StatusBadRequest, codeInvalidData, namePath, "%.100q is not the name of a %s: %s", name, o.kind.name, msgs[0])
	}
	namespace = cmp.Or(namespace, defaultNamespace)
	if msgs := validation.IsDNS1123Label(namespace); len(msgs) > 0 {
		return refuse(http.StatusBadRequest, codeInvalidData, namespacePath, "%.100q is not the name of a namespace: %s", namespace, msgs[0])
	}
	o.namespace, o.name, o.namePath = namespace, name, namePath
	return nil
}

// others are the domains whose keys mean something to the cluster.
var others = []string{"kubernetes.io", "k8s.io", "knative.dev", "tekton.dev", lambda.GroupName}

// openDomain is that of labels that say what something is, and have no effect.
const openDomain = "app.kubernetes.io"

// checkKeys refuses labels and annotations by which a sender could have the cluster do what the spec does not say.
func checkKeys(p *payload) error {
	for _, of := range []struct {
		field string
		keys  map[string]string
	}{{"labels", p.Metadata.Labels}, {"annotations", p.Metadata.Annotations}} {
		for key, value := range of.keys {
			path := dataPath(events.Pointer("metadata", of.field, key))
			domain, _, qualified := strings.Cut(key, "/")
			if qualified && domain != openDomain && slices.ContainsFunc(others, func(other string) bool { return domain == other || strings.HasSuffix(domain, "."+other) }) {
				return refuse(http.StatusUnprocessableEntity, codeForbidden, path, "keys of %s are not set by events; remove it", domain)
			}
			if msgs := validation.IsQualifiedName(strings.ToLower(key)); len(msgs) > 0 {
				return refuse(http.StatusUnprocessableEntity, codeInvalidData, path, "not a key: %s", msgs[0])
			}
			if msgs := validation.IsValidLabelValue(value); of.field == "labels" && len(msgs) > 0 {
				return refuse(http.StatusUnprocessableEntity, codeInvalidData, path, "not a value of a label: %s", msgs[0])
			}
		}
	}
	return nil
}
