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

import "strings"

// The types of events that tell of new code, as their sources name them.
const (
	// GitHubPush is of Knative's GitHubSource; its data is the payload of GitHub's webhook push.
	GitHubPush = "dev.knative.source.github.push"
	// GitLabPush is of Knative's GitLabSource; its data is the payload of GitLab's webhook for pushes.
	GitLabPush = "dev.knative.sources.gitlab.push"
	// ObjectCreatedPrefix begins the types of notifications of S3 that an object was written, in any case, as the adapter of
	// the CloudEvents specification names them (adapters/aws-s3.md): com.amazonaws.s3.ObjectCreated:Put and others.
	ObjectCreatedPrefix = "com.amazonaws.s3.objectcreated"
)

// IsPush is true for the types of events that tell of new code.
func IsPush(eventType string) bool {
	return eventType == GitHubPush || eventType == GitLabPush || strings.HasPrefix(strings.ToLower(eventType), ObjectCreatedPrefix)
}
