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
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/workers"
)

const (
	// goWorkerDir is the folder of the function's module that the worker is compiled in, as part of that module: its
	// go.mod and go.sum stay as they are.
	goWorkerDir = "zz_lambda"
	// goMainFile is the generated file. It comes last in a list of files.
	goMainFile = "zz_lambda_main.go"
	// goLocalFile is the generated file of a package that is no main.
	goLocalFile = "zz_lambda_local.go"
	// goModule is the module of code that comes without one.
	goModule = "function"
	// protocolImport is what the worker imports, and what has another path within the function's module.
	protocolImport = "github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"

	// goLanguage makes the files of the worker ones of that version, whatever version the function's module has.
	goLanguage = "//go:build go1.24\n\n"

	goModFile = "go.mod"
	goSumFile = "go.sum"
	// goVendorFile lists what a module has copies of. With it nothing is downloaded.
	goVendorFile = functionDir + "/vendor/modules.txt"

	buildPath = "/lambda/build"
)

var golang = language{
	mainFile:  "main.go",
	manifest:  goModFile,
	normalize: normalizeModule,
	read:      normalizeModule,
	recipe:    writeGoRecipe,
}

// normalizeModule reads a go.mod, or the lines of its require block alone, or a JSON object of modules and versions.
func normalizeModule(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	f := &modfile.File{Syntax: &modfile.FileSyntax{}}
	var err error
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		f.Require, err = requiresFromJSON(text)
	} else {
		f, err = parseModule(text)
	}
	if err != nil || len(f.Require) == 0 {
		return "", err
	}
	return formatModule(f)
}

// parseModule parses a go.mod. A line that begins with the path of a module is one of a require block.
func parseModule(text string) (*modfile.File, error) {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	inBlock := false
	for i, line := range lines {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case inBlock:
			inBlock = words[0] != ")"
		case slices.Contains(words, "("):
			inBlock = true
		case len(words) > 1 && strings.Contains(words[0], ".") && semver.IsValid(words[1]):
			lines[i] = "require " + line
		}
	}
	f, err := modfile.Parse(goModFile, []byte(strings.Join(lines, "\n")), nil)
	if err != nil {
		return nil, fmt.Errorf("is not the text of a go.mod, nor lines of modules and versions: %w", err)
	}
	return f, nil
}

func requiresFromJSON(text string) ([]*modfile.Require, error) {
	var versions map[string]string
	if err := json.Unmarshal([]byte(text), &versions); err != nil {
		return nil, fmt.Errorf("is not a JSON object of modules and versions: %w", err)
	}
	requires := make([]*modfile.Require, 0, len(versions))
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		version := strings.TrimSpace(versions[name])
		if !strings.HasPrefix(version, "v") {
			version = "v" + version
		}
		if version != module.CanonicalVersion(version) {
			return nil, fmt.Errorf("%q: %q is not a version: write one in full, such as v1.2.3", name, versions[name])
		}
		if err := module.Check(name, version); err != nil {
			return nil, err
		}
		requires = append(requires, &modfile.Require{Mod: module.Version{Path: name, Version: version}})
	}
	return requires, nil
}

// formatModule writes a go.mod in its one normal form: without comments, and sorted.
func formatModule(f *modfile.File) (string, error) {
	out := &modfile.File{Syntax: &modfile.FileSyntax{}}
	if f.Module != nil {
		if err := out.AddModuleStmt(f.Module.Mod.Path); err != nil {
			return "", err
		}
	}
	if f.Go != nil {
		if err := out.AddGoStmt(f.Go.Version); err != nil {
			return "", err
		}
	}
	for _, r := range slices.SortedFunc(slices.Values(f.Require), func(a, b *modfile.Require) int {
		return strings.Compare(a.Mod.String(), b.Mod.String())
	}) {
		out.AddNewRequire(r.Mod.Path, r.Mod.Version, r.Indirect)
	}
	for _, r := range f.Replace {
		if err := out.AddReplace(r.Old.Path, r.Old.Version, r.New.Path, r.New.Version); err != nil {
			return "", err
		}
	}
	out.Cleanup()
	text, err := out.Format()
	return string(text), err
}

