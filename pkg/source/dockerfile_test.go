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

package source

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestDockerfile(t *testing.T) {
	for name, test := range map[string]struct {
		plan  *Plan
		lists []string
	}{
		"python":              {plan: helloPlan()},
		"python-dependencies": {plan: helloPlan(), lists: []string{"requirements.txt"}},
		"python-all": {
			plan: helloPlan(func(p *Plan) {
				p.BuilderImage = "docker.io/library/python:3.13"
				p.Index.PipIndexURL = "http://me:p$ss@pypi.example.com:3141/simple"
			}),
			lists: []string{"requirements.txt"},
		},
		"nodejs":              {plan: nodePlan()},
		"nodejs-dependencies": {plan: nodePlan(), lists: []string{"package.json"}},
		"nodejs-all": {
			plan: nodePlan(func(p *Plan) {
				p.BuilderImage = "docker.io/library/node:22"
				p.Index.NpmRegistry = "https://npm.example.com/a$b"
			}),
			lists: []string{"package.json", "package-lock.json", ".npmrc"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Dockerfile(test.plan, test.lists...)
			if err != nil {
				t.Fatal("Dockerfile() =", err)
			}
			golden := filepath.Join("testdata", name+".dockerfile")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal("failed to write golden file:", err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal("failed to read golden file:", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("Dockerfile() (-want, +got) =\n%s", diff)
			}
		})
	}
}

func TestDockerfileRefuses(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"language": func(p *Plan) { p.Language = "cobol" },
		"handler":  func(p *Plan) { p.Handler = "main.handler\"\nRUN id" },
		"index":    func(p *Plan) { p.Index.PipIndexURL = "https://a/\rRUN id" },
		"registry": func(p *Plan) { p.Language, p.Index.NpmRegistry = "nodejs", "https://a/\rRUN id" },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Dockerfile(helloPlan(change), "requirements.txt")
			if err == nil {
				t.Fatalf("Dockerfile() = %s, want an error", got)
			}
		})
	}
}

// FuzzDockerfile puts text that no pattern let through into the values of ENV, and looks whether it stays there.
func FuzzDockerfile(f *testing.F) {
	for _, seed := range []string{
		"main.handler", `"`, `\`, `\\"`, "$HOME", "${HOME:-x}", `\$`, "a\nRUN id", "a\\\nRUN id", "#", "'", "`", " ", "\u2028", "\u0085",
		`" B="`, "<<EOF", "\t", "\xe2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, err := Dockerfile(helloPlan(func(p *Plan) { p.Handler = value }))
		if err != nil {
			if ReasonOf(err) != ReasonInvalidPlan {
				t.Errorf("reason of %v = %s", err, ReasonOf(err))
			}
			return
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		var instructions []string
		for _, line := range lines {
			instruction, _, _ := strings.Cut(line, " ")
			instructions = append(instructions, instruction)
		}
		want := []string{"FROM", "COPY", "COPY", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT"}
		if diff := cmp.Diff(want, instructions); diff != "" {
			t.Fatalf("instructions (-want, +got) =\n%s", diff)
		}
		quoted, ok := strings.CutPrefix(lines[4], `ENV LAMBDA_LANGUAGE="python" HANDLER=`)
		if !ok {
			t.Fatalf("ENV = %s", lines[4])
		}
		if got := unquote(t, quoted); got != value {
			t.Errorf("HANDLER is %q, want %q", got, value)
		}
	})
}

// unquote reads one word in double quotes as a Dockerfile's builder does, and fails where it would not end with the
// text, or where a variable would be expanded.
func unquote(t *testing.T, text string) string {
	t.Helper()
	inner, ok := strings.CutPrefix(text, `"`)
	if !ok {
		t.Fatalf("%s is not in double quotes", text)
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '"' && i == len(inner)-1:
			return b.String()
		case c == '"':
			t.Fatalf("the quotes of %s end early", text)
		case c == '$':
			t.Fatalf("%s has a variable", text)
		case c == '\\' && i+1 < len(inner) && strings.IndexByte(`"$\`, inner[i+1]) >= 0:
			i++
			b.WriteByte(inner[i])
		default:
			b.WriteByte(c)
		}
	}
	t.Fatalf("the quotes of %s do not end", text)
	return ""
}
