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
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// agent is a small one: it asks its model what an event says, and answers with the model's answer, as an event.
//
//	POST /    an event in binary mode
//	GET /env  the variables it was given, as a JSON object
//	GET /heard the types of the events that it was sent, one a line
type agent struct {
	environment func() []string
	heard       chan []string
}

func newAgent() *agent {
	a := &agent{environment: os.Environ, heard: make(chan []string, 1)}
	a.heard <- nil
	return a
}

func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /env", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, a.env()) })
	mux.HandleFunc("GET /heard", func(w http.ResponseWriter, _ *http.Request) {
		heard := <-a.heard
		a.heard <- heard
		fmt.Fprint(w, strings.Join(heard, "\n"))
	})
	mux.HandleFunc("POST /", a.converse)
	return mux
}

func (a *agent) env() map[string]string {
	env := map[string]string{}
	for _, variable := range a.environment() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}

func (a *agent) converse(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.heard <- append(<-a.heard, r.Header.Get("Ce-Type"))
	env := a.env()
	answer := "no model"
	if env["OLLAMA_MODEL"] != "" {
		if answer, err = ask(r.Context(), env, string(text)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	for name, value := range map[string]string{
		"Specversion": "1.0", "Id": r.Header.Get("Ce-Id") + "-reply", "Type": "com.example.agent.reply", "Source": "/agents/" + env["AGENT_NAME"],
		"Causationid": r.Header.Get("Ce-Id"),
	} {
		w.Header().Set("Ce-"+name, value)
	}
	answerJSON(w, map[string]string{"answer": answer, "prompt": env["SYSTEM_PROMPT"]})
}

// ask asks the model by the API of its provider.
func ask(ctx context.Context, env map[string]string, text string) (string, error) {
	url, model, key := env["OLLAMA_URL"]+"/api/chat", env["OLLAMA_MODEL"], env["OLLAMA_API_KEY"]
	if env["OPENAI_BASE_URL"] != "" {
		url, model, key = env["OPENAI_BASE_URL"]+"/chat/completions", env["OPENAI_MODEL"], env["OPENAI_API_KEY"]
	}
	body, err := json.Marshal(map[string]any{
		"model": model, "stream": false,
		"messages": []message{{"system", cmp.Or(env["SYSTEM_PROMPT"], "You are an agent.")}, {"user", text}},
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the model answers %s", response.Status)
	}
	var answer struct {
		Message message
		Choices []struct{ Message message }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if len(answer.Choices) > 0 {
		return answer.Choices[0].Message.Content, nil
	}
	return answer.Message.Content, nil
}
