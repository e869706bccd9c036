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

# Runs Knative's conformance tests for Ingresses on the cluster that KUBECONFIG points to. It needs ko and kubectl in
# the PATH and KO_DOCKER_REPO, all of which `cluster env` sets; arguments go to `go test`, for example
#   conformance.sh -run 'TestConformance/(websocket|grpc)'
# Left out are TLS, which the controller does not have, and what Knative itself calls alpha.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

readonly namespace=serving-tests # fixed by the tests
export KO_DOCKER_REPO="${KO_DOCKER_REPO:?where to push the test images}/ingress-conformance"

ko build --base-import-paths --tags=latest \
  knative.dev/networking/test/test_images/{grpc-ping,httpproxy,retry,runtime,timeout,wsserver}

trap 'kubectl delete namespace "${namespace}" --ignore-not-found' EXIT
kubectl create namespace "${namespace}"

node="$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')"
go test -tags=e2e -count=1 -timeout=30m -parallel=8 -skip='^TestConformance$/^tls$' "$@" ./conformance \
  --dockerrepo="${KO_DOCKER_REPO}" \
  --ingressClass=lambda.ingress.networking.knative.dev \
  --ingressendpoint="${node}" \
  --enable-beta
