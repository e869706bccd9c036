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
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An agent asks its model by either API, and says that it is not there.
func TestAgentAsksModel(t *testing.T) {
	m := &models{}
	served := httptest.NewServer(m.handler())
	defer served.Close()
	set := func(state string) {
		t.Helper()
		recorder := httptest.NewRecorder()
		m.admin().ServeHTTP(recorder, httptest.NewRequest(http.MethodPut, "/state", strings.NewReader(state)))
		if recorder.Code != http.StatusOK {
			t.Fatalf("PUT /state = %d", recorder.Code)
		}
	}
	const has = `{"models":["llama3"],"key":"secret"}`
	openai := []string{"OLLAMA_MODEL=llama3", "OPENAI_MODEL=llama3", "OPENAI_API_KEY=secret", "OPENAI_BASE_URL=" + served.URL + "/v1"}
	for name, tc := range map[string]struct {
		state  string
		env    []string
		status int
		answer string
	}{
		"none":      {state: `{}`, status: http.StatusOK, answer: "no model"},
		"Ollama":    {`{"models":["llama3"]}`, []string{"OLLAMA_MODEL=llama3", "OLLAMA_URL=" + served.URL}, http.StatusOK, "llama3 heard: hi"},
		"OpenAI":    {has, openai, http.StatusOK, "llama3 heard: hi"},
		"wrong key": {`{"models":["llama3"],"key":"other"}`, openai, http.StatusBadGateway, ""},
		"no model":  {`{"key":"secret"}`, openai, http.StatusBadGateway, ""},
		"fault":     {`{"status":503}`, openai, http.StatusBadGateway, ""},
	} {
		t.Run(name, func(t *testing.T) {
			set(tc.state)
			a := newAgent()
			a.environment = func() []string { return tc.env }
			request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hi"))
			request.Header.Set("Ce-Type", "com.example.asked")
			recorder := httptest.NewRecorder()
			a.handler().ServeHTTP(recorder, request)
			var answer struct{ Answer string }
			if tc.status == http.StatusOK {
				if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
					t.Fatal(err)
				}
			}
			if recorder.Code != tc.status || answer.Answer != tc.answer {
				t.Errorf("the agent answers %d %s", recorder.Code, recorder.Body)
			}
			heard := httptest.NewRecorder()
			if a.handler().ServeHTTP(heard, httptest.NewRequest(http.MethodGet, "/heard", nil)); heard.Body.String() != "com.example.asked" {
				t.Errorf("the agent heard %s", heard.Body)
			}
		})
	}
	for _, path := range []string{"/api/tags", "/v1/models"} {
		set(`{"models":["llama3"]}`)
		recorder := httptest.NewRecorder()
		if m.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil)); !strings.Contains(recorder.Body.String(), `"llama3"`) {
			t.Errorf("%s: %s", path, recorder.Body)
		}
	}
	recorder := httptest.NewRecorder()
	if m.admin().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/lists", nil)); strings.TrimSpace(recorder.Body.String()) != "2" {
		t.Errorf("it was asked %s times", recorder.Body)
	}
}
