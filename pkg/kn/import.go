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

package kn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const importLong = `Read a func.yaml of Knative's func, or manifests of the older operator, and write the LambdaFunctions and LambdaAgents that
say the same here. - is standard input.

Manifests go to standard output. What changes, and what is left out, goes to standard error, a line each:

  FILE: FIELD: changed: what becomes of it
  FILE: FIELD: left out: why, and what to do
  FILE: FIELD: warning: why it has no effect, or another than it seems

Of a func.yaml the spec versions 0.34.0 to 0.36.0 are read; func migrate brings others there. Its code is taken from build.git,
else the image is taken that func has built. A field that is not known is an error where it is in a func.yaml, and left out
where it is in a manifest. An object that would be refused here is an error, and nothing is written.

The exit code is 4 where something was left out or is warned of. With --strict nothing is written then, and it is 1.`

const importExample = `
  # See what becomes of a function of Knative's func
  kn lambda import func.yaml

  # Deploy it, unless something of it would be lost
  kn lambda import func.yaml --strict > function.yaml && kn lambda apply -f function.yaml

  # All of an older operator's functions
  kubectl get lambdafunctions --all-namespaces -o yaml | kn lambda import - > functions.yaml`

// What may become of a field.
const (
	// noteChanged is for what is there in another form.
	noteChanged = "changed"
	// noteLost is for what nothing here does.
	noteLost = "left out"
	// noteWarning is for what stays, and the API server warns of.
	noteWarning = "warning"
)

// note is what is to be known of a field that is not carried over as it is.
type note struct {
	// path of the field in what is imported.
	path string
	kind string
	// why it is so, or what it becomes.
	why string
}

// imported is what a document has become.
type imported struct {
	// objects are LambdaFunctions and LambdaAgents.
	objects []runtime.Object
	notes   []note
}

func (i *imported) changed(path, why string, args ...any) {
	i.notes = append(i.notes, note{path, noteChanged, fmt.Sprintf(why, args...)})
}

func (i *imported) lost(path, why string, args ...any) {
	i.notes = append(i.notes, note{path, noteLost, fmt.Sprintf(why, args...)})
}

func newImportCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use: "import FILE...", Short: "Make manifests of what was written for func, or for the older operator",
		Long: importLong, Example: importExample[1:],
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			var manifests bytes.Buffer
			left := 0
			for _, file := range args {
				result, err := importFile(cmd.Context(), file, cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("failed to import %s: %w", file, err)
				}
				for _, n := range result.notes {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s: %s: %s\n", file, n.path, n.kind, n.why)
					if n.kind != noteChanged {
						left++
					}
				}
				if err := result.print(&manifests); err != nil {
					return err
				}
			}
			if left > 0 && strict {
				return failf("change what the lines above say, or leave --strict out", "%d fields would be left out or have no effect, and nothing is written", left)
			}
			if _, err := manifests.WriteTo(cmd.OutOrStdout()); err != nil || left == 0 {
				return err
			}
			return &commandError{error: fmt.Errorf("%d fields are left out or have no effect: the lines above say which", left), code: ExitLost}
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "Fail, and write nothing, where something would be left out or have no effect.")
	return cmd
}

// importFile reads a file, or standard input for -.
func importFile(ctx context.Context, file string, in io.Reader) (*imported, error) {
	text, err := readFile(file, in)
	if err != nil {
		return nil, err
	}
	folder := ""
	if file != "-" {
		folder = filepath.Dir(file)
	}
	return importText(ctx, text, folder)
}

// importText reads YAML documents. The folder is where a func.yaml's code is; "" is nowhere.
func importText(ctx context.Context, text []byte, folder string) (*imported, error) {
	result := &imported{}
	documents := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := result.read(ctx, document, folder); err != nil {
			return nil, err
		}
	}
	if len(result.objects) == 0 {
		return nil, failf("kn lambda import --help", "there is neither a func.yaml nor a LambdaFunction or LambdaAgent in it")
	}
	return result, nil
}

// read reads a document.
func (i *imported) read(ctx context.Context, document []byte, folder string) error {
	var object map[string]any
	if err := yaml.Unmarshal(document, &object); err != nil {
		return fmt.Errorf("it is no YAML of an object: %w", err)
	}
	if len(object) == 0 {
		return nil
	}
	if _, ok := object["specVersion"]; ok && object["kind"] == nil {
		return i.readFunc(ctx, document, object, folder)
	}
	return i.readObject(ctx, object)
}

// print writes the objects as YAML documents.
func (i *imported) print(out *bytes.Buffer) error {
	for _, object := range i.objects {
		if out.Len() > 0 {
			out.WriteString("---\n")
		}
		if err := printYAML(object, out); err != nil {
			return err
		}
	}
	return nil
}

// admitted is what LambdaFunctions and LambdaAgents have in common. Validate is not in it: through an interface it would be
// that of all types, of which Knative's take text/template, and with it the linker keeps all methods that there are.
type admitted interface {
	runtime.Object
	metav1.Object
}

// add takes an object up, unless the API server would refuse it, by what its validation told.
func (i *imported) add(object admitted, kind string, told *apis.FieldError) error {
	object.GetObjectKind().SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind))
	if err := told.Filter(apis.ErrorLevel); err != nil {
		return failf("change the field, and import it again", "%s %q would be refused: %w", kind, object.GetName(), err)
	}
	for _, warning := range told.Filter(apis.WarningLevel).WrappedErrors() {
		i.notes = append(i.notes, note{strings.Join(warning.Paths, ", "), noteWarning, warning.Message})
	}
	i.objects = append(i.objects, object)
	return nil
}

// qualify names the registry of an image that names none, which is Docker Hub. What is no name is left for validation.
func (i *imported) qualify(path, repository string) string {
	parsed, err := name.NewRepository(repository)
	if err != nil || strings.HasPrefix(repository, parsed.RegistryStr()+"/") || strings.HasPrefix(repository, "docker.io/") {
		return repository
	}
	qualified := strings.Replace(parsed.Name(), name.DefaultRegistry, "docker.io", 1)
	i.changed(path, "%s, because which registry is meant would depend on the node", qualified)
	return qualified
}

// limitTarget has an instance not aim at more calls than it may work on.
func (i *imported) limitTarget(path string, s *v1alpha1.ScalingSpec) {
	if c, target := s.ContainerConcurrency, s.TargetConcurrency; c != nil && target != nil && *c > 0 && int64(*target) > *c {
		i.changed(path, "%d, because more than containerConcurrency can never be reached", *c)
		*target = int32(*c) //nolint:gosec // It is less than one of 32 bits.
	}
}
