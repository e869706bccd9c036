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
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/folder"
)

const deployLong = `Make the function in DIR, or in the working directory, or change it to be what is in the folder now, and wait until it is
ready. The language is what the files look like. A function.yaml in the folder says all else of the function, but for its
source; flags win over it.

One file of code, with or without a list of what it imports, goes along with the function. What is more is pushed to a
registry as an artifact, and built from there: as REGISTRY/NAMESPACE/NAME-source, where the registry is the one that images
are pushed to, or as --push-to says. You log in to it as docker does.

As with apply, fields that an earlier deploy gave and this one does not are taken away.`

const deployExample = `
  # The function in the working directory
  kn lambda deploy

  # The one in another folder, with a name and a variable
  kn lambda deploy ./orders --name orders-dev --env STAGE=dev

  # Where you may not read which registry the cluster has
  kn lambda deploy ./orders --push-to ghcr.io/acme/orders-source

  # See what it would become, and push nothing
  kn lambda deploy ./orders --dry-run=server -o yaml`

// folderDeployment is what deploy does.
type folderDeployment struct {
	deployment

	dir, name, pushTo string
}

func newDeployCommand(s *session) *cobra.Command {
	d := folderDeployment{dir: "."}
	cmd := &cobra.Command{
		Use: "deploy [DIR]", Short: "Make a function of a folder or change it, and wait until it is ready", Long: deployLong, Example: deployExample[1:],
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: folders,
	}
	d.spec.addRest(cmd, "what the files look like")
	d.addDelivery(cmd)
	flags := cmd.Flags()
	flags.StringVar(&d.name, "name", "", "Name of the function. By default that of the manifest, else that of the folder.")
	flags.StringVarP(&d.filename, "filename", "f", "", "File with the LambdaFunction; other flags win over it. By default function.yaml in the folder, where there is one.")
	flags.StringVar(&d.pushTo, "push-to", "", "Repository that what does not go along with the function is pushed to, such as ghcr.io/acme/orders-source.")
	complete(cmd, "filename", files)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			d.dir = args[0]
		}
		c, namespace, err := s.target(d.dryRun)
		if err != nil {
			return err
		}
		fn, err := d.function(cmd)
		if err != nil {
			return err
		}
		if err := s.place(fn, "function", d.filename, namespace); err != nil {
			return err
		}
		if err := d.setSource(cmd, c, fn); err != nil {
			return err
		}
		return d.run(cmd, s, "deploy", "Deployed", fn, tellChanges(cmd, apply))
	}
	return cmd
}

// function is what the manifest and the flags say, without the source.
func (d *folderDeployment) function(cmd *cobra.Command) (*v1alpha1.LambdaFunction, error) {
	if d.filename == "" {
		file := filepath.Join(d.dir, folder.ManifestFile)
		if _, err := os.Stat(file); err == nil {
			d.filename = file
		}
	}
	fn, err := d.manifest()
	if err != nil {
		return nil, err
	}
	if d.name != "" {
		fn.Name = d.name
	}
	if fn.Name == "" {
		dir, err := filepath.Abs(d.dir)
		if err != nil {
			return nil, fmt.Errorf("failed to find folder %q: %w", d.dir, err)
		}
		fn.Name = asName(filepath.Base(dir))
	}
	if err := checkName(fn.Name); err != nil {
		return nil, err
	}
	if err := d.spec.apply(cmd.Flags(), fn, cmd.InOrStdin()); err != nil {
		return nil, err
	}
	if fn.Spec.Runtime.Language == "" {
		if fn.Spec.Runtime.Language, err = folder.LanguageOf(d.dir); err != nil {
			return nil, err
		}
	}
	return fn, nil
}

// asName makes of the name of a folder that of a function, where that takes no more than lower case, and - for what else
// parts words.
func asName(dir string) string {
	if len(validation.IsDNS1035Label(dir)) == 0 {
		return dir
	}
	words := strings.FieldsFunc(strings.ToLower(dir), func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	return strings.Join(words, "-")
}

// setSource has the code of the folder be the function's source: along with it, or pushed.
func (d *folderDeployment) setSource(cmd *cobra.Command, c *clients, fn *v1alpha1.LambdaFunction) error {
	fn.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline}
	defaulted := fn.DeepCopy()
	defaulted.SetDefaults(cmd.Context())
	inline, why, err := folder.Inline(d.dir, &defaulted.Spec.Runtime, d.filename)
	if err != nil {
		return err
	}
	if inline != nil {
		fn.Spec.Source.Inline = inline
		return nil
	}
	artifact, err := d.push(cmd, c, fn, why)
	fn.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeOCI, OCI: artifact}
	return err
}

// tellChanges says which fields of a function that is there a write changes.
func tellChanges(cmd *cobra.Command, send write) write {
	return func(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error) {
		before, err := c.functions(fn.Namespace).Get(ctx, fn.Name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
		there := err == nil
		sent, err := send(ctx, c, fn, dryRun)
		if err != nil || !there {
			return sent, err
		}
		changed, err := changes(&before.Spec, &sent.Spec)
		if err != nil {
			return nil, err
		}
		if len(changed) == 0 {
			changed = []string{"none"}
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Changes: %s.\n", strings.Join(changed, ", "))
		return sent, nil
	}
}
