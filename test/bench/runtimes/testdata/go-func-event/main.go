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

package main

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"
	server "knative.dev/func-go/cloudevents"
)

type function struct{}

// Handle does what it is told.
func (function) Handle(_ context.Context, e event.Event) (*event.Event, error) { return handle(e) }

func main() {
	if err := server.Start(function{}); err != nil {
		panic(err)
	}
}
