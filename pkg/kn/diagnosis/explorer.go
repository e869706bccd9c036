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

package diagnosis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/utils/clock"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/kmeta"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// state is the type of a link to what has no conditions, and missing the state of what is not there.
const (
	state   = "State"
	missing = "not there"
)

// The kinds, in words, that links of more than one chain have.
const (
	kindFunction   = "LambdaFunction"
	kindAgent      = "LambdaAgent"
	kindService    = "Knative Service"
	kindDeployment = "Deployment"
	kindPod        = "Pod"
	kindEvent      = "Event"
)

// subject is what is looked at.
type subject interface {
	duckv1.KRShaped
	kmeta.OwnerRefable
}

// explorer looks at one function or agent, and at its children.
type explorer struct {
	Clients

	now    time.Time
	kind   string
	object subject
	// selector of the children.
	selector string
	// words puts names into the templates of remedies.
	words *strings.Replacer

	// cause is the condition that keeps it from being ready, nil for none.
	cause       *apis.Condition
	build       *v1alpha1.BuildStatus
	broker      string
	wantsEvents bool

	// service is the Knative Service, once it has been looked for.
	service *servingv1.Service
	looked  sight
	unseen  []string
}

func newExplorer(clients Clients, object subject, resource, label, image string) *explorer {
	if clients.Clock == nil {
		clients.Clock = clock.RealClock{}
	}
	name, namespace := object.GetName(), object.GetNamespace()
	return &explorer{
		Clients: clients, now: clients.Clock.Now(), object: object, selector: label + "=" + name,
		kind: object.GetGroupVersionKind().Kind,
		words: strings.NewReplacer("{kind}", resource, "{namespace}", namespace, "{name}", name, "{image}", image,
			"{selector}", label+"="+name, "{operator}", operatorNamespace),
	}
}

func (e *explorer) name() string      { return e.object.GetName() }
func (e *explorer) namespace() string { return e.object.GetNamespace() }

// cannotSee notes what could not be looked at.
func (e *explorer) cannotSee(what, namespace string, err error) {
	why := err.Error()
	switch {
	case apierrs.IsForbidden(err):
		why = "you have no permission to read that"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		why = "there was no time left"
	}
	where := "the cluster"
	if namespace != "" {
		where = "namespace " + namespace
	}
	if text := fmt.Sprintf("%s of %s: %s", what, where, why); !slices.Contains(e.unseen, text) {
		e.unseen = append(e.unseen, text)
	}
}

// sight is what became of looking for an object.
type sight int

const (
	unlooked sight = iota
	seen
	absent
	// hidden : it could not be read.
	hidden
)

type getter[T any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
}

// find returns the object, where it is seen.
func find[T any](ctx context.Context, e *explorer, kind, namespace, name string, client getter[T]) (T, sight) {
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil:
		return object, seen
	case apierrs.IsNotFound(err):
		return object, absent
	}
	e.cannotSee(kind+"s", namespace, err)
	return object, hidden
}

type lister[T any] interface {
	List(ctx context.Context, options metav1.ListOptions) (T, error)
}

// list returns the objects that the selector selects, and whether they could be read.
func list[T any](ctx context.Context, e *explorer, kind, namespace, selector string, client lister[T]) (T, bool) {
	objects, err := client.List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil && !apierrs.IsNotFound(err) {
		e.cannotSee(kind+"s", namespace, err)
	}
	return objects, err == nil
}

// knativeService returns the Knative Service of the function or agent, where it is seen.
func (e *explorer) knativeService(ctx context.Context) (*servingv1.Service, sight) {
	if e.looked == unlooked {
		e.service, e.looked = find(ctx, e, kindService, e.namespace(), e.name(), e.Serving.ServingV1().Services(e.namespace()))
	}
	return e.service, e.looked
}

// link is what a condition says.
func (e *explorer) link(kind, name string, c *apis.Condition) Link {
	return Link{
		Kind: kind, Name: name, Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: since(c),
	}
}

// worst returns the condition that tells most of why an object is not as it should be: the first that is False, else the
// first that is Unknown, before the one that sums them up. Nil where all are True.
func worst(status *duckv1.Status) *apis.Condition {
	for _, wanted := range []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionUnknown} {
		var top *apis.Condition
		for i := range status.Conditions {
			c := &status.Conditions[i]
			switch {
			case c.Status != wanted || c.Severity != apis.ConditionSeverityError:
			case c.Type == apis.ConditionReady || c.Type == apis.ConditionSucceeded:
				top = c
			default:
				return c
			}
		}
		if top != nil {
			return top
		}
	}
	return nil
}

// worstLink is the worst condition of an object as a link, or nothing.
func (e *explorer) worstLink(kind, name string, status *duckv1.Status) []Link {
	if c := worst(status); c != nil {
		return []Link{e.link(kind, name, c)}
	}
	return nil
}

// warning returns the last warning that Kubernetes gave of an object, or nothing.
func (e *explorer) warning(ctx context.Context, kind, name string) []Link {
	selector := fields.Set{"involvedObject.kind": kind, "involvedObject.name": name, "type": corev1.EventTypeWarning}.AsSelector().String()
	events, err := e.Kube.CoreV1().Events(e.namespace()).List(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		e.cannotSee("Events", e.namespace(), err)
		return nil
	}
	var last *corev1.Event
	for i := range events.Items {
		event := &events.Items[i]
		if event.InvolvedObject.Kind != kind || event.InvolvedObject.Name != name || event.Type != corev1.EventTypeWarning {
			continue
		}
		if last == nil || seenAt(last).Before(seenAt(event)) {
			last = event
		}
	}
	if last == nil {
		return nil
	}
	return []Link{{
		Kind: kindEvent, Name: kind + " " + name, Type: state, Status: "warning", Reason: last.Reason, Message: last.Message, Since: seenAt(last),
	}}
}

// seenAt is when the event last was.
func seenAt(event *corev1.Event) *metav1.Time {
	switch {
	case event.Series != nil:
		return &metav1.Time{Time: event.Series.LastObservedTime.Time}
	case !event.LastTimestamp.IsZero():
		return &event.LastTimestamp
	case !event.EventTime.IsZero():
		return &metav1.Time{Time: event.EventTime.Time}
	default:
		return &event.CreationTimestamp
	}
}
