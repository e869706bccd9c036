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
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/lru"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

var responses = observability.Must(meter.Int64Counter("knative.lambda.function.responses", metric.WithUnit("{event}"),
	metric.WithDescription("Responses of functions that came by as events, by status and, of errors, their type.")))

const (
	responseSuccess = "success"
	responseError   = "error"

	errorOther   = "other"
	errorUnknown = "unknown"
	functionMany = "other"
)

// errorTypes are the values of the label error_type, besides other and unknown, and what else they are called: by the
// runtime, among others.
var errorTypes = map[string]string{
	"runtime": "runtime", "workerdied": "runtime", "internalerror": "runtime", "handlernotloaded": "import",
	"timeout": "timeout", "deadlineexceeded": "timeout",
	"memory": "memory", "outofmemory": "memory", "oom": "memory",
	"handler": "handler", "handlererror": "handler",
	"import": "import", "importerror": "import",
	"validation": "validation", "invaliddata": "validation",
	"network":    "network",
	"permission": "permission", "forbidden": "permission",
	"config":  "config",
	"request": "request", "invalidevent": "request", "bodytoolarge": "request", "bodyunreadable": "request",
}

const (
	// maxCounted is how many functions are told apart in metrics: events may name any number of them.
	maxCounted = 1000
	// maxResponses is how many responses are remembered, so that one that comes again is counted once.
	maxResponses = 10000
)

// counted is what was counted of responses.
type counted struct {
	mu        sync.Mutex
	functions sets.Set[string]
	seen      *lru.Cache
}

func newCounted() *counted {
	return &counted{functions: sets.New[string](), seen: lru.New(maxResponses)}
}

// first is false for a response that was counted already.
func (c *counted) first(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.seen.Get(id); known {
		return false
	}
	c.seen.Add(id, nil)
	return true
}

// names are the labels of a function.
func (c *counted) names(namespace, name string) (labelNamespace, labelFunction string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := namespace + "/" + name
	if !c.functions.Has(key) && c.functions.Len() >= maxCounted {
		return namespace, functionMany
	}
	c.functions.Insert(key)
	return namespace, name
}

// count counts a response of a function that the sender may look at.
func (s *Server) count(ctx context.Context, user *access.User, e *event.Event) (duplicate bool, err error) {
	namespace, name, _ := strings.Cut(strings.TrimPrefix(e.Source(), events.ResponseSourcePrefix), "/")
	if !strings.HasPrefix(e.Source(), events.ResponseSourcePrefix) || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1035Label(name)) > 0 {
		return false, refuse(http.StatusBadRequest, codeInvalidEvent, "/source", "responses are of %s<namespace>/<name>", events.ResponseSourcePrefix)
	}
	o := &order{event: e, id: orderID(e), kind: functions, namespace: namespace, name: name}
	if err := s.require(ctx, user, verbGet, o); err != nil {
		return false, err
	}
	if !s.counted.first(o.id) {
		return true, nil
	}
	status := responseSuccess
	if e.Type() == events.ResponseError {
		status = responseError
	}
	namespace, name = s.counted.names(namespace, name)
	responses.Add(ctx, 1, metric.WithAttributes(attribute.String("namespace", namespace), attribute.String("function", name),
		attribute.String("status", status), attribute.String("error_type", errorTypeOf(e))))
	return false, nil
}

// errorTypeOf is the type of a response's error, one of a bounded set; "" of a success.
func errorTypeOf(e *event.Event) string {
	if e.Type() != events.ResponseError {
		return ""
	}
	var data struct {
		Error     any    `json:"error"`
		ErrorType string `json:"errorType"`
		Type      string `json:"type"`
		Code      string `json:"code"`
	}
	if json.Unmarshal(e.Data(), &data) != nil {
		return errorUnknown // Whatever it is, it failed.
	}
	named := cmp.Or(data.ErrorType, data.Type, data.Code)
	if details, ok := data.Error.(map[string]any); ok {
		for _, member := range []string{"type", "code"} {
			if text, ok := details[member].(string); ok && text != "" {
				named = text
				break
			}
		}
	}
	if named == "" {
		return errorUnknown
	}
	return cmp.Or(errorTypes[strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(named))], errorOther)
}
