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
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/spf13/cobra"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/bundle"
)

// pushToRemedy is what helps wherever the registry is the matter.
const pushToRemedy = "name a repository that you and the cluster reach with --push-to"

// push pushes the folder, and returns the source that it then is. A dry run pushes nothing. why is why the code does not go
// along with the function.
func (d *folderDeployment) push(cmd *cobra.Command, c *clients, fn *v1alpha1.LambdaFunction, why string) (*v1alpha1.OCISource, error) {
	address, repository, err := d.repository(cmd.Context(), c, fn)
	if err != nil {
		return nil, err
	}
	image, err := bundle.Pack(d.dir)
	if err != nil {
		return nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("failed to pack %s: %w", d.dir, err)
	}
	artifact := &v1alpha1.OCISource{Repository: address, Digest: digest.String()}
	if d.dryRun != dryRunNone {
		return artifact, nil
	}
	// A tag of its own keeps an artifact where registries remove those without one.
	const tagLength = 12
	err = remote.Write(repository.Tag(digest.Hex[:tagLength]), image, remote.WithContext(cmd.Context()), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	var refused *transport.Error
	switch {
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		return nil, failf("docker login "+repository.RegistryStr()+", or "+pushToRemedy, "failed to push to %s: %w", address, err)
	case err != nil:
		return nil, failf(pushToRemedy, "failed to push to %s: %w", address, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Pushed folder '%s' to %s@%s: %s.\n", d.dir, address, digest, why)
	return artifact, nil
}

// repository is where the folder is pushed to: what --push-to says, else beside the function's images.
func (d *folderDeployment) repository(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction) (string, name.Repository, error) {
	build, err := c.buildConfig(ctx)
	build.Registry = cmp.Or(fn.Spec.Build.Registry, build.Registry)
	address := d.pushTo
	if address == "" {
		if build.Registry == "" {
			return "", name.Repository{}, failf(pushToRemedy, "failed to find the registry that the code is to be pushed to: %w",
				cmp.Or(err, errors.New("there is none in ConfigMap "+config.BuildConfigName+" in namespace "+operatorNamespace)))
		}
		address = build.Registry + "/" + fn.Namespace + "/" + fn.Name + "-source"
	}
	repository, err := name.NewRepository(address, name.StrictValidation)
	if err != nil {
		return "", name.Repository{}, usagef("%q is no repository: write registry and path without scheme, tag and digest, such as ghcr.io/acme/orders-source: %w", address, err)
	}
	host := repository.RegistryStr()
	if slices.Contains(build.InsecureRegistries, host) || fn.Spec.Build.Insecure && host == build.RegistryHost() {
		repository, err = name.NewRepository(address, name.StrictValidation, name.Insecure)
	}
	return address, repository, err
}

// buildConfig is that of the operator, and what holds by default where it cannot be read.
func (c *clients) buildConfig(ctx context.Context) (*config.Build, error) {
	defaults, err := config.NewBuildFromMap(nil)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return defaults, errors.New("--dry-run=client asks no cluster")
	}
	data, err := c.configMap(ctx, operatorNamespace, config.BuildConfigName)
	if err != nil {
		return defaults, err
	}
	build, err := config.NewBuildFromMap(data)
	if err != nil {
		return defaults, fmt.Errorf("ConfigMap %s in namespace %s cannot be read: %w", config.BuildConfigName, operatorNamespace, err)
	}
	return build, nil
}
