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

package deadletter

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// Verbs on LambdaFunctions that give rights to their letters.
const (
	verbGet    = "get"
	verbList   = "list"
	verbUpdate = "update"
)

const serviceAccountPrefix = "system:serviceaccount:"

var errForbidden = &Problem{Status: http.StatusForbidden, Code: codeForbidden, Detail: "you may not do this"}

// require refuses a user who has the verb neither on all functions of the namespace nor on each of those named. Where
// none is named it takes all.
func (s *Server) require(ctx context.Context, user *access.User, verb, namespace string, functions ...string) error {
	ok, err := s.access.May(ctx, user, verb, lambda.LambdaFunctionsResource, namespace, "")
	if err != nil || ok {
		return err
	}
	if verb == verbList {
		// Rights to one function by name come with get.
		verb = verbGet
	}
	for _, function := range functions {
		if function == "" {
			return errForbidden
		}
		if ok, err := s.access.May(ctx, user, verb, lambda.LambdaFunctionsResource, namespace, function); err != nil {
			return err
		} else if !ok {
			return errForbidden
		}
	}
	if len(functions) == 0 {
		return errForbidden
	}
	return nil
}

// requireSender refuses a sender of letters without a token for the audience from the namespace that the letter is of.
func (s *Server) requireSender(r *http.Request, audience, namespace string) error {
	user, err := s.access.Authenticate(r, audience)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(user.Name, fmt.Sprintf("%s%s:", serviceAccountPrefix, namespace)) {
		return errForbidden
	}
	return nil
}
