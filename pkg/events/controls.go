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

package events

import (
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// Controls are the types of the events that disable capabilities of LambdaAgents and enable them again. Agents may choose
// others, whose data has the same schema.
func Controls() []string { return []string{lambda.ControlDisable, lambda.ControlEnable} }

// Control returns which of Controls events of a type are like. It is false for those that are none, such as commands.
func Control(eventType string) (control string, ok bool) {
	if strings.HasPrefix(eventType, CommandPrefix) {
		return "", false
	}
	return lambda.ParseControlType(eventType)
}
