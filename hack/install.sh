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

# Installs the operator of this source tree, and returns when it serves.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

readonly TIMEOUT=5m

use_cluster

if ! own_cluster && [[ $(kubectl get persistentvolume local -o jsonpath='{.status.phase}') == Released ]]; then
  # An operator that was removed had it: without its claim it is free again, with what is in it.
  kubectl patch persistentvolume local --type json -p '[{"op": "remove", "path": "/spec/claimRef"}]' >/dev/null
fi

step "build and apply the operator"
ko apply --sbom=none -f config/

step "wait until it serves"
kubectl --namespace "${SYSTEM_NAMESPACE}" rollout status deployment \
  --selector app.kubernetes.io/name=knative-lambda --timeout "${TIMEOUT}"
# A webhook that is on its way out still answers those that are connected to it, and takes away fields that it does not
# know.
for ((tries = 240; tries > 0; tries--)); do
  leaving=$(kubectl --namespace "${SYSTEM_NAMESPACE}" get pods --selector app.kubernetes.io/name=knative-lambda \
    --output jsonpath='{.items[?(@.metadata.deletionTimestamp)].metadata.name}')
  [[ -n "${leaving}" ]] || break
  sleep 0.5
done
if own_cluster; then
  claim=$(kubectl --namespace "${SYSTEM_NAMESPACE}" get persistentvolumeclaim letters-lambda-deadletter-0 \
    --ignore-not-found -o jsonpath='{.status.phase}')
  if [[ "${claim}" != Bound ]]; then
    step "dead letters wait for a volume: the cluster needs a default StorageClass, see docs/dead-letters.md"
  fi
else
  kubectl --namespace "${SYSTEM_NAMESPACE}" rollout status statefulset/lambda-deadletter --timeout "${TIMEOUT}"
fi
# The webhook registers itself once it has certificates. What is applied before that is neither checked nor defaulted.
for registration in mutatingwebhookconfiguration/webhook.lambda.knative.io \
  validatingwebhookconfiguration/validation.webhook.lambda.knative.io \
  validatingwebhookconfiguration/config.webhook.lambda.knative.io; do
  kubectl wait --for=jsonpath='{.webhooks[0].clientConfig.caBundle}' --timeout "${TIMEOUT}" "${registration}" >/dev/null
done
# Nodes learn where the webhook is a moment after it is available.
for ((tries = 60; ; tries--)); do
  if answer=$(kubectl --namespace "${SYSTEM_NAMESPACE}" annotate configmap config-build probe=yes --dry-run=server 2>&1); then
    break
  elif ((tries == 0)); then
    echo "ERROR: the webhook does not answer: ${answer}" >&2
    exit 1
  fi
  sleep 0.5
done

if own_cluster; then
  step "the operator is installed; ConfigMap config-build says where it pushes images"
  exit
fi
step "point builds at the local registry"
kubectl --namespace "${SYSTEM_NAMESPACE}" patch configmap config-build --type merge --patch-file /dev/stdin <<PATCH
data:
  registry: ${LOCAL_REGISTRY}/functions
  insecure-registries: ${LOCAL_REGISTRY}
  registry-mirror: ${LOCAL_REGISTRY}
  kaniko-image: ${LOCAL_REGISTRY}/kaniko:latest
  allowed-networks: 10.96.0.0/16
PATCH
step "the operator is installed"
