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

// Package orders is a function in a folder, with a module of its own beside it.
package orders

import "example.com/tax"

// Order is what it takes.
type Order struct {
	Price int `json:"price"`
}

// About is what it wants to know besides.
type About struct {
	ID     string `json:"id"`
	Source string `json:"source"`
}

// Total returns the price with its tax.
func Total(in Order, about About) map[string]any {
	return map[string]any{"total": tax.On(in.Price), "id": about.ID, "source": about.Source}
}
