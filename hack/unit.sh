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

# Runs the unit tests of all modules that are written here.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/packages.sh
source hack/packages.sh

# The race detector needs a C compiler; the language workers are tested with the languages.
need git python3 node=nodejs gcc="gcc libc6-dev"

status=0
for module in . test/cluster test/cluster/ingress test/servers test/monitoring test/logql; do
  CGO_ENABLED=1 ./hack/gotest.sh "${module}" pkgname -race -timeout=15m ./... || status=1
done
exit "${status}"