// goBuild is what the recipe of a function in Go needs to know.
type goBuild struct {
	module  *modfile.File
	mod     []byte
	own     bool // the go.mod is the function's own
	sum     bool
	install bool
	handler *goHandler
}

// writeGoRecipe writes the Dockerfile, the worker's code and the generated main.
func writeGoRecipe(ctx context.Context, p *Plan, dependencies string, t *tree) error {
	b := &goBuild{}
	if err := b.readModule(p, dependencies, t); err != nil {
		return err
	}
	var err error
	if b.handler, err = findGoHandler(p.Handler, b.module.Module.Mod.Path, t); err != nil {
		return err
	}
	text, err := b.dockerfile(p)
	if err != nil {
		return err
	}
	files := map[string][]byte{"Dockerfile": []byte(text)}
	for name, content := range b.handler.files() {
		files[workerDir+"/"+name] = content
	}
	if b.install {
		files[goModFile] = b.mod
	}
	if !b.own {
		files[workerDir+"/"+goModFile] = b.mod
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := t.write(ctx, name, files[name]); err != nil {
			return err
		}
	}
	return b.writeWorker(ctx, t)
}

// readModule finds the go.mod, or makes one.
func (b *goBuild) readModule(p *Plan, dependencies string, t *tree) error {
	own, err := t.read(functionDir + "/" + goModFile)
	if err != nil {
		return err
	}
	b.own = own != ""
	b.sum = t.has(functionDir + "/" + goSumFile)
	b.install = dependencies != "" && !t.has(goVendorFile)
	text := own
	if !b.own {
		text = dependencies
	}
	if b.module, err = modfile.Parse(goModFile, []byte(text), nil); err != nil {
		return failf(ReasonInvalidDependencies, "%w", err)
	}
	switch {
	case b.own && b.module.Module == nil:
		return failf(ReasonInvalidDependencies, "%s: there is no module line", goModFile)
	case b.own:
		b.mod = []byte(own)
	default:
		if b.mod, err = completeModule(b.module, p.LanguageVersion); err != nil {
			return failf(ReasonInvalidDependencies, "%s: %w", goModFile, err)
		}
	}
	return b.checkReplaces()
}

// completeModule adds what the function left out.
func completeModule(f *modfile.File, version string) ([]byte, error) {
	if f.Module == nil {
		if err := f.AddModuleStmt(goModule); err != nil {
			return nil, err
		}
	}
	if f.Go == nil {
		if err := f.AddGoStmt(version); err != nil {
			return nil, err
		}
	}
	return f.Format()
}

// checkReplaces makes sure that modules of the function's own lie within it.
func (b *goBuild) checkReplaces() error {
	for _, r := range b.module.Replace {
		if r.New.Version == "" && (path.IsAbs(r.New.Path) || !fs.ValidPath(path.Clean(r.New.Path))) {
			return failf(ReasonInvalidDependencies, "%s: replaces %s by %q, which is outside of the function's folder", goModFile, r.Old.Path, r.New.Path)
		}
	}
	return nil
}

// hasLocalModules reports whether a module is replaced by a folder.
func (b *goBuild) hasLocalModules() bool {
	return slices.ContainsFunc(b.module.Replace, func(r *modfile.Replace) bool { return r.New.Version == "" })
}

