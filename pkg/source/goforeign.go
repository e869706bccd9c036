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
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// frameworkImport is the package that functions for Google's functions-framework register at.
	frameworkImport = "github.com/GoogleCloudPlatform/functions-framework-go/functions"
	// localName is what a function is called by the generated main that has no name there.
	localName = "ZZLambdaHandler"
)

// registrations are the functions of frameworkImport.
var registrations = []string{"HTTP", "CloudEvent", "Typed"}

// findForeign looks for a function that was written for another runtime: function New, as Knative's func has it, or one that
// is registered at functions-framework.
func (h *goHandler) findForeign(pkg *goPackage, name string) (bool, error) {
	if node, _ := pkg.declaration("New"); node != nil {
		if f, ok := node.(*ast.FuncDecl); ok && len(flatten(f.Type.Params)) == 0 && len(flatten(f.Type.Results)) == 1 {
			return true, h.useMethod(pkg, f)
		}
	}
	registered := pkg.registered()
	if len(registered) == 0 {
		return false, nil
	}
	call, ok := registered[name]
	if !ok && len(registered) == 1 {
		for _, call = range registered {
			ok = true
		}
	}
	if !ok {
		return true, failf(ReasonHandlerNotFound, "handler %q: registered at functions-framework are %s: name one of them",
			name, strings.Join(slices.Sorted(maps.Keys(registered)), ", "))
	}
	return true, h.useRegistered(pkg, call)
}

// useMethod takes the method Handle of what function New returns for the handler.
func (h *goHandler) useMethod(pkg *goPackage, f *ast.FuncDecl) error {
	at := pkg.fset.Position(f.Pos())
	result := flatten(f.Type.Results)[0]
	if pointer, ok := result.(*ast.StarExpr); ok {
		result = pointer.X
	}
	ident, ok := result.(*ast.Ident)
	if !ok {
		return failf(ReasonHandlerInvalid, "%s: New returns a type of another package: return one with a method Handle of this one", at)
	}
	method, in := pkg.method(ident.Name, "Handle")
	if method == nil {
		return failf(ReasonHandlerInvalid, "%s: New returns a %s, which has no method Handle", at, ident.Name)
	}
	h.name, h.method = "New", true
	if problem := h.setFunc(method.Type, in); problem != "" {
		return failf(ReasonHandlerInvalid, "%s: Handle %s: %s", pkg.fset.Position(method.Pos()), problem, goShapes)
	}
	if h.called { // a method that returns a handler is none itself
		return failf(ReasonHandlerInvalid, "%s: Handle takes nothing", pkg.fset.Position(method.Pos()))
	}
	return nil
}

// method returns a method of a type of the package.
func (p *goPackage) method(of, name string) (*ast.FuncDecl, *goFile) {
	for _, file := range p.files {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != name {
				continue
			}
			receiver := flatten(f.Recv)[0]
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			if ident, ok := receiver.(*ast.Ident); ok && ident.Name == of {
				return f, file
			}
		}
	}
	return nil, nil
}

// registration is a call that registers a function.
type registration struct {
	*ast.CallExpr
	as string // which of registrations
}

// registered returns what the package registers at functions-framework, by name.
func (p *goPackage) registered() map[string]registration {
	found := map[string]registration{}
	for _, file := range p.files {
		ast.Inspect(file.File, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			for _, as := range registrations {
				if file.is(call.Fun, frameworkImport, as) {
					name, _ := strconv.Unquote(literal.Value) // the parser has read it
					found[name] = registration{call, as}
				}
			}
			return true
		})
	}
	return found
}

// useRegistered takes a function that is registered for the handler. It is called as other handlers are: what
// functions-framework itself serves with loses events under load, and mixes up the data of requests.
func (h *goHandler) useRegistered(pkg *goPackage, call registration) error {
	at := pkg.fset.Position(call.Pos())
	ident, ok := call.Args[1].(*ast.Ident)
	if !ok {
		return failf(ReasonHandlerInvalid, "%s: the function that is registered has no name: declare it, and register it by its name", at)
	}
	node, file := pkg.declaration(ident.Name)
	if node == nil {
		return failf(ReasonHandlerInvalid, "%s: %s is not declared in package %s: register a function that is", at, ident.Name, h.pkg)
	}
	h.name = ident.Name
	if problem := h.setShape(node, file); problem != "" {
		return failf(ReasonHandlerInvalid, "%s: %s %s: %s", at, ident.Name, problem, goShapes)
	}
	if h.pkg != "main" && !ast.IsExported(ident.Name) {
		h.name, h.local = localName, ident.Name
	}
	return nil
}
