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
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/logging"
	"sigs.k8s.io/yaml"
)

// FuzzAdmission sends objects through defaulting and validation as the API server does: when they are made, when they are
// changed from and into another, when their last finalizer goes, and when they are deleted. Nothing may panic. What is
// let in is let in again when nothing changes, and is the same then; and what is stored, however bad, can go.
func FuzzAdmission(f *testing.F) {
	for _, seed := range admissionSeeds(f) {
		f.Add(seed, []byte(`{"metadata":{"name":"a"},"spec":{"source":{"type":"inline","inline":{"code":"a"}},"runtime":{"language":"python"}}}`), false)
		f.Add(seed, []byte(`{"metadata":{"name":"a"},"spec":{"image":{"repository":"ghcr.io/acme/chat"}}}`), true)
	}
	for _, spec := range []string{
		`{}`, `null`, `{"source":null,"runtime":{}}`, `{"source":{"type":"inline","inline":{"dependencies":{"a":[1]}}}}`,
		`{"scaling":{"minReplicas":"-9223372036854775808","maxReplicas":"9e9","containerConcurrency":-1,"scaleToZeroGracePeriod":"1h"}}`,
		`{"resources":{"requests":{"cpu":"1e-9999999999"},"limits":{"memory":"9223372036854775808Ei","cpu":0.1}}}`,
		`{"env":[{"name":"A","valueFrom":{"resourceFieldRef":{"divisor":"1e99999999"}}},{},null],"envFrom":[{},null]}`,
		`{"source":{"type":"git","git":{"url":"https://a:b@[::1]/%00","ref":"..","path":"/","secretRef":{}}},"runtime":{"language":"go","version":1.2}}`,
		`{"source":{"type":"image","image":{"repository":"a","imagePullSecrets":[1,{"name":2},null,"a"],"port":"http"}}}`,
		`{"build":{"timeout":"-1s","retries":1e100,"registryType":"ecr"},"triggers":[{}],"eventing":{"dlq":{}},"observability":{"tracing":{"samplingRate":"NaN"}}}`,
		`{"image":{"repository":"ghcr.io/acme/chat"},"ai":{"endpoint":"b","temperature":1e999},"memory":{"a":1e999},"behavior":{"conversationTTL":"x"}}`,
		`{"image":null,"ai":{},"approval":{},"permissions":{"eventControls":{}},"eventing":{"forwards":[{}],"subscriptions":[null]}}`,
	} {
		raw, other := []byte(`{"metadata":{"name":"a","finalizers":["a"]},"spec":`+spec+`}`), []byte(`{"metadata":{"name":"a"},"spec":`+spec+`}`)
		f.Add(raw, other, false)
		f.Add(raw, other, true)
	}
	defaultingCtx, defaulting := newAdmission(f, newDefaultingController)
	validationCtx, validation := newAdmission(f, newValidationController)
	// The controllers would log to f, which is not to be used within the fuzzing.
	quiet := func(ctx context.Context) context.Context { return logging.WithLogger(ctx, zap.NewNop().Sugar()) }
	defaultingCtx, validationCtx = quiet(defaultingCtx), quiet(validationCtx)
	send := func(t *testing.T, request *admissionv1.AdmissionRequest) ([]byte, bool) {
		response := defaulting.Admit(defaultingCtx, request)
		if !response.Allowed {
			return nil, false
		}
		stored := patched(t, request.Object.Raw, response.Patch)
		request = request.DeepCopy()
		request.Object.Raw = stored
		return stored, validation.Admit(validationCtx, request).Allowed
	}
	f.Fuzz(func(t *testing.T, raw, other []byte, agent bool) {
		if !isObject(raw) || !isObject(other) {
			return
		}
		kind := functionKind
		if agent {
			kind = agentKind
		}
		create := &admissionv1.AdmissionRequest{Operation: admissionv1.Create, Kind: kind, Object: runtime.RawExtension{Raw: raw}}
		stored, allowed := send(t, create)
		// From anything to anything.
		send(t, &admissionv1.AdmissionRequest{
			Operation: admissionv1.Update, Kind: kind, Object: runtime.RawExtension{Raw: raw}, OldObject: runtime.RawExtension{Raw: other},
		})
		remove := &admissionv1.AdmissionRequest{Operation: admissionv1.Delete, Kind: kind, OldObject: runtime.RawExtension{Raw: raw}}
		if response := validation.Admit(validationCtx, remove); stored != nil && !response.Allowed {
			t.Errorf("what can be read cannot be deleted: %v", response.Result)
		}
		if stored == nil {
			return
		}
		if finalized := withoutFinalizers(t, stored); finalized != nil {
			if _, ok := send(t, &admissionv1.AdmissionRequest{
				Operation: admissionv1.Update, Kind: kind, Object: runtime.RawExtension{Raw: finalized}, OldObject: runtime.RawExtension{Raw: stored},
			}); !ok {
				t.Errorf("what can be read cannot lose its finalizers: %s", finalized)
			}
		}
		if !allowed {
			return
		}
		again, ok := send(t, &admissionv1.AdmissionRequest{
			Operation: admissionv1.Update, Kind: kind, Object: runtime.RawExtension{Raw: stored}, OldObject: runtime.RawExtension{Raw: stored},
		})
		if !ok {
			t.Errorf("what is let in is refused when nothing of it changes: %s", stored)
		}
		if diff := cmp.Diff(specOf(t, stored), specOf(t, again)); diff != "" {
			t.Error("what is let in changes when nothing of it changes (-before, +after):", diff)
		}
	})
}

// admissionSeeds are manifests that are let in.
func admissionSeeds(f *testing.F) [][]byte {
	f.Helper()
	var seeds [][]byte
	for _, pattern := range []string{"../../pkg/apis/lambda/v1alpha1/testdata/legacy/*.yaml", "../../pkg/apis/lambda/v1alpha1/testdata/legacy/agents/*.yaml", "../../samples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("Glob(%s) = %v, %v", pattern, files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal("ReadFile() =", err)
			}
			if raw, err := yaml.YAMLToJSON(data); err == nil {
				seeds = append(seeds, raw)
			}
		}
	}
	return seeds
}

// isObject is true for what the API server would send: it has read it as an object before.
func isObject(raw []byte) bool {
	var object map[string]any
	return json.Unmarshal(raw, &object) == nil && object != nil
}

// withoutFinalizers returns the object as the API server has it when the last finalizer of a deleted object goes, and nil
// where there can be no such object.
func withoutFinalizers(t *testing.T, stored []byte) []byte {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(stored, &object); err != nil {
		t.Fatalf("Unmarshal(%s) = %v", stored, err)
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return nil
	}
	delete(metadata, "finalizers")
	metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal("Marshal() =", err)
	}
	return raw
}

func specOf(t *testing.T, raw []byte) any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatalf("Unmarshal(%s) = %v", raw, err)
	}
	return object["spec"]
}
