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

package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

// operatorAccounts is what the names of all of the operator's service accounts begin with.
const operatorAccounts = "system:serviceaccount:knative-lambda:"

// measureSettled counts what the operator writes while there is nothing to do. Leases, by which replicas elect a
// leader, are renewed whatever there is to do, and are counted apart.
func measureSettled(ctx context.Context, b *bench, r *report) error {
	if b.auditLog == "" {
		progress("settled: left out, there is no audit log to look at")
		return nil
	}
	fn, err := b.createReady(ctx, b.function("settled"))
	if err != nil {
		return err
	}
	// Until its first instance has gone a function has not settled.
	if err := b.awaitZero(ctx, fn.Name); err != nil {
		return err
	}
	progress("settled: look for writes during %v", b.settled)
	start := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.settled):
	}
	writes, err := test.ReadWrites(b.auditLog, test.Writer{Account: operatorAccounts, From: start, To: time.Now(), Refused: true})
	if err != nil {
		return err
	}
	leases := 0
	maps.DeleteFunc(writes, func(w test.Write, count int) bool {
		if w.Resource == "leases" {
			leases += count
			return true
		}
		return false
	})
	r.add(fmt.Sprintf("writes by the operator, settled for %v", b.settled), writes.String(), "", "")
	r.add("renewals of leases meanwhile", strconv.Itoa(leases), "", "")
	if len(writes) > 0 {
		r.fault("the operator wrote although nothing was to be done: %s", writes)
	}
	return nil
}
