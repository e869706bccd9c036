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

package kn

import (
	"errors"
	"fmt"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
)

// The exit codes.
const (
	// ExitOK : what was asked for is done.
	ExitOK = 0
	// ExitFailure : it failed.
	ExitFailure = 1
	// ExitUsage : the flags or the arguments are wrong. Nothing was done.
	ExitUsage = 2
	// ExitNotReady : the function or the agent did not become ready, or not in time; of dead letters that were sent again, some are still
	// there.
	ExitNotReady = 3
	// ExitLost : what was asked for is done, but for what cannot be had here.
	ExitLost = 4
	// ExitInterrupted : somebody pressed Ctrl-C.
	ExitInterrupted = 130
)

// commandError is what people are told: what failed and why, and what to do next.
type commandError struct {
	error
	// next is a command, or a sentence. It may be "".
	next string
	code int
}

// Unwrap makes the cause known to package errors.
func (e *commandError) Unwrap() error { return e.error }

// usagef is an error of flags or arguments.
func usagef(format string, args ...any) error {
	return &commandError{error: fmt.Errorf(format, args...), code: ExitUsage}
}

// failf is an error with what to do next.
func failf(next, format string, args ...any) error {
	return &commandError{error: fmt.Errorf(format, args...), next: next, code: ExitFailure}
}

// explain says of an error what to do next, where that can be told.
func explain(err error) *commandError {
	var known *commandError
	if errors.As(err, &known) {
		// What was said around it is told, too.
		return &commandError{error: err, next: known.next, code: known.code}
	}
	told := &commandError{error: err, code: ExitFailure}
	var network *net.OpError
	switch status := apierrors.APIStatus(nil); {
	case apierrors.IsUnauthorized(err):
		told.next = "log in to the cluster again, or choose another with --context"
	case apierrors.IsForbidden(err):
		told.next = "ask for the right, or choose a namespace that is yours with --namespace"
	case apierrors.IsNotFound(err) && errors.As(err, &status) && (status.Status().Details == nil || status.Status().Details.Name == ""):
		told.error = fmt.Errorf("the cluster does not know the kind that is asked for: %w", err)
		told.next = "install Knative Lambda and what it builds on, or choose another cluster with --context"
	case apierrors.IsConflict(err):
		told.next = "do it again: somebody else was faster"
	case clientcmd.IsEmptyConfig(err):
		told.error = errors.New("no cluster is configured")
		told.next = "name a kubeconfig with --kubeconfig or in the environment variable KUBECONFIG"
	case errors.As(err, &network):
		told.next = "see whether the cluster is there, and whether --kubeconfig and --context name the right one"
	}
	return told
}

// functionError is explain for a call that is about one function.
func functionError(err error, verb, namespace, name string) error {
	return namedError(err, "function", "kn lambda list --all-namespaces", verb, namespace, name)
}

// agentError is explain for a call that is about one agent.
func agentError(err error, verb, namespace, name string) error {
	return namedError(err, "agent", "kn lambda agent list --all-namespaces", verb, namespace, name)
}

func namedError(err error, kind, list, verb, namespace, name string) error {
	if err == nil {
		return nil
	}
	status := apierrors.APIStatus(nil)
	if apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Name == name {
		return failf(list, "failed to %s %s %q: there is none of this name in namespace %q", verb, kind, name, namespace)
	}
	return fmt.Errorf("failed to %s %s %q: %w", verb, kind, name, err)
}
