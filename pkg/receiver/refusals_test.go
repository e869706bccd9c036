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
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

func newTestEvent(source, id string) event.Event {
	e := event.New()
	e.SetSource(source)
	e.SetID(id)
	return e
}

// deployOf is a function.deploy whose metadata and spec are these.
func deployOf(metadata, spec string) *http.Request {
	return binary(admin, events.FunctionDeploy, fmt.Sprintf(`{"metadata":%s,"spec":%s}`, metadata, spec))
}

const (
	goodMetadata = `{"name":"hello","namespace":"shop"}`
	goodSpec     = `{"source":{"type":"inline","inline":{"code":"A"}},"runtime":{"language":"python"}}`
)

// structured makes a request of an event in structured mode.
func structured(text string, headers ...string) *http.Request {
	return binary(admin, "", text, append([]string{"Content-Type", "application/cloudevents+json", "Ce-Specversion", ""}, headers...)...)
}

// What is wrong is told with its place, and nothing is written.
func TestRefusals(t *testing.T) {
	annotated := func(key string) *http.Request {
		return deployOf(fmt.Sprintf(`{"name":"hello","namespace":"shop","annotations":{%q:"true"}}`, key), goodSpec)
	}
	for name, tc := range map[string]struct {
		request    *http.Request
		status     int
		code, path string
	}{
		"no event":                      {binary(admin, "", "", "Ce-Specversion", ""), 400, codeInvalidEvent, "/specversion"},
		"version 9.9":                   {binary(admin, events.BuildStart, "", "Ce-Specversion", "9.9"), 400, codeInvalidEvent, "/specversion"},
		"no id":                         {binary(admin, events.BuildStart, "", "Ce-Id", ""), 400, codeInvalidEvent, "/id"},
		"no source":                     {binary(admin, events.BuildStart, "", "Ce-Source", ""), 400, codeInvalidEvent, "/source"},
		"no type":                       {binary(admin, events.BuildStart, "", "Ce-Type", ""), 400, codeInvalidEvent, "/type"},
		"long id":                       {binary(admin, events.BuildStart, "", "Ce-Id", strings.Repeat("x", 1025)), 400, codeInvalidEvent, "/id"},
		"long subject":                  {binary(admin, events.BuildStart, "", "Ce-Subject", strings.Repeat("x", 1025)), 400, codeInvalidEvent, "/subject"},
		"time that is none":             {binary(admin, events.BuildStart, "", "Ce-Time", "now"), 400, codeInvalidEvent, ""},
		"unknown type":                  {binary(admin, "io.knative.lambda.command.service.restart", ""), 400, codeUnknownType, "/type"},
		"type of others":                {binary(admin, "dev.knative.sources.ping", ""), 400, codeUnknownType, "/type"},
		"structured, no JSON":           {structured(`{"specversion":"1.0",`), 400, codeInvalidEvent, ""},
		"structured, more than JSON":    {structured(`{"specversion":"1.0","id":"1","source":"s","type":"t"} x`), 400, codeInvalidEvent, ""},
		"structured, an array":          {structured(`[]`), 400, codeInvalidEvent, ""},
		"structured, no version":        {structured(`{"id":"1","source":"s","type":"t"}`), 400, codeInvalidEvent, ""},
		"structured, version 9.9":       {structured(`{"specversion":"9.9","id":"1","source":"s","type":"t"}`), 400, codeInvalidEvent, ""},
		"structured, no id":             {structured(`{"specversion":"1.0","source":"s","type":"t"}`), 400, codeInvalidEvent, "/id"},
		"structured, id that is none":   {structured(`{"specversion":"1.0","id":1,"source":"s","type":"t"}`), 400, codeInvalidEvent, ""},
		"XML":                           {structured(`<event/>`, "Content-Type", "application/cloudevents+xml"), 415, codeUnsupported, ""},
		"batch of XML":                  {structured(`<event/>`, "Content-Type", "application/cloudevents-batch+xml"), 415, codeUnsupported, ""},
		"2 MiB":                         {binary(admin, events.FunctionDeploy, strings.Repeat("x", 2<<20)), 413, codeTooLarge, ""},
		"2 MiB, of unknown length":      {chunked(strings.Repeat("x", 2<<20)), 413, codeTooLarge, ""},
		"data that is no JSON":          {binary(admin, events.FunctionDeploy, "spec: {}"), 400, codeInvalidData, "/data"},
		"data that is cut off":          {binary(admin, events.FunctionDeploy, helloData[:50]), 400, codeInvalidData, "/data"},
		"data that is text":             {binary(admin, events.FunctionDeploy, helloData, "Content-Type", "text/plain"), 415, codeUnsupported, "/datacontenttype"},
		"data that is an array":         {binary(admin, events.FunctionDeploy, `[]`), 400, codeInvalidData, "/data"},
		"data that is null":             {binary(admin, events.FunctionDeploy, `null`), 400, codeInvalidData, "/data"},
		"a member twice":                {binary(admin, events.BuildStart, `{"name":"a","name":"b"}`), 400, codeInvalidData, "/data"},
		"no spec":                       {binary(admin, events.FunctionDeploy, `{"metadata":{"name":"hello"}}`), 400, codeInvalidData, "/data/spec"},
		"spec that is text":             {deployOf(goodMetadata, `"python"`), 400, codeInvalidData, "/data/spec"},
		"source that is text":           {deployOf(goodMetadata, `{"source":"inline"}`), 400, codeInvalidData, "/data/spec/source"},
		"unknown field":                 {deployOf(goodMetadata, `{"source":{"type":"inline"},"replicas":3}`), 400, codeInvalidData, "/data/spec/replicas"},
		"unknown field below":           {deployOf(goodMetadata, `{"source":{"type":"inline","inlined":{}}}`), 400, codeInvalidData, "/data/spec/source/inlined"},
		"unknown field of the command":  {binary(admin, events.ServiceDelete, `{"name":"hello","cascade":true}`), 400, codeInvalidData, "/data/cascade"},
		"status":                        {binary(admin, events.FunctionDeploy, `{"metadata":`+goodMetadata+`,"spec":`+goodSpec+`,"status":{}}`), 400, codeInvalidData, "/data/status"},
		"owner":                         {deployOf(`{"name":"hello","ownerReferences":[]}`, goodSpec), 400, codeInvalidData, "/data/metadata/ownerReferences"},
		"finalizers":                    {deployOf(`{"name":"hello","finalizers":["x"]}`, goodSpec), 400, codeInvalidData, "/data/metadata/finalizers"},
		"another kind":                  {binary(admin, events.FunctionDeploy, `{"kind":"Secret","metadata":`+goodMetadata+`,"spec":`+goodSpec+`}`), 400, codeInvalidData, "/data/kind"},
		"flag that is text":             {binary(admin, events.BuildStart, `{"name":"hello","forceRebuild":"yes"}`), 400, codeInvalidData, "/data/forceRebuild"},
		"label that is a number":        {deployOf(`{"name":"hello","labels":{"a":1}}`, goodSpec), 400, codeInvalidData, "/data/metadata/labels/a"},
		"no name":                       {deployOf(`{}`, goodSpec), 400, codeInvalidData, "/data/metadata/name"},
		"no name to delete":             {binary(admin, events.ServiceDelete, `{}`), 400, codeInvalidData, "/data/name"},
		"name in capitals":              {deployOf(`{"name":"Hello"}`, goodSpec), 400, codeInvalidData, "/data/metadata/name"},
		"name that leads elsewhere":     {binary(admin, events.ServiceDelete, `{"name":"../secrets/x"}`), 400, codeInvalidData, "/data/name"},
		"subject that is no name":       {binary(admin, events.ServiceDelete, "", "Ce-Subject", "a/b/c"), 400, codeInvalidData, "/subject"},
		"subject without a name":        {binary(admin, events.ServiceDelete, "", "Ce-Subject", "shop/"), 400, codeInvalidData, "/data/name"},
		"namespace that is none":        {deployOf(`{"name":"hello","namespace":"a.b"}`, goodSpec), 400, codeInvalidData, "/data/metadata/namespace"},
		"namespace of others":           {deployOf(`{"name":"hello","namespace":"kube-system"}`, goodSpec), 403, codeForbidden, ""},
		"privilege of old":              {annotated("lambda.knative.io/receiver-mode"), 422, codeForbidden, "/data/metadata/annotations/lambda.knative.io~1receiver-mode"},
		"privilege of old, the other":   {annotated("lambda.knative.io/use-operator-image"), 422, codeForbidden, "/data/metadata/annotations/lambda.knative.io~1use-operator-image"},
		"forged memory":                 {annotated(journalAnnotation), 422, codeForbidden, "/data/metadata/annotations/lambda.knative.io~1cloudevents"},
		"forged origin":                 {annotated(createdAnnotation), 422, codeForbidden, "/data/metadata/annotations/lambda.knative.io~1created-by-cloudevent"},
		"Knative's annotation":          {annotated("serving.knative.dev/creator"), 422, codeForbidden, "/data/metadata/annotations/serving.knative.dev~1creator"},
		"Kubernetes' annotation":        {annotated("kubectl.kubernetes.io/last-applied-configuration"), 422, codeForbidden, "/data/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"},
		"Knative's label":               {deployOf(`{"name":"hello","namespace":"shop","labels":{"networking.knative.dev/visibility":"x"}}`, goodSpec), 422, codeForbidden, "/data/metadata/labels/networking.knative.dev~1visibility"},
		"label that is none":            {deployOf(`{"name":"hello","namespace":"shop","labels":{"a b":"x"}}`, goodSpec), 422, codeInvalidData, "/data/metadata/labels/a b"},
		"value of a label that is none": {deployOf(`{"name":"hello","namespace":"shop","labels":{"a":"x y"}}`, goodSpec), 422, codeInvalidData, "/data/metadata/labels/a"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.do(tc.request)
			if a.status != tc.status || a.Error != tc.code || a.Path != tc.path || a.Status != statusError || a.Message == "" {
				t.Errorf("answer: %d %s; want %d %s at %q", a.status, a.body, tc.status, tc.code, tc.path)
			}
			if writes := w.writes(); len(writes) > 0 {
				t.Errorf("writes %v", writes)
			}
			if events.SentAgain(a.status) {
				t.Error("a broker sends it again")
			}
		})
	}
}

