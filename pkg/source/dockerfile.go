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
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The folders of the build context, and of the image.
const (
	functionDir = "function"
	workerDir   = "worker"

	functionPath = "/lambda/function"
	workerPath   = "/lambda/worker"
	runtimePath  = "/lambda/runtime"

	// runtimeUser runs the function. It owns no file of the image, so that a function cannot change itself.
	runtimeUser = "65532:65532"
	// root owns the files: without it they would belong to the user of the fetch step.
	root = "--chown=0:0"
)

// Dockerfile returns the Dockerfile of the plan's image. What changes seldom comes first, so that its layers are found
// in the cache: dependencies, supervisor, worker, code. Nothing runs through a shell, and without dependencies nothing
// runs at all. lists are the files of the context that list the dependencies, the language's manifest first.
// It is not for languages that are compiled.
func Dockerfile(p *Plan, lists ...string) (string, error) {
	l, err := languageOf(p.Language)
	if err != nil {
		return "", err
	}
	if l.install == nil {
		return "", failf(ReasonInvalidPlan, "language: %q is compiled, which takes the code", p.Language)
	}
	d := &dockerfile{}
	if len(lists) > 0 {
		install, err := installation(p, lists)
		if err != nil {
			return "", err
		}
		d.WriteString(install)
	}
	d.line("FROM", p.BaseImage)
	if len(lists) > 0 {
		d.line("COPY", root, "--from="+DependenciesStage, l.dependenciesPath+"/", l.dependenciesPath+"/")
	}
	d.line("COPY", root, "--from="+p.RuntimeImage, RuntimeProgram, runtimePath)
	d.line("COPY", root, workerDir+"/", workerPath+"/")
	d.line("COPY", root, functionDir+"/", functionPath+"/")
	env := append([]variable{{"LAMBDA_LANGUAGE", p.Language}, {"HANDLER", p.Handler}}, l.env...)
	if err := d.env(env...); err != nil {
		return "", err
	}
	d.line("WORKDIR", functionPath)
	d.line("USER", runtimeUser)
	d.exec("ENTRYPOINT", runtimePath)
	return d.String(), nil
}

// installation returns the stage that installs what the lists say. Its text says all that it does, but for the content
// of the lists.
func installation(p *Plan, lists []string) (string, error) {
	d := &dockerfile{}
	d.line("FROM", p.builder(), "AS", DependenciesStage)
	d.line("USER", "0:0")
	if err := languages[p.Language].install(d, p, lists); err != nil {
		return "", err
	}
	return d.String(), nil
}

// dockerfile writes instructions, one a line.
type dockerfile struct {
	strings.Builder
}

type variable struct{ name, value string }

// line writes an instruction whose words need no quotes: constants, and what imagePattern lets through.
func (d *dockerfile) line(words ...string) {
	d.WriteString(strings.Join(words, " ") + "\n")
}

// exec writes an instruction in the form that no shell sees. Its arguments are constants.
func (d *dockerfile) exec(instruction string, args ...string) {
	quoted := make([]string, 0, len(args))
	for _, arg := range args {
		q, err := json.Marshal(arg)
		if err != nil {
			panic(fmt.Sprintf("text always encodes: %v", err))
		}
		quoted = append(quoted, string(q))
	}
	d.line(instruction, "["+strings.Join(quoted, ", ")+"]")
}

// env writes one ENV of all variables.
func (d *dockerfile) env(variables ...variable) error {
	words := []string{"ENV"}
	for _, v := range variables {
		value, err := quote(v.value)
		if err != nil {
			return failf(ReasonInvalidPlan, "failed to write %s: %w", v.name, err)
		}
		words = append(words, v.name+"="+value)
	}
	d.line(words...)
	return nil
}

// quote returns value in double quotes, in which a Dockerfile gives a meaning to three characters. There is no way to
// write a line feed there, and builders change what is not UTF-8.
func quote(value string) (string, error) {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return "", fmt.Errorf("%q is not UTF-8 text of one line", value)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`, nil
}
