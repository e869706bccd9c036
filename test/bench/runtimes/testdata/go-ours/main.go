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

// Handler does what it is told.
func Handler(in order) (any, error) {
	if in.Do == "event" {
		return map[string]any{"specversion": "1.0", "id": "8", "type": "made", "source": "/me", "data": map[string]int{"x": 1}}, nil
	}
	return answer(in)
}
