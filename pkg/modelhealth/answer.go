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

package modelhealth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const (
	// maxBody is the largest list of models that is read.
	maxBody = 1 << 20
	// maxTold is how many models, and how much of a name, are told.
	maxTold, maxName = 5, 64
)

var errNotUnderstood = errors.New("the answer is not a list of models")

// list is the models that an endpoint has, as its API names them.
type list struct {
	names []string
	// next is what the next page is asked for after. "" is the last.
	next string
}

// readList reads the answer of a provider's API: of Ollama /api/tags, of OpenAI and Anthropic /models.
func readList(provider v1alpha1.AIProvider, body []byte) (*list, error) {
	var answer struct {
		Models  []struct{ Name string } `json:"models"`
		Data    []struct{ ID string }   `json:"data"`
		HasMore bool                    `json:"has_more"`
		LastID  string                  `json:"last_id"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errNotUnderstood // what is wrong in it is the endpoint's text
	}
	l := &list{}
	if provider == v1alpha1.AIProviderOllama {
		for _, model := range answer.Models {
			l.names = append(l.names, model.Name)
		}
		if answer.Models == nil {
			return nil, errNotUnderstood
		}
		return l, nil
	}
	if answer.Data == nil {
		return nil, errNotUnderstood
	}
	for _, model := range answer.Data {
		l.names = append(l.names, model.ID)
	}
	if answer.HasMore {
		l.next = answer.LastID
	}
	return l, nil
}

// has is true for a model that the endpoint has, by its name or by one that its API takes for it.
func (l *list) has(provider v1alpha1.AIProvider, model string) bool {
	return slices.ContainsFunc(l.names, func(name string) bool {
		switch {
		case name == model:
			return true
		case provider == v1alpha1.AIProviderOllama:
			// A name without a tag is that of the latest.
			return !strings.Contains(model, ":") && name == model+":latest"
		case provider == v1alpha1.AIProviderAnthropic:
			// The list has names with dates (claude-sonnet-4-20250514), which are called by -latest, -0 or nothing in place of it
			// (https://docs.anthropic.com/en/docs/about-claude/models/overview, aliases).
			undated, dated := withoutDate(name)
			return dated && (model == undated || model == undated+"-latest" || model == undated+"-0")
		}
		return false
	})
}

// withoutDate cuts a date of eight digits from the end of a name.
func withoutDate(name string) (undated string, dated bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 || len(name)-i-1 != len("20060102") || strings.Trim(name[i+1:], "0123456789") != "" {
		return name, false
	}
	return name[:i], true
}

// String tells some of the models.
func (l *list) String() string {
	if len(l.names) == 0 {
		return "none"
	}
	told := make([]string, 0, maxTold)
	for _, name := range l.names[:min(len(l.names), maxTold)] {
		told = append(told, harmless(name))
	}
	text := strings.Join(told, ", ")
	if more := len(l.names) - len(told); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// harmless makes of what an endpoint says what can be told.
func harmless(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName]) + "…"
	}
	return text
}
