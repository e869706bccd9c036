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

package receiver

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// pauses are between the tries of a command.
var pauses = wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: .5, Steps: 8, Cap: 2 * time.Second}

// errLater is for what will be otherwise by itself.
var errLater = errors.New("not yet")

// doubtfulError is of a write that may have been done or not: its answer was lost.
type doubtfulError struct{ cause error }

func (d *doubtfulError) Error() string { return d.cause.Error() }
func (d *doubtfulError) Unwrap() error { return d.cause }

// written says of the error of a write whether it leaves a doubt.
func written(err error) error {
	var status apierrs.APIStatus
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &status) && !apierrs.IsTimeout(err) {
		return err
	}
	return &doubtfulError{err}
}

// persist tries a command until it is done or refused, or until patience is at its end. A try that failed may yet have been
// done, where the answer of the API server was lost: each begins by looking whether the command is in the journal. While that
// is in doubt persist goes on until ctx ends, for no sender may be told that what was done was not. What is forbidden is tried
// again once the API server is ready, for the same reason: one that has just started forbids what it has not read yet.
func persist(
	ctx context.Context, patience time.Duration, ready access.Ready, try func(context.Context) (duplicate bool, err error),
) (duplicate bool, err error) {
	trying, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause, believed := pauses, false
	for tries := 1; ; tries++ {
		known, err := try(trying)
		if err == nil {
			// What a try before has done is not done twice.
			return known && tries == 1, nil
		}
		forbidden := apierrs.IsForbidden(err) && !believed
		if !forbidden && !transient(err) {
			return false, terminal(err)
		}
		believed = forbidden && ready(trying) == nil
		if _, ok := errors.AsType[*doubtfulError](err); ok {
			trying = ctx //nolint:fatcontext // It is the one that trying was made of.
		}
		select {
		case <-trying.Done():
			return false, &unavailable{err}
		case <-time.After(pause.Step()):
		}
	}
}

// transient is true for errors that another try may mend.
func transient(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return false
	}
	var status apierrs.APIStatus
	if !errors.As(err, &status) || errors.Is(err, errLater) {
		return true // no answer
	}
	if apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusInternalServerError || code == http.StatusConflict || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// terminal says what the API server refuses, and where in the event that is.
func terminal(err error) error {
	var status apierrs.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	s := status.Status()
	switch {
	case s.Code == http.StatusUnprocessableEntity, s.Code == http.StatusBadRequest:
		return refuse(http.StatusUnprocessableEntity, codeInvalidSpec, specPath(&s), "%s", s.Message)
	case apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return refuse(http.StatusUnprocessableEntity, codeForbidden, "", "%s", s.Message)
	case s.Code == http.StatusForbidden:
		return refuse(http.StatusForbidden, codeForbidden, "", "%s", s.Message)
	case s.Code == http.StatusNotFound:
		return refuse(http.StatusNotFound, codeNotFound, "", "%s", s.Message)
	case s.Code == http.StatusRequestEntityTooLarge:
		return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "", "%s", s.Message)
	}
	return err
}

// fieldInMessage finds the first field that an admission webhook minds: Knative's say it in their message only.
var fieldInMessage = regexp.MustCompile(`\b(?:spec|metadata)(?:\.[A-Za-z][A-Za-z0-9]*|\[[A-Za-z0-9./_-]*\])+`)

// specPath is what the API server minds, as a pointer into the event.
func specPath(s *metav1.Status) string {
	field := ""
	if s.Details != nil && len(s.Details.Causes) > 0 {
		field = s.Details.Causes[0].Field
	}
	if field == "" || field == "<nil>" {
		field = fieldInMessage.FindString(s.Message)
	}
	if field == "" {
		return ""
	}
	names := strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	return dataPath(events.Pointer(names...))
}

// notFound tells of what is not there. A command that comes before the one that makes it is sent again.
func (o *order) notFound() error {
	return refuse(http.StatusNotFound, codeNotFound, "", "there is no %s %q in namespace %q", o.kind.name, o.name, o.namespace)
}
