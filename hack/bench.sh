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

# Measures the operator that is installed, and prints a Markdown table. Arguments go to the program.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

use_cluster
if ! own_cluster; then
  go build -C test/cluster -o "${CACHE}/bin/cluster" .
  set -- -cluster="${CACHE}/bin/cluster" -audit-log="${LOCAL_STATE}/audit.log" -hello-image="${LOCAL_REGISTRY}/hello:latest" -mirror="${LOCAL_REGISTRY}" "$@"
fi
if [[ "$*" == *shortlived* || "$*" == *overhead* ]]; then
  # What instances tell a collector.
  build_test_servers
fi
exec go run ./test/bench "$@"
