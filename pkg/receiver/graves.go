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
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// graves remember the commands of functions that were deleted by one, which have no annotations any more: an event that
// comes again neither makes the function anew nor deletes the next one of the name. They are Leases in the receiver's own
// namespace, because those need no rights in any other.
type graves struct {
	leases coordinationclient.LeaseInterface
	clock  clock.PassiveClock
	// memory is how long they are kept.
	memory func() time.Duration
}

const (
	graveLabel         = lambda.GroupName + "/deleted"
	functionAnnotation = lambda.GroupName + "/function"
	uidAnnotation      = lambda.GroupName + "/uid"
	sweepEvery         = 10 * time.Minute
	sweepPage          = 500
)

// grave is that of one name; nil is one of which nothing is remembered.
type grave struct{ lease *coordinationv1.Lease }

func (g *grave) done() journal {
	if g == nil {
		return nil
	}
	return parseJournal(g.lease.Annotations[journalAnnotation])
}

// uid is that of the function that was last deleted, or "" where there was none.
func (g *grave) uid() types.UID { return types.UID(g.lease.Annotations[uidAnnotation]) }

func graveName(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return "lambda-deleted-" + hex.EncodeToString(sum[:16])
}

func (g *graves) find(ctx context.Context, namespace, name string) (*grave, error) {
	lease, err := g.leases.Get(ctx, graveName(namespace, name), metav1.GetOptions{})
	switch {
	case apierrs.IsNotFound(err):
		return nil, nil //nolint:nilnil // nothing is remembered
	case err != nil:
		return nil, err
	}
	return &grave{lease}, nil
}

// dig remembers commands of a function before it is deleted. known is what find has found.
func (g *graves) dig(ctx context.Context, known *grave, namespace, name string, uid types.UID, done journal) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: graveName(namespace, name)}}
	if known != nil {
		lease = known.lease.DeepCopy()
	}
	lease.Labels = map[string]string{graveLabel: "true"}
	lease.Annotations = map[string]string{
		functionAnnotation: namespace + "/" + name, uidAnnotation: string(uid), journalAnnotation: done.String(),
	}
	lease.Spec.RenewTime = &metav1.MicroTime{Time: g.clock.Now()}
	lease.Spec.LeaseDurationSeconds = ptr.To(int32(min(g.memory(), math.MaxInt32*time.Second) / time.Second)) //nolint:gosec // G115: see min
	var err error
	if known == nil {
		_, err = g.leases.Create(ctx, lease, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		_, err = g.leases.Update(ctx, lease, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	return err
}

// sweep deletes the graves whose time is over.
func (g *graves) sweep(ctx context.Context) error {
	options := metav1.ListOptions{LabelSelector: graveLabel + "=true", Limit: sweepPage}
	for {
		leases, err := g.leases.List(ctx, options)
		if err != nil {
			return fmt.Errorf("failed to list Leases: %w", err)
		}
		for i := range leases.Items {
			lease := &leases.Items[i]
			if lease.Spec.RenewTime == nil || g.clock.Since(lease.Spec.RenewTime.Time) < g.memory() {
				continue
			}
			err := g.leases.Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}})
			if err != nil && !apierrs.IsNotFound(err) && !apierrs.IsConflict(err) {
				return fmt.Errorf("failed to delete Lease %q: %w", lease.Name, err)
			}
		}
		if options.Continue = leases.Continue; options.Continue == "" {
			return nil
		}
	}
}
