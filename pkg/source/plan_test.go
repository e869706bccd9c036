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
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// helloPlan is a plan that everything is right with.
func helloPlan(change ...func(*Plan)) *Plan {
	p := &Plan{
		Version:         PlanVersion,
		Language:        "python",
		LanguageVersion: "3.13",
		Handler:         "main.handler",
		BaseImage:       "docker.io/library/python:3.13-slim",
		RuntimeImage:    "registry.example.com/runtime@sha256:" + strings.Repeat("a", 64),
		FetchImage:      "registry.example.com/fetch@sha256:" + strings.Repeat("b", 64),
		Source:          Source{Inline: &Inline{Files: map[string]string{"main.py": "def handler(event):\n    return \"<b>&\"\n"}}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func nodePlan(change ...func(*Plan)) *Plan {
	return helloPlan(append([]func(*Plan){func(p *Plan) {
		p.Language, p.LanguageVersion, p.Handler = "nodejs", "22", "index.handler"
		p.BaseImage = "docker.io/library/node:22-slim"
		p.Source.Inline.Files = map[string]string{"index.js": "exports.handler = () => 1;\n"}
	}}, change...)...)
}

func TestKeyIsStable(t *testing.T) {
	// A change of these keys builds every function of every cluster again. It has to be meant.
	for name, test := range map[string]struct {
		plan *Plan
		want string
	}{
		"least": {
			plan: helloPlan(),
			want: "a70fd8aa51028d9b0be1fcda5e854d438e59bc89e2b1fb9734df2827577ee3ab",
		},
		"all": {
			plan: helloPlan(func(p *Plan) {
				p.BuilderImage = "docker.io/library/python:3.13"
				p.Source.Inline.Dependencies = "requests==2.32.3\n"
				p.Index.PipIndexURL = "https://pypi.example.com/simple"
				p.RebuildToken = "again"
				p.Secrets = []string{"b", "a"}
			}),
			want: "38b077f84318c715bd7cd6857ec000f3b3dd91f341525d8731268aa89b23937a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.plan.Key(); got != test.want {
				t.Errorf("Key() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestKeyTellsPlansApart(t *testing.T) {
	keys := map[string]string{helloPlan().Key(): "the unchanged plan"}
	for name, change := range map[string]func(*Plan){
		"languageVersion": func(p *Plan) { p.LanguageVersion = "3.12" },
		"handler":         func(p *Plan) { p.Handler = "main.other" },
		"baseImage":       func(p *Plan) { p.BaseImage = "docker.io/library/python:3.12-slim" },
		"builderImage":    func(p *Plan) { p.BuilderImage = "docker.io/library/python:3.13" },
		"runtimeImage":    func(p *Plan) { p.RuntimeImage = "registry.example.com/runtime:2" },
		"fetchImage":      func(p *Plan) { p.FetchImage = "registry.example.com/fetch:2" },
		"code":            func(p *Plan) { p.Source.Inline.Files["main.py"] += "#" },
		"path":            func(p *Plan) { p.Source.Inline.Files["other.py"] = "" },
		"dependencies":    func(p *Plan) { p.Source.Inline.Dependencies = "requests\n" },
		"index":           func(p *Plan) { p.Index.PipIndexURL = "https://pypi.example.com/simple" },
		"rebuildToken":    func(p *Plan) { p.RebuildToken = "again" },
		"secrets":         func(p *Plan) { p.Secrets = []string{"index-login"} },
	} {
		key := helloPlan(change).Key()
		if other, ok := keys[key]; ok {
			t.Errorf("another %s has the key of %s", name, other)
		}
		keys[key] = "another " + name
	}
}

func TestKeyIgnoresOrder(t *testing.T) {
	one := helloPlan(func(p *Plan) { p.Secrets = []string{"a", "b"} })
	other := helloPlan(func(p *Plan) { p.Secrets = []string{"b", "a", "b"} })
	if one.Key() != other.Key() {
		t.Error("the order of Secrets changes the key")
	}
	if diff := cmp.Diff([]string{"b", "a", "b"}, other.Secrets); diff != "" {
		t.Errorf("Key changed the plan (-want, +got) =\n%s", diff)
	}
}

func TestEncodeDecode(t *testing.T) {
	want := helloPlan(func(p *Plan) {
		p.BuilderImage = "docker.io/library/python:3.13"
		p.Secrets = []string{"a", "b"}
	})
	data, err := want.Encode()
	if err != nil {
		t.Fatal("Encode() =", err)
	}
	if !bytes.Contains(data, []byte("<b>&")) {
		t.Errorf("Encode() escapes the code: %s", data)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal("Decode() =", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode() (-want, +got) =\n%s", diff)
	}
	if got.Key() != want.Key() {
		t.Error("the key is another one after a round trip")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := helloPlan().Encode()
	if err != nil {
		t.Fatal("Encode() =", err)
	}
	replace := func(old, with string) string { return strings.Replace(string(good), old, with, 1) }
	for name, test := range map[string]struct{ data, want string }{
		"nothing":        {"", "failed to read plan"},
		"not JSON":       {"plan", "failed to read plan"},
		"two plans":      {string(good) + string(good), "failed to read plan"},
		"unknown field":  {replace(`"handler"`, `"cluster":"x","handler"`), `unknown field "cluster"`},
		"unknown source": {replace(`"inline"`, `"ftp":{},"inline"`), `unknown field "source.ftp"`},
		"other case":     {replace(`"handler"`, `"Handler"`), `unknown field "Handler"`},
		"twice":          {replace(`"handler"`, `"handler":"a.b","handler"`), `duplicate field "handler"`},
		"other version":  {replace(`"version":1`, `"version":2,"next":true`), "use the images of one release"},
		"no version":     {replace(`"version":1,`, ``), "use the images of one release"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(test.data))
			wantFailure(t, err, ReasonInvalidPlan, test.want)
		})
	}
}

// refusal is a plan that is not valid.
type refusal struct {
	change func(*Plan)
	reason Reason
	want   string
}

func (r refusal) check(t *testing.T) {
	p := helloPlan(r.change)
	wantFailure(t, p.Validate(), r.reason, r.want)
	if _, err := p.Encode(); err == nil {
		t.Error("Encode() writes a plan that is not valid")
	}
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]refusal{
		"version":         {func(p *Plan) { p.Version = 0 }, ReasonInvalidPlan, "version: "},
		"language":        {func(p *Plan) { p.Language = "cobol" }, ReasonInvalidPlan, `language: "cobol" is not one of: go, nodejs, python`},
		"no version":      {func(p *Plan) { p.LanguageVersion = "" }, ReasonInvalidPlan, "languageVersion: "},
		"long version":    {func(p *Plan) { p.LanguageVersion = strings.Repeat("1", 21) }, ReasonInvalidPlan, "languageVersion: "},
		"version, lines":  {func(p *Plan) { p.LanguageVersion = "3.13\nRUN id" }, ReasonInvalidPlan, "languageVersion: "},
		"no handler":      {func(p *Plan) { p.Handler = "" }, ReasonInvalidPlan, "handler: "},
		"handler, lines":  {func(p *Plan) { p.Handler = "main.handler\n" }, ReasonInvalidPlan, "handler: "},
		"handler, quotes": {func(p *Plan) { p.Handler = `main."handler"` }, ReasonInvalidPlan, "handler: "},
		"long handler":    {func(p *Plan) { p.Handler = strings.Repeat("a", 101) }, ReasonInvalidPlan, "handler: "},
		"no image":        {func(p *Plan) { p.BaseImage = "" }, ReasonInvalidPlan, "baseImage: "},
		"image, words":    {func(p *Plan) { p.BaseImage = "python AS deps" }, ReasonInvalidPlan, "baseImage: "},
		"image, lines":    {func(p *Plan) { p.BuilderImage = "python\nRUN id" }, ReasonInvalidPlan, "builderImage: "},
		"image, variable": {func(p *Plan) { p.RuntimeImage = "a$b.example.com/runtime" }, ReasonInvalidPlan, "runtimeImage: "},
		"image, digest":   {func(p *Plan) { p.FetchImage = "fetch@sha256:1" }, ReasonInvalidPlan, "fetchImage: "},
		"index, scheme":   {func(p *Plan) { p.Index.PipIndexURL = "file:///etc" }, ReasonInvalidPlan, "index.pipIndexURL: "},
		"index, host":     {func(p *Plan) { p.Index.PipIndexURL = "https:///simple" }, ReasonInvalidPlan, "index.pipIndexURL: "},
		"index, lines":    {func(p *Plan) { p.Index.PipIndexURL = "https://a/\nRUN" }, ReasonInvalidPlan, "index.pipIndexURL: "},
		"rebuildToken":    {func(p *Plan) { p.RebuildToken = "\xff" }, ReasonInvalidPlan, "rebuildToken: "},
		"secret":          {func(p *Plan) { p.Secrets = []string{"a", "../b"} }, ReasonInvalidPlan, "secrets[1]: "},
	} {
		t.Run(name, test.check)
	}
}

func TestValidateInline(t *testing.T) {
	inline := func(change func(*Inline)) func(*Plan) {
		return func(p *Plan) { change(p.Source.Inline) }
	}
	file := func(name string) func(*Plan) {
		return inline(func(in *Inline) { in.Files[name] = "" })
	}
	for name, test := range map[string]refusal{
		"no source":      {func(p *Plan) { p.Source.Inline = nil }, ReasonInvalidPlan, "source: exactly one of inline, git, s3, minio, gcs, oci is required, not 0"},
		"no file":        {inline(func(in *Inline) { in.Files = nil }), ReasonInvalidPlan, "source.inline.files: "},
		"binary":         {inline(func(in *Inline) { in.Files["a"] = "\xff" }), ReasonInvalidPlan, `source.inline.files["a"]: `},
		"empty path":     {file(""), ReasonInvalidPath, `source.inline.files[""]: `},
		"dot":            {file("."), ReasonInvalidPath, "without ."},
		"parent":         {file("../a"), ReasonInvalidPath, "remove .."},
		"inner parent":   {file("a/../b"), ReasonInvalidPath, "remove .."},
		"absolute":       {file("/etc/passwd"), ReasonInvalidPath, "remove the leading /"},
		"option":         {file("-r"), ReasonInvalidPath, "does not begin with -"},
		"double slash":   {file("a//b"), ReasonInvalidPath, "double"},
		"trailing slash": {file("a/"), ReasonInvalidPath, "trailing /"},
		"backslash":      {file(`a\b`), ReasonInvalidPath, "letters, digits"},
		"line feed":      {file("a\nb"), ReasonInvalidPath, "letters, digits"},
		"zero":           {file("a\x00b"), ReasonInvalidPath, "letters, digits"},
		"outer space":    {file("a "), ReasonInvalidPath, "letters, digits"},
		"long path":      {file(strings.Repeat("a/", 256) + "a"), ReasonInvalidPath, "512"},
		"long name":      {file(strings.Repeat("a", 256)), ReasonInvalidPath, "255"},
		"below a file":   {file("main.py/a/b"), ReasonInvalidPath, `is below "main.py"`},
		"dependencies": {
			inline(func(in *Inline) { in.Dependencies = "requests" }),
			ReasonInvalidDependencies, "source.inline.dependencies: is not in the normal form",
		},
		"dependencies twice": {
			inline(func(in *Inline) { in.Dependencies, in.Files["requirements.txt"] = "requests\n", "flask\n" }),
			ReasonInvalidDependencies, "requirements.txt is among the files too",
		},
	} {
		t.Run(name, test.check)
	}
}

func TestValidateAccepts(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"nothing special":  func(*Plan) {},
		"package":          func(p *Plan) { p.Handler = "app.web.handle_2" },
		"function alone":   func(p *Plan) { p.Handler = "handler" },
		"registry, port":   func(p *Plan) { p.RuntimeImage = "10.0.0.1:5000/a/b_c/runtime:v1@sha256:" + strings.Repeat("0", 64) },
		"inner space":      func(p *Plan) { p.Source.Inline.Files["data/a b.txt"] = "" },
		"hidden":           func(p *Plan) { p.Source.Inline.Files[".config/..a"] = "" },
		"longest path":     func(p *Plan) { p.Source.Inline.Files[strings.Repeat("a/", 255)+"aa"] = "" },
		"index with login": func(p *Plan) { p.Index.PipIndexURL = "https://me:p$ss@pypi.example.com/simple" },
	} {
		t.Run(name, func(t *testing.T) {
			if err := helloPlan(change).Validate(); err != nil {
				t.Error("Validate() =", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	good, err := helloPlan().Encode()
	if err != nil {
		f.Fatal("Encode() =", err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("main.py"), []byte("../main.py"), 1))
	f.Add(bytes.Replace(good, []byte(`"index":{}`), []byte(`"index":null`), 1))
	f.Add([]byte(`{"version":1,"source":{"inline":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			if ReasonOf(err) == ReasonInternal {
				t.Errorf("Decode() = %v, a failure without a reason", err)
			}
			return
		}
		canonical, err := p.Encode()
		if err != nil {
			t.Fatal("Encode() of a decoded plan =", err)
		}
		again, err := Decode(canonical)
		if err != nil {
			t.Fatal("Decode() of an encoded plan =", err)
		}
		if again.Key() != p.Key() {
			t.Error("the key is another one after a round trip")
		}
	})
}

// wantFailure checks reason and message of err.
func wantFailure(t *testing.T, err error, reason Reason, message string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s: %s", reason, message)
	}
	if got := ReasonOf(err); got != reason {
		t.Errorf("reason of %v = %s, want %s", err, got, reason)
	}
	if !strings.Contains(err.Error(), message) {
		t.Errorf("error = %q, want %q in it", err, message)
	}
}

func TestReasonOfForeignError(t *testing.T) {
	if got := ReasonOf(errors.New("disk full")); got != ReasonInternal {
		t.Errorf("ReasonOf() = %s, want %s", got, ReasonInternal)
	}
}
