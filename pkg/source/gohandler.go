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
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// goShapes tells an author what a handler may be. T, E and R are any types that JSON can hold.
const goShapes = "a handler is func(T) (R, error), where T may be left out or come after a context.Context or before an E " +
	"that takes what is known of the request, and R and error may be left out; or func(http.ResponseWriter, *http.Request); " +
	"or a variable or func() of type http.Handler"

// goHandler is where a handler is and what it looks like.
type goHandler struct {
	dir     string // of its package, "" for the module's root
	module  string
	pkg     string // the package's name
	name    string
	adapter string // the function of package worker that takes it
	called  bool   // it returns the handler
	http    bool
	method  bool   // it is the method Handle of what function name returns, as functions for func have it
	local   string // what another name stands for that only its own package can use; "" where name can be used
}

// goFile is a parsed file of the handler's package.
type goFile struct {
	*ast.File
	// imports are the paths of the packages by their names in the file.
	imports map[string]string
}

// goPackage is the handler's package.
type goPackage struct {
	fset  *token.FileSet
	files []*goFile
}

// findGoHandler finds the handler: of main.Handler the function in the package of the root folder, of any other
// package's the one in its folder.
func findGoHandler(handler, module string, t *tree) (*goHandler, error) {
	dir, name := "", handler
	if i := strings.LastIndexByte(handler, '.'); i >= 0 {
		dir, name = strings.ReplaceAll(handler[:i], ".", "/"), handler[i+1:]
	}
	if t.hasFolder(functionDir + "/" + goWorkerDir) {
		return nil, failf(ReasonInvalidPath, "%s: is the folder that the worker is compiled in: name yours otherwise", goWorkerDir)
	}
	root, err := parseGoPackage(t, "")
	if err != nil {
		return nil, err
	}
	if dir == "main" && !t.hasFolder(functionDir+"/main") || len(root.files) > 0 && dir == root.files[0].Name.Name {
		dir = ""
	}
	pkg := root
	if dir != "" {
		if pkg, err = parseGoPackage(t, dir); err != nil {
			return nil, err
		}
	}
	if len(pkg.files) == 0 {
		return nil, failf(ReasonHandlerNotFound, "handler %q: there are no Go files in folder %q of the function", handler, "./"+dir)
	}
	h := &goHandler{dir: dir, module: module, pkg: pkg.files[0].Name.Name}
	if err := h.find(pkg, handler, name); err != nil {
		return nil, err
	}
	return h, nil
}

// parseGoPackage parses the files of a folder that are compiled for an image.
func parseGoPackage(t *tree, dir string) (*goPackage, error) {
	target := build.Context{
		GOOS: "linux", GOARCH: build.Default.GOARCH, Compiler: "gc", ReleaseTags: build.Default.ReleaseTags,
		OpenFile: func(name string) (io.ReadCloser, error) { return t.root.Open(name) },
		JoinPath: path.Join,
	}
	pkg := &goPackage{fset: token.NewFileSet()}
	folder := path.Join(functionDir, dir)
	for _, name := range t.filesIn(folder) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := t.read(path.Join(folder, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(pkg.fset, path.Join(dir, name), text, parser.SkipObjectResolution)
		if err != nil {
			return nil, syntaxError(err)
		}
		if matched, err := target.MatchFile(folder, name); err != nil || !matched {
			continue // of another system, or left out by its author
		}
		pkg.files = append(pkg.files, &goFile{file, importsOf(file)})
	}
	return pkg, nil
}

// syntaxError says what the compiler would say, before the build.
func syntaxError(err error) error {
	const most = 10
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return failf(ReasonInvalidCode, "%w", err)
	}
	lines := make([]string, 0, most)
	for _, e := range list[:min(most, len(list))] {
		lines = append(lines, e.Error())
	}
	return failf(ReasonInvalidCode, "%s", strings.Join(lines, "; "))
}

func importsOf(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser would have refused it
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = p
	}
	return imports
}

