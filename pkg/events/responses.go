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

// The types of what functions answer events with. Events of the second type come from functions of ready images: the
// runtime's own answer to a failure is no event.
const (
	ResponseSuccess = "io.knative.lambda.response.success"
	ResponseError   = "io.knative.lambda.response.error"
)

// ResponseSourcePrefix begins the source of responses, before <namespace>/<name> of the function.
const ResponseSourcePrefix = "io.knative.lambda/"

// IsResponse is true for what functions answer events with.
func IsResponse(eventType string) bool {
	return eventType == ResponseSuccess || eventType == ResponseError
}
