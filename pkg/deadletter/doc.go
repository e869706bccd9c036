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

// Package deadletter keeps events that could not be delivered, and sends them again.
//
// A broker posts an event that a function failed on. It becomes a letter: the event as it was, and what is known of the
// failure. Letters are messages of NATS JetStream, in a stream for each namespace; the server runs in this process, or
// is a cluster somewhere else. Who may update a function may list its letters, purge them, and have them sent again.
//
// The ways of a letter: ingest.go takes it, batch.go stores it together with those that came at the same time,
// api.go shows it, runner.go sends it again. docs/dead-letters.md says it in full.
package deadletter
