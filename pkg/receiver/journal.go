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
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// The annotations of functions that are the receiver's.
const (
	// createdAnnotation is on functions that an event has created, with the value "true".
	createdAnnotation = lambda.GroupName + "/created-by-cloudevent"
	// idAnnotation and sourceAnnotation have the attributes of the event that has last written the spec.
	idAnnotation     = lambda.GroupName + "/cloudevent-id"
	sourceAnnotation = lambda.GroupName + "/cloudevent-source"
	// journalAnnotation has what the last commands are remembered by (orderID), the newest first, with spaces between. It is
	// written together with what a command does, so that no command is done and not remembered, or remembered and not done.
	journalAnnotation = lambda.GroupName + "/cloudevents"
)

// maxJournal is how many commands are remembered of a function. A Broker sends an event again within minutes.
const maxJournal = 64

// journal is the commands that were done, the newest first.
type journal []string

func parseJournal(text string) journal { return strings.Fields(text) }

// journalOf is the journal of a function.
func journalOf(fn metav1.Object) journal { return parseJournal(fn.GetAnnotations()[journalAnnotation]) }

func (j journal) has(id string) bool { return slices.Contains(j, id) }

// with returns a journal with ids before those of j.
func (j journal) with(ids ...string) journal {
	all := journal(slices.Clone(ids))
	for _, id := range j {
		if !all.has(id) {
			all = append(all, id)
		}
	}
	return all[:min(len(all), maxJournal)]
}

func (j journal) String() string { return strings.Join(j, " ") }
