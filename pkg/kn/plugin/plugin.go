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

// Package plugin is kn lambda as a part of kn itself. Who builds a kn registers it there:
//
//	plugin.InternalPlugins = append(plugin.InternalPlugins, lambda.Plugin{})
//
// where lambda is this package, and plugin is knative.dev/client/pkg/plugin, which this one does without.
package plugin

import (
	"fmt"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn"
)

// name is that of the program which is the same plugin: kn has no use for it where it has this one.
const name = "kn-lambda"

// Plugin is what kn asks of a plugin. Its zero value is ready for use.
type Plugin struct{}

// Name is that of the program kn-lambda.
func (Plugin) Name() string { return name }

// Execute runs a verb with its flags and arguments, on the streams of the process. What failed is written to standard
// error already when it returns an *ExitError.
func (Plugin) Execute(args []string) error {
	if code := kn.Main(append([]string{name}, args...)); code != kn.ExitOK {
		return &ExitError{code}
	}
	return nil
}

// Description is what kn says of it in its help. It has no error.
func (Plugin) Description() (string, error) { return kn.Short, nil }

// CommandParts are what comes after kn.
func (Plugin) CommandParts() []string { return []string{"lambda"} }

// Path is "": it is no file.
func (Plugin) Path() string { return "" }

// ExitError is that a verb did not do what it was asked for.
type ExitError struct {
	// Code is one of the exit codes of package kn, and not 0.
	Code int
}

// Error names the code, as of a plugin that is a program.
func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }
