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

import "github.com/cloudevents/sdk-go/v2/event"

func handle(e event.Event) (*event.Event, error) {
	var in order
	if len(e.Data()) > 0 {
		if err := e.DataAs(&in); err != nil {
			return nil, err
		}
	}
	var reply any = map[string]int{"x": 1}
	if in.Do != "event" {
		var err error
		if reply, err = answer(in); err != nil || reply == nil {
			return nil, err
		}
	}
	made := event.New()
	made.SetID("8")
	made.SetType("made")
	made.SetSource("/me")
	return &made, made.SetData("application/json", reply)
}
