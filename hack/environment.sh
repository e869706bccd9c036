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

# Sourced by other scripts, which run in the root of the source tree: says which cluster is meant, and how to reach it.

# shellcheck disable=SC2034 # names are for the scripts that source this
# shellcheck source=hack/packages.sh
source hack/packages.sh

readonly CACHE="${XDG_CACHE_HOME:-${HOME}/.cache}/knative-lambda"
readonly LOCAL_STATE="${CACHE}/cluster"
# TEST_RUN holds the process id of the test run that started the local cluster, and will remove it.
readonly TEST_RUN="${LOCAL_STATE}/test-run"
readonly LOCAL_REGISTRY=172.30.0.2:5000
readonly SYSTEM_NAMESPACE=knative-lambda

# One clock for a script and those that it runs.
export STARTED="${STARTED:-${EPOCHSECONDS}}"

# step prints a line with the seconds that have passed.
function step() {
  printf '[%4ds] %s\n' "$((EPOCHSECONDS - STARTED))" "$*"
}

# own_cluster is true where the user brings a cluster.
function own_cluster() {
  [[ -n "${USE_CLUSTER:-}" ]] || [[ -n "${KUBECONFIG:-}" && "${KUBECONFIG}" != "${LOCAL_STATE}/kubeconfig" ]]
}

# local_cluster runs the program that makes the local cluster.
function local_cluster() {
  go -C test/cluster run . "$@"
}

# build_test_servers puts into the environment which image tests start servers of.
function build_test_servers() {
  LAMBDA_TEST_SERVERS=$(cd test/servers && KO_CONFIG_PATH=../.. ko build --sbom=none .)
  export LAMBDA_TEST_SERVERS
}

# use_cluster makes kubectl, ko and the tests talk to the cluster that is meant.
function use_cluster() {
  # With it, ko need not link again what it has linked before.
  export KOCACHE="${CACHE}/ko"
  mkdir -p "${KOCACHE}"
  if own_cluster; then
    use_own_cluster
    return
  fi
  local exports
  exports=$(local_cluster env)
  eval "${exports}"
}

function use_own_cluster() {
  if ! command -v kubectl >/dev/null; then
    echo "ERROR: kubectl is missing: install it to use a cluster of your own." >&2
    return 1
  fi
  if ! command -v ko >/dev/null; then
    go build -C test/cluster/tools -o "${CACHE}/bin/" github.com/google/ko
    PATH="${CACHE}/bin:${PATH}"
  fi
}
