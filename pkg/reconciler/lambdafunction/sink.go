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

package lambdafunction

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/resolver"
	"knative.dev/pkg/system"
	"knative.dev/pkg/tracker"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// resolveAgain is how long after a failure it is asked again where the sink is.
const resolveAgain = 10 * time.Second

// sinkFollower has lifecycle events go where ConfigMap config-eventing says, and after an object there that gets another
// address.
type sinkFollower struct {
	ctx     context.Context //nolint:containedctx // It is the process's: nobody who calls has another.
	emitter *events.Emitter
	uris    *resolver.URIResolver

	mu   sync.Mutex
	want *duckv1.Destination
	// turn counts what was asked for, so that an answer to an older question is not taken.
	turn int
}

func newSinkFollower(ctx context.Context, emitter *events.Emitter) *sinkFollower {
	f := &sinkFollower{ctx: ctx, emitter: emitter}
	f.uris = resolver.NewURIResolverFromTracker(ctx, tracker.New(func(types.NamespacedName) { f.resolve() }, controller.GetTrackerLease(ctx)))
	return f
}

// stored takes over what ConfigMap config-eventing says.
func (f *sinkFollower) stored(_ string, value any) {
	cfg, ok := value.(*config.Eventing)
	if !ok {
		return
	}
	f.mu.Lock()
	f.want = cfg.EventSink
	f.mu.Unlock()
	f.resolve()
}

// resolve asks where the sink is. It does not wait: the first look at objects of a kind takes a while, and of a kind that
// is not there it has no end.
func (f *sinkFollower) resolve() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	if f.want == nil {
		f.emitter.SetSink(events.Sink{})
		return
	}
	if !f.emitter.Wanted() {
		f.emitter.SetSink(events.Sink{Wanted: true})
	}
	want, turn := *f.want.DeepCopy(), f.turn
	go func() {
		parent := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.EventingConfigName, Namespace: system.Namespace()}}
		address, err := f.uris.AddressableFromDestinationV1(f.ctx, want, parent)
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case turn != f.turn || f.ctx.Err() != nil:
		case err != nil:
			logging.FromContext(f.ctx).Warnw("The sink of lifecycle events has no address; they wait", "error", err)
			f.emitter.SetSink(events.Sink{Wanted: true})
			time.AfterFunc(resolveAgain, f.resolve)
		default:
			f.emitter.SetSink(events.Sink{Wanted: true, URL: address.URL.String()})
		}
	}()
}
