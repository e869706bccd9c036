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

// Package source turns a build plan into a build context: real files in one folder, with the Dockerfile that makes a
// function's image of them. The controller writes plans, and cmd/fetch, the first step of a build, carries them out.
//
// The plan holds all that goes into an image and nothing else, so that its hash is the build key: the same key is the
// same image. What a user wrote goes into files, never into a command line, and into the Dockerfile only where a
// pattern that is checked first lets it.
package source
