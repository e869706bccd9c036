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
	// ReasonHandlerNotFound : the code has no such handler.
	ReasonHandlerNotFound Reason = "HandlerNotFound"
	// ReasonHandlerInvalid : what the handler's name stands for cannot be called with an event.
	ReasonHandlerInvalid Reason = "HandlerInvalid"
	// ReasonInvalidCode : the code does not have the language's syntax.
	ReasonInvalidCode Reason = "InvalidCode"
	// ReasonSourceTooLarge : the source has more files or bytes than is allowed.
	ReasonSourceTooLarge Reason = "SourceTooLarge"
	// ReasonSourceNotFound : the repository, the bucket, the object or the path in it is not there.
	ReasonSourceNotFound Reason = "SourceNotFound"
	// ReasonRefNotFound : the repository is there, and has no such branch, tag or commit.
	ReasonRefNotFound Reason = "RefNotFound"
	// ReasonSourceForbidden : the server wants other credentials, or any at all.
	ReasonSourceForbidden Reason = "SourceForbidden"
	// ReasonSecretInvalid : the Secret has no key that the source can be fetched with, or the image pushed, or one that
	// cannot be read.
	ReasonSecretInvalid Reason = "SecretInvalid"
	// ReasonHostKeyMismatch : the server does not have the key that the Secret's known_hosts says.
	ReasonHostKeyMismatch Reason = "HostKeyMismatch"
	// ReasonCertificateInvalid : nobody who is trusted vouches for the server.
	ReasonCertificateInvalid Reason = "CertificateInvalid"
	// ReasonSourceRefused : the source is at an address that builds may not connect to.
	ReasonSourceRefused Reason = "SourceRefused"
	// ReasonSourceUnavailable : the server cannot be reached, or failed. A retry may help.
	ReasonSourceUnavailable Reason = "SourceUnavailable"
	// ReasonSourceTimeout : fetching took longer than is allowed. A retry may help.
	ReasonSourceTimeout Reason = "SourceTimeout"
	// ReasonInvalidArchive : the archive is broken, or of a form that is not read.
	ReasonInvalidArchive Reason = "InvalidArchive"
	// ReasonInternal : something outside the plan and its source failed, such as the disk. A retry may help.
	ReasonInternal Reason = "InternalError"
)

// Passes is true where a retry of the same plan may succeed, without a change of the function.
func (r Reason) Passes() bool {
	return r == ReasonSourceUnavailable || r == ReasonSourceTimeout || r == ReasonInternal
}

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

// Failf makes an Error, as fmt.Errorf does.
func Failf(reason Reason, format string, args ...any) error {
	return failf(reason, format, args...)
}

func failf(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}
