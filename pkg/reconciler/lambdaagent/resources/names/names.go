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

// Package names has the names of a LambdaAgent's children.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// hashLength is how many hex digits the name of a Trigger ends with that would not be told apart otherwise.
const hashLength = 8

// Service is the name of the Knative Service.
func Service(la *v1alpha1.LambdaAgent) string {
	return la.Name
}

// Broker is the name of the agent's own Broker.
func Broker(agent string) string {
	return kmeta.ChildName(agent, "-broker")
}

// Metrics is the name of the Service and the ServiceMonitor that the agent's metrics are asked for by.
func Metrics(la *v1alpha1.LambdaAgent) string {
	return kmeta.ChildName(la.Name, "-metrics")
}

// Binding is the name of the ValidatingAdmissionPolicyBinding of an agent, which is in no namespace. Neither part has a dot, so
// that no two agents have the same.
func Binding(namespace, agent string) string {
	return namespace + "." + agent
}

// Triggers gives names to an agent's Triggers: each has the name that people expect, as far as it is a name, and no other has
// it. All others end with a hash of what makes them what they are. The zero value is not usable.
type Triggers struct {
	agent *v1alpha1.LambdaAgent
	taken map[string]bool
}

// NewTriggers returns names for the agent's Triggers. They are the same for the same spec.
func NewTriggers(la *v1alpha1.LambdaAgent) *Triggers {
	return &Triggers{agent: la, taken: map[string]bool{}}
}

// Subscription returns the name of a subscription's Trigger, and false for a subscription that is there a second time.
func (t *Triggers) Subscription(s *v1alpha1.SubscriptionSpec) (string, bool) {
	source := s.Source
	if source == "*" { // any, as none is
		source = ""
	}
	return t.name(t.agent.Name+"-"+readable(s.EventType), plain(s.EventType) && source == "", s.EventType, source)
}

// Forward returns the name of the Trigger that sends events of a type on to an agent, and false for one that is there a second
// time.
func (t *Triggers) Forward(f *v1alpha1.ForwardSpec, eventType string) (string, bool) {
	return t.name(t.agent.Name+"-fwd-"+f.TargetAgent+"-"+readable(eventType), plain(eventType), f.TargetNamespace, f.TargetAgent, eventType)
}

// name returns the expected name where it says all and is free, else the one with a hash of the parts.
func (t *Triggers) name(expected string, whole bool, parts ...string) (string, bool) {
	unique := hashed(expected, parts...)
	if t.taken[unique] {
		return "", false
	}
	t.taken[unique] = true
	if !whole || len(expected) > maxLength || t.taken[expected] {
		return unique, true
	}
	t.taken[expected] = true
	return expected, true
}

// maxLength is how long a name may be that other names are made of.
const maxLength = 63

// hashed cuts a name, and puts a hash of all that makes it at its end.
func hashed(name string, parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%q,", part) // in quotes, so that no two lists of parts are the same text
	}
	suffix := "-" + hex.EncodeToString(hash.Sum(nil))[:hashLength]
	if kept := maxLength - len(suffix); len(name) > kept {
		// Names of agents of 63 characters are told apart by a hash, too.
		return kmeta.ChildName(name, suffix)
	}
	return strings.TrimRight(name, "-") + suffix
}

// plain is true for a type of events that a name has all letters of, and of whose dots it has dashes. One with dashes of its
// own is not: it could be another with dots.
func plain(eventType string) bool {
	return !strings.ContainsFunc(eventType, func(r rune) bool { return r != '.' && !letter(r) })
}

// readable writes a type of events in the letters that names have.
func readable(eventType string) string {
	if eventType == "*" {
		return "all"
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if letter(r) {
			return r
		}
		return '-'
	}, strings.ToLower(eventType)), "-")
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
