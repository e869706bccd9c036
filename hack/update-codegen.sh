#!/usr/bin/env bash

# Copyright 2026 The Knative Lambda Authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

# Makes all generated code and schemas anew: deep copies, clients, informers, listers, injection, reconcilers, CRD
# schemas, the checksums of the ConfigMaps' examples, dashboards, and the pages on the verbs of kn lambda.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly MODULE=github.com/knative-lambda/knative-lambda-operator
readonly BOILERPLATE=hack/boilerplate.go.txt
# The generators build their tools into GOBIN; a folder of our own leaves the user's alone.
GOBIN=$(mktemp -d)
export GOBIN
trap 'rm -rf "${GOBIN}"' EXIT

echo "Checksums of examples"
go run knative.dev/pkg/configmap/hash-gen config/*-config-*.yaml

echo "Deep copies, clients, listers, informers"
# Nothing that is built imports it, so that a fresh module cache has not its files.
go mod download k8s.io/code-generator
# shellcheck source=/dev/null
source "$(go list -m -f '{{.Dir}}' k8s.io/code-generator)/kube_codegen.sh"
kube::codegen::gen_helpers --boilerplate "${BOILERPLATE}" pkg/apis
kube::codegen::gen_client --boilerplate "${BOILERPLATE}" --with-watch \
  --output-dir pkg/client --output-pkg "${MODULE}/pkg/client" pkg/apis

echo "Injection and reconcilers"
go run knative.dev/pkg/codegen/cmd/injection-gen \
  --input-dirs "${MODULE}/pkg/apis/lambda/v1alpha1" \
  --versioned-clientset-package "${MODULE}/pkg/client/clientset/versioned" \
  --external-versions-informers-package "${MODULE}/pkg/client/informers/externalversions" \
  --listers-package "${MODULE}/pkg/client/listers" \
  --output-package "${MODULE}/pkg/client/injection" --output-dir pkg/client/injection \
  --go-header-file "${BOILERPLATE}"

echo "Schemas of the CustomResourceDefinitions"
# Of its own module: controller-gen must not choose our Kubernetes version.
go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.20.1 \
  schemapatch:manifests=config,generateEmbeddedObjectMeta=true output:dir=config paths=./pkg/apis/lambda/...

echo "Dashboards"
dashboards=$(go run ./hack/dashboards)
printf '%s\n' "${dashboards}" > config/monitoring/300-dashboards.yaml

echo "Schemas of events"
schema=$(go run ./hack/schemas)
printf '%s\n' "${schema}" > pkg/events/schemas/lambdafunctionspec.json

echo "Pages on the verbs of kn lambda"
rm -f docs/cmd/*.md
go run ./hack/commands docs/cmd
