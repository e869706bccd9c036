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

package lambda

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	kjson "sigs.k8s.io/json"
)

const (
	// AgentNamespaceLabelKey is on what a LambdaAgent has outside of any namespace; the value is the agent's namespace.
	AgentNamespaceLabelKey = GroupName + "/agent-namespace"

	// DisabledByEventAnnotationKey on a LambdaAgent has the capabilities that events have disabled, a JSON list of Disabled.
	// status.permissionStatus.disabledByEvent is made of it.
	DisabledByEventAnnotationKey = GroupName + "/disabled-by-event"
)

// The capabilities of a LambdaAgent that can be disabled: to have Brokers, to have Triggers, and to make LambdaFunctions.
const (
	CapabilityBroker   = "broker"
	CapabilityTrigger  = "trigger"
	CapabilityFunction = "function"
)

// Capabilities are the names of all capabilities.
func Capabilities() []string {
	return []string{CapabilityBroker, CapabilityTrigger, CapabilityFunction}
}

// The types of control events, unless the agent has others: they disable capabilities of a LambdaAgent, and enable them
// again.
const (
	ControlDisable = "io.homelab.rbac.disable"
	ControlEnable  = "io.homelab.rbac.enable"
)

// ParseControlType says whether events of a type could be control events: what follows the last dot is disable or enable.
// It returns ControlDisable or ControlEnable.
func ParseControlType(eventType string) (control string, ok bool) {
	switch eventType[strings.LastIndex(eventType, ".")+1:] {
	case "disable":
		return ControlDisable, true
	case "enable":
		return ControlEnable, true
	}
	return "", false
}

// Disabled is a capability that an event has disabled. Times are of whole seconds, in UTC.
type Disabled struct {
	// Capability is one of Capabilities.
	Capability string `json:"capability"`
	// Reason is what the event gives as its reason.
	Reason string `json:"reason,omitempty"`
	// Since is when the event arrived.
	Since time.Time `json:"since,omitzero"`
	// Until is when the capability is given back. Zero: when an event enables it.
	Until time.Time `json:"until,omitzero"`
	// EventID and Source are the event's.
	EventID string `json:"eventId,omitempty"`
	Source  string `json:"source,omitempty"`
}

// Expired is true for a capability that is given back by now.
func (d *Disabled) Expired(now time.Time) bool { return !d.Until.IsZero() && !now.Before(d.Until) }

// ParseDisabled reads the value of DisabledByEventAnnotationKey. An empty text is an empty list. It fails on what is no list
// of Disabled, and on a capability that is unknown or there twice.
func ParseDisabled(text string) ([]Disabled, error) {
	if text == "" {
		return nil, nil
	}
	var all []Disabled
	strict, err := kjson.UnmarshalStrict([]byte(text), &all)
	switch {
	case err != nil:
		return nil, fmt.Errorf("write a JSON list of objects with capability, reason, since, until, eventId and source: %w", err)
	case len(strict) > 0:
		return nil, strict[0]
	}
	seen := map[string]bool{}
	for i := range all {
		d := &all[i]
		if !slices.Contains(Capabilities(), d.Capability) {
			return nil, fmt.Errorf("[%d].capability: %.60q is no capability; the capabilities are: %s", i, d.Capability, strings.Join(Capabilities(), ", "))
		}
		if seen[d.Capability] {
			return nil, fmt.Errorf("[%d].capability: %s is there twice: remove one of the two", i, d.Capability)
		}
		seen[d.Capability] = true
		d.Since, d.Until = d.Since.UTC().Truncate(time.Second), d.Until.UTC().Truncate(time.Second)
		for _, at := range []time.Time{d.Since, d.Until} {
			// Written in UTC it may be one that JSON has no form for.
			if at.Year() < 1 || at.Year() > 9999 {
				return nil, fmt.Errorf("[%d]: year %d is none of 1 to 9999", i, at.Year())
			}
		}
	}
	return all, nil
}

// FormatDisabled writes the value of DisabledByEventAnnotationKey.
func FormatDisabled(all []Disabled) (string, error) {
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("failed to encode what is disabled: %w", err)
	}
	return string(text), nil
}
