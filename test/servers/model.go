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
	"net/http"
	"slices"
	"sync"
	"time"
)

// modelState is how a server of models is now.
type modelState struct {
	// Models are those that it has.
	Models []string `json:"models"`
	// Key is what it asks for as a bearer token, where it asks for one.
	Key string `json:"key"`
	// Status is what it answers in place of all else. 0 is no fault.
	Status int `json:"status"`
	// Delay is how long it waits before each answer, in milliseconds.
	Delay int64 `json:"delay"`
}

// models speaks as much of the APIs of Ollama and of OpenAI as lists models, and has them answer: with what they were asked.
type models struct {
	mutex sync.Mutex
	state modelState
	// lists is how often it was asked for its models.
	lists int
}

func (m *models) get() modelState {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.state
}

// admin is how tests reach it:
//
//	PUT /state a modelState
//	GET /lists how often it was asked for its models
//	GET /health
func (m *models) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("PUT /state", func(w http.ResponseWriter, r *http.Request) {
		var state modelState
		if err := json.NewDecoder(r.Body).Decode(&state); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.mutex.Lock()
		defer m.mutex.Unlock()
		m.state = state
	})
	mux.HandleFunc("GET /lists", func(w http.ResponseWriter, _ *http.Request) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		answerJSON(w, m.lists)
	})
	return mux
}

func (m *models) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/tags", m.list(func(names []string) any {
		type model struct {
			Name string `json:"name"`
		}
		list := make([]model, 0, len(names))
		for _, name := range names {
			list = append(list, model{name})
		}
		return map[string]any{"models": list}
	}))
	mux.HandleFunc("GET /v1/models", m.list(func(names []string) any {
		type model struct {
			ID string `json:"id"`
		}
		list := make([]model, 0, len(names))
		for _, name := range names {
			list = append(list, model{name})
		}
		return map[string]any{"object": "list", "data": list}
	}))
	mux.HandleFunc("POST /api/chat", m.chat(func(text string) any {
		return map[string]any{"message": message{"assistant", text}, "done": true}
	}))
	mux.HandleFunc("POST /v1/chat/completions", m.chat(func(text string) any {
		return map[string]any{"choices": []map[string]any{{"message": message{"assistant", text}, "finish_reason": "stop"}}}
	}))
	return m.before(mux)
}

// before answers as the state has it, or leaves the request to the handler.
func (m *models) before(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := m.get()
		if !wait(r.Context(), time.Duration(state.Delay)*time.Millisecond) {
			return
		}
		switch {
		case state.Status != 0:
			http.Error(w, "not now", state.Status)
		case state.Key != "" && !equal(r.Header.Get("Authorization"), "Bearer "+state.Key):
			http.Error(w, "who are you?", http.StatusUnauthorized)
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (m *models) list(in func([]string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		m.mutex.Lock()
		m.lists++
		m.mutex.Unlock()
		answerJSON(w, in(m.get().Models))
	}
}

// message is one of a conversation, in both APIs.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (m *models) chat(in func(text string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Model    string
			Messages []message
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Messages) == 0 {
			http.Error(w, "ask something", http.StatusBadRequest)
			return
		}
		if !slices.Contains(m.get().Models, asked.Model) {
			http.Error(w, "no such model", http.StatusNotFound)
			return
		}
		answerJSON(w, in(asked.Model+" heard: "+asked.Messages[len(asked.Messages)-1].Content))
	}
}

func answerJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
