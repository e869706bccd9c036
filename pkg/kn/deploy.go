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
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

// fieldManager is the name by which the API server knows whose fields are the command line's.
const fieldManager = "kn-lambda"

const createExample = `
  # Code at the command line, or in a file
  kn lambda create hello --language python --code 'def handler(event): return "hello"'
  kn lambda create orders --code-file orders.py --dependencies requirements.txt

  # Code in git, with a variable and one of a Secret
  kn lambda create orders --git https://github.com/acme/shop --path orders --language go --env STAGE=dev --secret-env TOKEN=shop:token

  # Code in an object store of your own
  kn lambda create orders --minio code/orders.tar.gz --endpoint http://minio.storage:9000 --object-secret minio --language go

  # An image that is there already
  kn lambda create hello --image ghcr.io/acme/hello:1

  # See what would be sent
  kn lambda create hello --code-file hello.py --dry-run=client -o yaml`

const applyExample = `
  # Make the function of a file, or change it to be as the file has it
  kn lambda apply -f function.yaml

  # Make a function that has one instance always, or change it so. What an earlier apply gave and this one does not is taken away
  kn lambda apply hello --code-file hello.py --min 1`

const updateExample = `
  # Another version of the code
  kn lambda update orders --revision v1.2.0

  # Another variable, one variable less, more instances; do not wait
  kn lambda update hello --env STAGE=prod --env DEBUG- --max 100 --no-wait`

// deployment is what create, apply and update do.
type deployment struct {
	delivery

	spec     specFlags
	filename string
}

func newCreateCommand(s *session) *cobra.Command {
	return newWholeCommand(s, "create", "Created", &cobra.Command{
		Use: "create [NAME]", Short: "Make a function, and wait until it is ready", Example: createExample[1:],
	}, create)
}

func newApplyCommand(s *session) *cobra.Command {
	return newWholeCommand(s, "apply", "Applied", &cobra.Command{
		Use: "apply [NAME]", Short: "Make a function or change it, and wait until it is ready", Example: applyExample[1:],
		Long: `Make a function, or change it to be what the flags and the file say: fields that an earlier create, apply or update gave
and this one does not are taken away. Fields that others have set, and nobody here, stay.`,
		ValidArgsFunction: s.completeFunction,
	}, apply)
}

// newWholeCommand completes a verb that sends a whole function.
func newWholeCommand(s *session, verb, done string, cmd *cobra.Command, send write) *cobra.Command {
	var d deployment
	cmd.Args = cobra.MaximumNArgs(1)
	d.add(cmd)
	cmd.Flags().StringVarP(&d.filename, "filename", "f", "", "File with the LambdaFunction; other flags win over it.")
	complete(cmd, "filename", files)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		_, namespace, err := s.target(d.dryRun)
		if err != nil {
			return err
		}
		fn, err := d.read(cmd, args)
		if err != nil {
			return err
		}
		if err := s.place(fn, "function", d.filename, namespace); err != nil {
			return err
		}
		return d.run(cmd, s, verb, done, fn, send)
	}
	return cmd
}

func newUpdateCommand(s *session) *cobra.Command {
	var d deployment
	cmd := &cobra.Command{
		Use:     "update NAME",
		Short:   "Change a function, and wait until it is ready",
		Example: updateExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
	}
	d.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if d.dryRun == dryRunClient {
			return usagef("--dry-run=client: what a function becomes depends on what it is: say --dry-run=server")
		}
		namespace, err := s.namespace()
		if err != nil {
			return err
		}
		named := &v1alpha1.LambdaFunction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: args[0]}}
		var code []byte
		if d.spec.codeFile == "-" {
			// It is read once, however often the change is tried.
			if code, err = io.ReadAll(cmd.InOrStdin()); err != nil {
				return fmt.Errorf("failed to read the code: %w", err)
			}
		}
		return d.run(cmd, s, "update", "Updated", named, d.change(cmd, code))
	}
	return cmd
}

func (d *deployment) add(cmd *cobra.Command) {
	d.spec.add(cmd)
	d.addDelivery(cmd)
}

// manifest returns the function that the file says, and an empty one where there is no file.
func (d *deployment) manifest() (*v1alpha1.LambdaFunction, error) {
	made := &v1alpha1.LambdaFunction{}
	if d.filename != "" {
		fn, err := local.ReadManifest(d.filename, true)
		if err != nil {
			return nil, err
		}
		made.ObjectMeta = metav1.ObjectMeta{Name: fn.Name, Namespace: fn.Namespace, Labels: fn.Labels, Annotations: fn.Annotations}
		made.Spec = fn.Spec
	}
	made.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("LambdaFunction"))
	return made, nil
}

// read makes the function that the file and the flags say.
func (d *deployment) read(cmd *cobra.Command, args []string) (*v1alpha1.LambdaFunction, error) {
	fn, err := d.manifest()
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		if fn.Name != "" && fn.Name != args[0] {
			return nil, usagef("the function in %s is %q, not %q", d.filename, fn.Name, args[0])
		}
		fn.Name = args[0]
	}
	if fn.Name == "" {
		return nil, usagef("name the function, or a file with --filename")
	}
	if err := d.spec.apply(cmd.Flags(), fn, cmd.InOrStdin()); err != nil {
		return nil, err
	}
	if fn.Spec.Source.Type == "" {
		return nil, usagef("say where the code is: --code, --code-file, --git, --s3, --minio, --gcs, --image or --filename")
	}
	if fn.Spec.Source.Type != v1alpha1.SourceTypeImage && fn.Spec.Runtime.Language == "" {
		return nil, usagef("say what the code is written in: --language python, nodejs or go")
	}
	return fn, nil
}

// run sends a function, and waits until it is ready.
func (d *deployment) run(cmd *cobra.Command, s *session, verb, done string, fn *v1alpha1.LambdaFunction, send write) error {
	return deliver(cmd, s, &d.delivery, fn, &sending[*v1alpha1.LambdaFunction]{
		what: "function", done: done,
		send: func(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error) {
			sent, err := send(ctx, c, fn, dryRun)
			return sent, functionError(err, verb, fn.Namespace, fn.Name)
		},
		await: func(c *clients, sent *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
			return d.waiting.await(cmd, s, c, sent)
		},
		url: functionURL,
	})
}

// change makes the changes of the flags to the function as it is, again where somebody else was faster.
func (d *deployment) change(cmd *cobra.Command, code []byte) write {
	return func(ctx context.Context, c *clients, named *v1alpha1.LambdaFunction, dryRun []string) (*v1alpha1.LambdaFunction, error) {
		var updated *v1alpha1.LambdaFunction
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			fn, err := c.functions(named.Namespace).Get(ctx, named.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if err := d.spec.apply(cmd.Flags(), fn, bytes.NewReader(code)); err != nil {
				return err
			}
			updated, err = c.functions(named.Namespace).Update(ctx, fn, metav1.UpdateOptions{
				FieldManager: fieldManager, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
			})
			return err
		})
		return updated, err
	}
}
