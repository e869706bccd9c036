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

# From nothing to the answer of a function. Every step can be run again.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

readonly SAMPLE=samples/hello-python.yaml

# follow prints the function's phase whenever it changes, until the present spec is Ready or Failed.
function follow() {
  local generation observed phase last="" result=1
  local template='{.metadata.generation} {.status.observedGeneration} {.status.phase}{"\n"}'
  exec {updates}< <(exec kubectl get -f "${SAMPLE}" --watch -o "jsonpath=${template}")
  local watcher=$!
  while read -r generation observed phase <&"${updates}"; do
    if [[ "${generation}" != "${observed}" || "${phase}" == "${last}" ]]; then
      continue
    fi
    step "phase ${phase}"
    last="${phase}"
    case "${phase}" in
      Ready) result=0 ;;
      Failed) ;;
      *) continue ;;
    esac
    break
  done
  kill "${watcher}" 2>/dev/null || true
  exec {updates}<&-
  return "${result}"
}

# show prints a command as one would type it, and runs it.
function show() {
  local word line="\$"
  for word in "$@"; do
    [[ "${word}" =~ ^[A-Za-z0-9_./:=@,-]+$ ]] || word="${word@Q}"
    line+=" ${word}"
  done
  printf '\n%s\n' "${line}"
  "$@"
  echo
}

need curl

if own_cluster; then
  step "use the cluster of $(kubectl config current-context)"
else
  step "start the local cluster"
  # The sample needs no other language, and their base images take a minute to make.
  ./hack/cluster.sh up --runtimes=python
fi
use_cluster

step "install the operator"
./hack/install.sh

step "apply ${SAMPLE}"
kubectl apply -f "${SAMPLE}"
if ! follow; then
  kubectl get -f "${SAMPLE}" -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason} {.message}{"\n"}{end}'
  exit 1
fi

url=$(kubectl get -f "${SAMPLE}" -o jsonpath='{.status.url}')
call=(curl --silent --show-error --fail-with-body --max-time 60)
if [[ -n "${LAMBDA_INGRESS:-}" ]]; then
  # The name is the function's; it need not be known to DNS.
  call+=(--header "Host: ${url#*://}" "http://${LAMBDA_INGRESS}/")
else
  call+=("${url}")
fi

step "call it by HTTP"
show "${call[@]}" --header "Content-Type: application/json" --data '{"name": "HTTP"}'

step "send it a CloudEvent"
show "${call[@]}" --include --header "Content-Type: application/json" \
  --header "Ce-Specversion: 1.0" --header "Ce-Id: 1" --header "Ce-Type: com.example.hello" --header "Ce-Source: /demo" \
  --data '{"name": "CloudEvents"}'

step "done. What to type next:"
echo
if ! own_cluster; then
  echo "  eval \"\$(make -s cluster-env)\"     # this shell talks to the local cluster"
fi
cat <<'NEXT'
  kubectl get lf                     # the functions: ready, phase, URL, image
  kubectl edit lf hello-python       # change the code: a new build, then the new answer
  kubectl get taskruns,ksvc,pods     # what a function is made of
NEXT
if ! own_cluster; then
  echo "  make cluster-down                  # remove the cluster; the caches stay"
fi
