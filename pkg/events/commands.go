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

// CommandPrefix is what the types of all commands begin with.
const CommandPrefix = "io.knative.lambda.command."

// The types of commands: CloudEvents that have something done to a LambdaFunction. The schema of each one's data is in
// Schemas, under its type and ".json".
const (
	// FunctionDeploy, ServiceCreate and ServiceUpdate create the function of their data, or update it.
	FunctionDeploy = CommandPrefix + "function.deploy"
	ServiceCreate  = CommandPrefix + "service.create"
	ServiceUpdate  = CommandPrefix + "service.update"
	// ServiceDelete deletes a function.
	ServiceDelete = CommandPrefix + "service.delete"
	// BuildStart and BuildRetry build a function.
	BuildStart = CommandPrefix + "build.start"
	BuildRetry = CommandPrefix + "build.retry"
	// BuildCancel cancels the build of a function.
	BuildCancel = CommandPrefix + "build.cancel"
	// FunctionRollback sends a function's calls to an earlier Revision.
	FunctionRollback = CommandPrefix + "function.rollback"
)

// Commands are all types of commands.
func Commands() []string {
	return []string{FunctionDeploy, ServiceCreate, ServiceUpdate, ServiceDelete, BuildStart, BuildRetry, BuildCancel, FunctionRollback}
}