// writeWorker writes the code of the worker as packages of the function's module.
func (b *goBuild) writeWorker(ctx context.Context, t *tree) error {
	ours := b.module.Module.Mod.Path + "/" + goWorkerDir + "/protocol"
	worker, err := workers.Files("go")
	if err != nil {
		return fmt.Errorf("failed to find worker: %w", err)
	}
	for dir, files := range map[string]fs.FS{"": worker, "protocol": protocol.Source} {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || name == "worker/http.go" && !b.handler.http {
				return err
			}
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return fmt.Errorf("failed to read worker: %w", err)
			}
			text := goLanguage + strings.ReplaceAll(string(content), `"`+protocolImport+`"`, `"`+ours+`"`)
			return t.write(ctx, path.Join(workerDir, goWorkerDir, dir, name), []byte(text))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dockerfile compiles in a stage of its own: first what is downloaded, which changes seldom. What compiling says last
// is what the compiler says.
func (b *goBuild) dockerfile(p *Plan) (string, error) {
	builder := p.BuilderImage
	if builder == "" {
		return "", failf(ReasonInvalidPlan, "builderImage: is required for go")
	}
	d := &dockerfile{}
	d.line("FROM", builder, "AS", "build")
	d.line("USER", "0:0")
	d.line("WORKDIR", buildPath)
	flags := "-trimpath -buildvcs=false"
	if b.install && !b.sum {
		// Without a go.sum, go.mod may be incomplete, too.
		flags += " -mod=mod"
	}
	variables := []variable{{"CGO_ENABLED", "0"}, {"GOTOOLCHAIN", "local"}, {"GOWORK", "off"}, {"GOFLAGS", flags}}
	if err := d.env(variables...); err != nil {
		return "", err
	}
	if err := b.download(d, p); err != nil {
		return "", err
	}
	d.line("COPY", functionDir+"/", buildPath+"/")
	d.line("COPY", workerDir+"/", buildPath+"/")
	// What was not downloaded is no dependency.
	if err := d.env(variable{"GOPROXY", "off"}); err != nil {
		return "", err
	}
	d.exec("RUN", "go", "build", "-ldflags=-s -w -buildid=", "-o", workerPath+"/function", "./"+b.handler.mainDir())

	d.line("FROM", p.BaseImage)
	entrypoint := RuntimeProgram
	if p.BaseImage != p.RuntimeImage {
		entrypoint = runtimePath
		d.line("COPY", root, "--from="+p.RuntimeImage, RuntimeProgram, runtimePath)
	}
	d.line("COPY", root, "--from=build", workerPath+"/function", workerPath+"/function")
	if err := d.env(variable{"LAMBDA_LANGUAGE", p.Language}, variable{"HANDLER", p.Handler}); err != nil {
		return "", err
	}
	d.line("WORKDIR", functionPath)
	d.line("USER", runtimeUser)
	d.exec("ENTRYPOINT", entrypoint)
	return d.String(), nil
}

// download writes the layer of the dependencies.
func (b *goBuild) download(d *dockerfile, p *Plan) error {
	if !b.install {
		return nil
	}
	if p.Index.GoProxy != "" {
		// In the environment and not among the arguments, because those are logged.
		if err := d.env(variable{"GOPROXY", p.Index.GoProxy}); err != nil {
			return err
		}
	}
	if b.hasLocalModules() {
		d.line("COPY", functionDir+"/", buildPath+"/")
	}
	d.line("COPY", goModFile, buildPath+"/")
	if b.sum {
		d.line("COPY", functionDir+"/"+goSumFile, buildPath+"/")
		d.exec("RUN", "go", "mod", "download")
		return nil
	}
	// All that may turn out to be needed, and not only what go.mod names.
	d.exec("RUN", "go", "mod", "download", "all")
	return nil
}

func validateGoProxy(list string) error {
	for place := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '|' }) {
		if place == "direct" || place == "off" {
			continue
		}
		if err := validateIndexURL("index.goProxy", place); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the tree has that file.
func (t *tree) has(file string) bool {
	_, ok := t.sums[file]
	return ok
}

// hasFolder reports whether the tree has a file below that folder.
func (t *tree) hasFolder(folder string) bool {
	for file := range t.sums {
		if strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}

// filesIn returns the names of the files right in that folder.
func (t *tree) filesIn(folder string) []string {
	var names []string
	for file := range t.sums {
		if path.Dir(file) == folder {
			names = append(names, path.Base(file))
		}
	}
	slices.Sort(names)
	return names
}
