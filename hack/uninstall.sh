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

# Removes the operator. All functions and agents go first: without it nobody could tell what became of them.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

use_cluster
for kind in lambdafunctions.lambda.knative.io lambdaagents.lambda.knative.io; do
  if kubectl get customresourcedefinition "${kind}" >/dev/null 2>&1; then
    kubectl delete "${kind}" --all --all-namespaces
  fi
done
# The operator may be gone before it has seen all agents go. What it has made in no namespace hinders others where agents are
# no longer known.
kubectl delete validatingadmissionpolicybindings --selector app.kubernetes.io/managed-by=knative-lambda-operator
kubectl delete --ignore-not-found -f config/
