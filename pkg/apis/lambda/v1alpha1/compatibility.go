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
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kjson "sigs.k8s.io/json"
)

// Older manifests write some values in other forms than ours: numbers in quotes, a version without them, dependencies
// as an object, pull secrets as text. They are read here, and written in the one form that the types have. What is none
// of these forms must not stop the reading wherever the schema lets it through: an object that an older version stored
// would stop the controller's list of all objects, and could not lose its finalizers. It becomes a value that admission
// refuses.

const (
	notADuration = time.Duration(math.MinInt64)
	// notANumber and notASmallNumber stand in fields of 64 and of 32 bits.
	notANumber      = math.MinInt64
	notASmallNumber = math.MinInt32
)

var notAQuantity = resource.MustParse("-9223372036854775807")

// form rewrites a value into the form that its type has.
type form func(json.RawMessage) (json.RawMessage, error)

// unmarshal reads the object at path into target, which must not have an UnmarshalJSON of its own.
func unmarshal(data []byte, target any, path string, forms map[string]form) error {
	var fields map[string]json.RawMessage
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &fields); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	changed := false
	for name, rewrite := range forms {
		value, ok := fields[name]
		if !ok || string(value) == "null" {
			continue
		}
		rewritten, err := rewrite(value)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", path, name, err)
		}
		changed = changed || string(rewritten) != string(value)
		fields[name] = rewritten
	}
	if changed {
		var err error
		if data, err = json.Marshal(fields); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(data, target)
}

// number takes a whole number out of its quotes.
func number(value json.RawMessage) (json.RawMessage, error) {
	return numberOf(value, 64, notANumber)
}

// smallNumber is number for fields of 32 bits.
func smallNumber(value json.RawMessage) (json.RawMessage, error) {
	return numberOf(value, 32, notASmallNumber)
}

func numberOf(value json.RawMessage, bits int, none int64) (json.RawMessage, error) {
	text := string(value)
	if value[0] == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
	} else if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return value, nil // What is neither text nor a number is the schema's to judge.
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, bits)
	if err != nil {
		n = none
	}
	return json.RawMessage(strconv.FormatInt(n, 10)), nil
}

// quoted puts into quotes whatever is not: a number, as a version may be written, and what validation is to refuse.
func quoted(value json.RawMessage) (json.RawMessage, error) {
	if value[0] == '"' {
		return value, nil
	}
	var n json.Number
	if err := json.Unmarshal(value, &n); err == nil {
		return json.Marshal(n.String())
	}
	return json.Marshal(string(value))
}

// objectText makes an object the text of one.
func objectText(value json.RawMessage) (json.RawMessage, error) {
	if value[0] != '{' {
		return quoted(value)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// references makes names objects with a name. What has none becomes its own name, which validation refuses.
func references(value json.RawMessage) (json.RawMessage, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		items = []json.RawMessage{value}
	}
	names := make([]corev1.LocalObjectReference, len(items))
	for i, item := range items {
		if item[0] == '{' && json.Unmarshal(item, &names[i]) == nil {
			continue
		}
		if json.Unmarshal(item, &names[i].Name) != nil {
			names[i].Name = string(item)
		}
	}
	return json.Marshal(names)
}

func duration(value json.RawMessage) (json.RawMessage, error) {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, errors.New("write a duration in quotes, for example 30s")
	}
	if _, err := time.ParseDuration(text); err != nil {
		return json.Marshal(notADuration.String())
	}
	return value, nil
}

func quantityList(value json.RawMessage) (json.RawMessage, error) {
	var list map[string]json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, errors.New("write an object with cpu and memory")
	}
	for name, raw := range list {
		var quantity resource.Quantity
		if tooMuchWork(raw) || json.Unmarshal(raw, &quantity) != nil {
			list[name] = json.RawMessage(strconv.Quote(notAQuantity.String()))
		}
	}
	return json.Marshal(list)
}

// largeExponent is that of a number that nobody has so much of. The library writes such a number out to read or to compare
// it: for eleven characters that takes minutes, and more of them take all memory.
var largeExponent = regexp.MustCompile(`[eE][+-]?[0-9]{3}`)

// tooMuchWork is true for what must not be read as a quantity.
func tooMuchWork(value json.RawMessage) bool {
	const most = 64
	return len(value) > most || largeExponent.Match(value)
}