// find looks for the handler by its name, and then by those that others give it.
func (h *goHandler) find(pkg *goPackage, handler, name string) error {
	var candidates []string
	for _, candidate := range []string{name, "Handler", "Handle"} {
		if !slices.Contains(candidates, candidate) {
			candidates = append(candidates, candidate)
		}
	}
	if h.pkg == "main" {
		if at, ok := pkg.position("main"); ok {
			return failf(ReasonHandlerInvalid, "%s: the package has a func main of its own: remove it, as the function's program is made around handler %q", at, handler)
		}
	}
	for _, candidate := range candidates {
		node, file := pkg.declaration(candidate)
		if node == nil {
			continue
		}
		return h.use(pkg, candidate, node, file)
	}
	if found, err := h.findForeign(pkg, name); found || err != nil {
		return err
	}
	return failf(ReasonHandlerNotFound, "handler %q: package %s in folder %q has no function or variable %s",
		handler, h.pkg, "./"+h.dir, strings.Join(candidates, ", nor "))
}

// use takes a declaration for the handler.
func (h *goHandler) use(pkg *goPackage, name string, node ast.Node, file *goFile) error {
	h.name = name
	at := pkg.fset.Position(node.Pos())
	if h.pkg != "main" && !ast.IsExported(name) {
		return failf(ReasonHandlerInvalid, "%s: %s begins with a small letter, so that only package %s can call it: write %s",
			at, name, h.pkg, strings.ToUpper(name[:1])+name[1:])
	}
	if problem := h.setShape(node, file); problem != "" {
		return failf(ReasonHandlerInvalid, "%s: %s %s: %s", at, name, problem, goShapes)
	}
	return nil
}

func (p *goPackage) position(name string) (token.Position, bool) {
	node, _ := p.declaration(name)
	if node == nil {
		return token.Position{}, false
	}
	return p.fset.Position(node.Pos()), true
}

// declaration returns what the package declares by that name: an *ast.FuncDecl, *ast.ValueSpec or *ast.TypeSpec.
func (p *goPackage) declaration(name string) (ast.Node, *goFile) {
	for _, file := range p.files {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == name {
					return d, file
				}
			case *ast.GenDecl:
				if spec := specOf(d, name); spec != nil {
					return spec, file
				}
			}
		}
	}
	return nil, nil
}

func specOf(d *ast.GenDecl, name string) ast.Node {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.Name == name {
				return s
			}
		case *ast.ValueSpec:
			named := func(ident *ast.Ident) bool { return ident.Name == name }
			if slices.ContainsFunc(s.Names, named) {
				if d.Tok == token.CONST {
					return &ast.TypeSpec{Name: s.Names[0]} // no more of a handler than a type is
				}
				return s
			}
		}
	}
	return nil
}

// setShape says what is wrong with a handler, "" where nothing is.
func (h *goHandler) setShape(node ast.Node, file *goFile) string {
	switch n := node.(type) {
	case *ast.FuncDecl:
		return h.setFunc(n.Type, file)
	case *ast.ValueSpec:
		if f := funcOf(n, h.name); f != nil {
			return h.setFunc(f, file)
		}
		h.adapter, h.http = "HTTP", true // the compiler says whether it is one
		return ""
	default:
		return "is neither a function nor a variable"
	}
}

// funcOf returns the type of a variable that is a function, nil where it may be anything.
func funcOf(spec *ast.ValueSpec, name string) *ast.FuncType {
	if f, ok := spec.Type.(*ast.FuncType); ok {
		return f
	}
	i := slices.IndexFunc(spec.Names, func(ident *ast.Ident) bool { return ident.Name == name })
	if spec.Type == nil && i < len(spec.Values) {
		if f, ok := spec.Values[i].(*ast.FuncLit); ok {
			return f.Type
		}
	}
	return nil
}

