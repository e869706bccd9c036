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

package source

import (
	"errors"
	"fmt"
)

// Reason says in one word why a source was refused or not fetched. Reasons are stable: conditions and scripts rely on
// them.
type Reason string

const (
	// ReasonInvalidPlan : the plan is not one, or of another version, or a field of it is wrong.
	ReasonInvalidPlan Reason = "InvalidPlan"
	// ReasonInvalidPath : a path of the source is not allowed in a build context.
	ReasonInvalidPath Reason = "InvalidPath"
	// ReasonInvalidDependencies : the dependencies are not in a form that the language's installer reads.
	ReasonInvalidDependencies Reason = "InvalidDependencies"
	// ReasonSourceTooLarge : the source has more files or bytes than is allowed.
	ReasonSourceTooLarge Reason = "SourceTooLarge"
	// ReasonInternal : something outside the plan and its source failed, such as the disk. A retry may help.
	ReasonInternal Reason = "InternalError"
)

// Error is a failure with a Reason. Its message is for the author of the function: it names what is wrong and where.
type Error struct {
	// Reason is the cause in one word.
	Reason Reason
	// Err is the cause in full.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the Reason of err, and ReasonInternal where err has none.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ReasonInternal
}

func failf(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}