// variables keeps the one quantity away that an environment variable may have. Validation refuses all that it could be in.
func variables(value json.RawMessage) (json.RawMessage, error) {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return value, nil //nolint:nilerr // What is no list of objects is the schema's to judge.
	}
	changed := false
	for _, variable := range list {
		var from map[string]json.RawMessage
		var field map[string]json.RawMessage
		if json.Unmarshal(variable["valueFrom"], &from) != nil || json.Unmarshal(from["resourceFieldRef"], &field) != nil {
			continue
		}
		if !tooMuchWork(field["divisor"]) {
			continue
		}
		changed = true
		delete(field, "divisor")
		var err error
		if from["resourceFieldRef"], err = json.Marshal(field); err != nil {
			return nil, err
		}
		if variable["valueFrom"], err = json.Marshal(from); err != nil {
			return nil, err
		}
	}
	if !changed {
		return value, nil
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *LambdaFunctionSpec) UnmarshalJSON(data []byte) error {
	type plain LambdaFunctionSpec
	return unmarshal(data, (*plain)(s), "spec", map[string]form{"timeoutSeconds": number, "env": variables})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *RuntimeSpec) UnmarshalJSON(data []byte) error {
	type plain RuntimeSpec
	return unmarshal(data, (*plain)(r), "spec.runtime", map[string]form{"version": quoted})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *ScalingSpec) UnmarshalJSON(data []byte) error {
	type plain ScalingSpec
	return unmarshal(data, (*plain)(s), "spec.scaling", map[string]form{
		"minReplicas":            smallNumber,
		"maxReplicas":            smallNumber,
		"containerConcurrency":   number,
		"targetConcurrency":      smallNumber,
		"scaleToZeroGracePeriod": duration,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *ResourcesSpec) UnmarshalJSON(data []byte) error {
	type plain ResourcesSpec
	return unmarshal(data, (*plain)(r), "spec.resources", map[string]form{"requests": quantityList, "limits": quantityList})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *BuildSpec) UnmarshalJSON(data []byte) error {
	type plain BuildSpec
	return unmarshal(data, (*plain)(b), "spec.build", map[string]form{"timeout": duration, "retries": smallNumber})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *InlineSource) UnmarshalJSON(data []byte) error {
	type plain InlineSource
	return unmarshal(data, (*plain)(s), "spec.source.inline", map[string]form{"dependencies": objectText})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *ImageSource) UnmarshalJSON(data []byte) error {
	type plain ImageSource
	return unmarshal(data, (*plain)(s), "spec.source.image", map[string]form{"port": smallNumber, "imagePullSecrets": references})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *RabbitMQSpec) UnmarshalJSON(data []byte) error {
	type plain RabbitMQSpec
	return unmarshal(data, (*plain)(r), "spec.eventing.rabbitmq", map[string]form{"parallelism": smallNumber, "prefetchCount": smallNumber})
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *DLQSpec) UnmarshalJSON(data []byte) error {
	type plain DLQSpec
	return unmarshal(data, (*plain)(d), "spec.eventing.dlq", map[string]form{
		"retryMaxAttempts": smallNumber,
		"messageTTL":       number,
		"maxLength":        number,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *DeliverySpec) UnmarshalJSON(data []byte) error {
	type plain DeliverySpec
	return unmarshal(data, (*plain)(d), "spec.eventing.delivery", map[string]form{"retry": smallNumber})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *LambdaAgentSpec) UnmarshalJSON(data []byte) error {
	type plain LambdaAgentSpec
	return unmarshal(data, (*plain)(s), "spec", map[string]form{"env": variables})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *AISpec) UnmarshalJSON(data []byte) error {
	type plain AISpec
	return unmarshal(data, (*plain)(s), "spec.ai", map[string]form{
		"maxTokens":         smallNumber,
		"temperature":       quoted,
		"topP":              quoted,
		"contextWindowSize": smallNumber,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *BehaviorSpec) UnmarshalJSON(data []byte) error {
	type plain BehaviorSpec
	return unmarshal(data, (*plain)(s), "spec.behavior", map[string]form{
		"maxContextMessages":         smallNumber,
		"conversationTTL":            duration,
		"maxConcurrentConversations": smallNumber,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *HealthCheckSpec) UnmarshalJSON(data []byte) error {
	type plain HealthCheckSpec
	return unmarshal(data, (*plain)(h), "spec.behavior.healthCheck", map[string]form{"interval": duration})
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *AgentMetricsSpec) UnmarshalJSON(data []byte) error {
	type plain AgentMetricsSpec
	return unmarshal(data, (*plain)(m), "spec.observability.metrics", map[string]form{"interval": duration, "timeout": duration})
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *MetricsSpec) UnmarshalJSON(data []byte) error {
	type plain MetricsSpec
	return unmarshal(data, (*plain)(m), "spec.observability.metrics", map[string]form{"port": smallNumber})
}
