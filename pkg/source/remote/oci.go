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

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// maxLayers is how many layers images have at most, as engines see it.
const maxLayers = 127

// layerPattern is the media type of a tar archive, by gzip or as it is, of whosever kind: of images, and of artifacts.
var layerPattern = regexp.MustCompile(`[.+]tar([.+]gzip)?$`)

// artifact is one in a registry.
type artifact struct {
	*source.OCI
	ref    name.Reference
	puller *remote.Puller
	// left is how many bytes of layers may still come, of max.
	left, max int64
}

func (f *fetcher) oci(ctx context.Context, o *source.OCI, files *source.Files) (string, error) {
	ref, err := f.reference(o)
	if err != nil {
		return "", err
	}
	login, err := f.registryLogin(ctx, ref.Context())
	if err != nil {
		return "", err
	}
	trip, err := f.registryTransport(ref.Context().RegistryStr())
	if err != nil {
		return "", err
	}
	puller, err := remote.NewPuller(
		remote.WithAuth(login),
		remote.WithTransport(trip),
		remote.WithUserAgent("knative-lambda"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 200 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
	)
	if err != nil {
		return "", fmt.Errorf("failed to set up the registry's client: %w", err)
	}
	a := &artifact{OCI: o, ref: ref, puller: puller, left: f.maxBytes, max: f.maxBytes}
	revision, err := a.fetch(ctx, files)
	return revision, a.explain(err)
}

func (f *fetcher) reference(o *source.OCI) (name.Reference, error) {
	ref, err := o.Reference()
	if err == nil && slices.Contains(f.registries.Insecure, ref.Context().RegistryStr()) {
		ref, err = o.Reference(name.Insecure)
	}
	return ref, err
}

// fetch adds the files of all layers, and returns the artifact's digest.
func (a *artifact) fetch(ctx context.Context, files *source.Files) (string, error) {
	d, err := a.puller.Get(ctx, a.ref)
	if err != nil {
		return "", err
	}
	layers, err := a.layers(d)
	if err != nil {
		return "", err
	}
	found := false
	for i, layer := range layers {
		below, err := a.layer(ctx, fmt.Sprintf("layer %d", i+1), layer.Digest, files)
		if err != nil {
			return "", err
		}
		found = found || below
	}
	if !found && a.Path != "" {
		return "", source.Failf(source.ReasonSourceNotFound, "source.oci.path: the artifact %s has no folder %q", a.ref, a.Path)
	}
	return d.Digest.String(), nil
}

// layers are those of a manifest, each one an archive.
func (a *artifact) layers(d *remote.Descriptor) ([]v1.Descriptor, error) {
	invalid := func(format string, args ...any) error {
		return source.Failf(source.ReasonInvalidArchive, "the artifact %s %w: push the code as a tar archive, by gzip or as it is", a.ref, fmt.Errorf(format, args...))
	}
	switch {
	case d.MediaType.IsIndex():
		return nil, source.Failf(source.ReasonInvalidArchive, "the artifact %s is a list of several: write the digest of one of them into source.oci.digest", a.ref)
	case !d.MediaType.IsImage():
		return nil, invalid("is of media type %q, and is no manifest of OCI or Docker", d.MediaType)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	switch {
	case err != nil:
		return nil, invalid("has a manifest that cannot be read: %w", err)
	case len(manifest.Layers) == 0:
		return nil, invalid("has no layers")
	case len(manifest.Layers) > maxLayers:
		return nil, source.Failf(source.ReasonSourceTooLarge, "the artifact %s has %d layers, more than %d", a.ref, len(manifest.Layers), maxLayers)
	}
	for i, layer := range manifest.Layers {
		switch {
		case !layerPattern.MatchString(string(layer.MediaType)):
			return nil, invalid("has a layer %d of media type %q", i+1, layer.MediaType)
		case len(layer.URLs) > 0:
			return nil, invalid("has a layer %d that is elsewhere", i+1)
		}
	}
	return manifest.Layers, nil
}

// layer adds the files of one layer that are below the path, and reports whether there were any.
func (a *artifact) layer(ctx context.Context, name string, digest v1.Hash, files *source.Files) (bool, error) {
	layer, err := a.puller.Layer(ctx, a.ref.Context().Digest(digest.String()))
	if err != nil {
		return false, err
	}
	blob, err := layer.Compressed()
	if err != nil {
		return false, err
	}
	defer blob.Close()
	limited := &limitedReader{r: blob, left: a.left, max: a.max}
	found, err := files.AddLayer(ctx, name, a.Path, limited)
	if err == nil || source.ReasonOf(err) == source.ReasonInvalidArchive {
		// Archives end before their blobs do, whose digest is known in the very end. Where it is another than it should be,
		// that is why the archive is broken.
		if _, restErr := io.Copy(io.Discard, limited); restErr != nil {
			err = restErr
		}
	}
	a.left = limited.left
	return found, err
}

// explain gives the failures of a registry their reasons.
func (a *artifact) explain(err error) error {
	if err == nil {
		return nil
	}
	_, refused := netguard.Refused(err)
	if refused || isDistrusted(err) || source.ReasonOf(err) != source.ReasonInternal {
		return err
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		return a.explainAnswer(answer)
	}
	switch registry, text := a.ref.Context().RegistryStr(), err.Error(); {
	case strings.Contains(text, "private/link-local"), strings.Contains(text, "realm "):
		// The library refuses addresses, written as such, before the guard can, and tokens over plain http.
		return source.Failf(source.ReasonSourceRefused, "registry %s sends the build elsewhere, and not in a safe way: %w", registry, err)
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return source.Failf(source.ReasonCertificateInvalid,
			"registry %s speaks plain http: an operator may add it to insecure-registries of ConfigMap config-build: %w", registry, err)
	}
	return fmt.Errorf("failed to fetch %s: %w", a.ref, err)
}

// explainAnswer gives what a registry says its reason. What failed before, over https where http is allowed, is not it.
func (a *artifact) explainAnswer(answer *transport.Error) error {
	unknown := slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool { return d.Code == transport.ManifestUnknownErrorCode })
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return source.Failf(source.ReasonSourceForbidden, "the registry does not let the build read %s, or it is not there: "+
			"check source.oci.repository, and the login in the Secret of source.oci.secretRef, or else in the one that images are pushed with: %w",
			a.ref, answer)
	case unknown:
		return source.Failf(source.ReasonRefNotFound, "source.oci: repository %s has no %s", a.ref.Context(), a.ref.Identifier())
	case answer.StatusCode == http.StatusNotFound:
		return source.Failf(source.ReasonSourceNotFound, "source.oci.repository: there is no %s, or a part of it is missing: %w", a.ref, answer)
	default:
		return source.Failf(source.ReasonSourceUnavailable, "failed to fetch %s: %w", a.ref, answer)
	}
}
