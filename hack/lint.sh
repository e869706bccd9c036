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

# Checks format and style of Go code and shell scripts, and reports all it finds.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

readonly GOLANGCI=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
readonly TAGS=e2e

# As ko builds: so that packages compiled for the one are there for the other.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"

need git shellcheck

status=0

step "gofmt"
unformatted=$(gofmt -l cmd pkg test hack)
if [[ -n "${unformatted}" ]]; then
  printf 'not formatted: %s\n' "${unformatted}"
  status=1
fi

step "shellcheck"
shellcheck --external-sources hack/*.sh .ci/run || status=1

for module in . test/cluster test/cluster/ingress test/servers test/monitoring test/logql; do
  step "go vet in ${module}"
  go -C "${module}" vet -tags "${TAGS}" ./... || status=1
  step "golangci-lint in ${module}"
  (cd "${module}" && go run "${GOLANGCI}" run --build-tags "${TAGS}" ./...) || status=1
done
exit "${status}"