func (h *goHandler) setFunc(f *ast.FuncType, file *goFile) string {
	if f.TypeParams != nil {
		return "has type parameters"
	}
	params, results := flatten(f.Params), flatten(f.Results)
	if slices.ContainsFunc(params, func(e ast.Expr) bool { _, ok := e.(*ast.Ellipsis); return ok }) {
		return "takes a variable number of arguments"
	}
	switch {
	case len(params) == 2 && file.is(params[0], "net/http", "ResponseWriter"):
		if len(results) > 0 {
			return "takes an http.ResponseWriter and returns something"
		}
		h.adapter, h.http = "HTTPFunc", true
		return ""
	case len(params) == 3 && file.is(params[0], "context", "Context") && file.is(params[1], "net/http", "ResponseWriter"):
		h.adapter, h.http = "HTTPContextFunc", true
		return ""
	case len(params) == 0 && len(results) == 1 && file.is(results[0], "net/http", "Handler"):
		h.adapter, h.http, h.called = "HTTP", true, true
		return ""
	}
	return h.setAdapter(params, results, file)
}

// setAdapter composes the name of a function in package worker.
func (h *goHandler) setAdapter(params, results []ast.Expr, file *goFile) string {
	withContext := len(params) > 0 && file.is(params[0], "context", "Context")
	switch {
	case len(params) == 0:
		h.adapter = "Bare"
	case withContext && len(params) == 1:
		h.adapter = "Context"
	case len(params) == 1:
		h.adapter = "Data"
	case withContext && len(params) == 2:
		h.adapter = "ContextData"
	case len(params) == 2:
		h.adapter = "DataEvent"
	default:
		return fmt.Sprintf("takes %d arguments", len(params))
	}
	isError := func(i int) bool { ident, ok := results[i].(*ast.Ident); return ok && ident.Name == "error" }
	switch {
	case len(results) == 0:
	case len(results) == 1 && isError(0):
		h.adapter += "Error"
	case len(results) == 1:
		h.adapter += "Result"
	case len(results) == 2 && isError(1):
		h.adapter += "ResultError"
	case len(results) == 2:
		return "returns two values, the second of which is no error"
	default:
		return fmt.Sprintf("returns %d values", len(results))
	}
	return ""
}

// flatten returns a type for each parameter.
func flatten(fields *ast.FieldList) []ast.Expr {
	var types []ast.Expr
	if fields == nil {
		return nil
	}
	for _, field := range fields.List {
		types = append(types, slices.Repeat([]ast.Expr{field.Type}, max(1, len(field.Names)))...)
	}
	return types
}

// is reports whether a type is the named one of a package.
func (f *goFile) is(expr ast.Expr, pkg, name string) bool {
	if ident, ok := expr.(*ast.Ident); ok {
		return f.imports["."] == pkg && ident.Name == name
	}
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	ident, ok := selector.X.(*ast.Ident)
	return ok && f.imports[ident.Name] == pkg
}

// mainDir is the folder of package main.
func (h *goHandler) mainDir() string {
	if h.pkg == "main" {
		return h.dir
	}
	return goWorkerDir
}

// files are the generated files by their paths. A main package cannot be imported, so that there the main function is in
// one of its files. What only its own package can use gets another name there.
func (h *goHandler) files() map[string][]byte {
	files := map[string][]byte{path.Join(h.mainDir(), goMainFile): h.main()}
	if h.local != "" {
		files[path.Join(h.dir, goLocalFile)] = fmt.Appendf(nil, "// Code generated for the function's image. DO NOT EDIT.\n\n%spackage %s\n\n// %s is the handler.\nvar %s = %s\n",
			goLanguage, h.pkg, h.name, h.name, h.local)
	}
	return files
}

// main returns the generated file with the main function.
func (h *goHandler) main() []byte {
	handler, imported, first := h.name, "", ""
	if h.pkg != "main" {
		handler = "zzfunction." + h.name
		imported = "\n\tzzfunction " + strconv.Quote(path.Join(h.module, h.dir))
	}
	switch {
	case h.method:
		first = "\tinstance := " + handler + "()\n\tzzworker.Lifecycle(instance)\n"
		handler = "instance.Handle"
	case h.called:
		handler += "()"
	}
	worker := path.Join(h.module, goWorkerDir, "worker")
	return fmt.Appendf(nil, `// Code generated for the function's image. DO NOT EDIT.

%spackage main

import (%s
	zzworker %s
)

func main() {
%s	zzworker.Run(%s, zzworker.%s(%s))
}
`, goLanguage, imported, strconv.Quote(worker), first, strconv.Quote(h.pkg+"."+h.name), h.adapter, handler)
}