func chunked(data string) *http.Request {
	request := binary(admin, events.FunctionDeploy, data)
	request.ContentLength = -1
	return request
}

// Whatever comes, no reader of events panics, and what passes has all that is relied on.
func FuzzRead(f *testing.F) {
	f.Add("application/cloudevents+json", "", events.FunctionDeploy, `{"specversion":"1.0","id":"1","source":"s","type":"io.knative.lambda.command.build.start","data":{"name":"a"}}`)
	f.Add("application/cloudevents-batch+json", "", "", `[{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"AA=="},{}]`)
	f.Add("application/json", "1.0", events.FunctionDeploy, helloData)
	f.Add("application/json; charset=utf-8", "1.0", events.ServiceDelete, `{"name":"hello","namespace":"shop","reason":"x"}`)
	f.Add("application/json", "0.3", events.FunctionRollback, `{"revision":"hello-00001"}`)
	f.Add("text/xml", "1.0", events.BuildCancel, `<a/>`)
	f.Fuzz(func(t *testing.T, contentType, version, eventType, body string) {
		request := binary(admin, eventType, body, "Content-Type", contentType, "Ce-Specversion", version, "Ce-Subject", "shop/hello")
		found, _, err := read(nil, request, 1<<20)
		if err != nil {
			if refusalOf(err).status >= http.StatusInternalServerError {
				t.Error("what was sent is our fault:", err)
			}
			return
		}
		for _, r := range found {
			if r.err != nil {
				continue
			}
			o, err := newOrder(r.event, "knative-lambda")
			if err != nil {
				if refusalOf(err).status >= http.StatusInternalServerError {
					t.Error("what was sent is our fault:", err)
				}
				continue
			}
			if o.name == "" || o.namespace == "" || o.id == "" {
				t.Errorf("the command %+v lacks a name", o)
			}
		}
	})
}
