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

# Fails where generated code is not what update-codegen.sh makes.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly GENERATED=(pkg/apis pkg/client config docs/cmd)
before=$(mktemp -d)
trap 'rm -rf "${before}"' EXIT
cp -a --parents "${GENERATED[@]}" "${before}"

./hack/update-codegen.sh

for folder in "${GENERATED[@]}"; do
  if ! diff --recursive --unified --no-dereference "${before}/${folder}" "${folder}"; then
    echo "ERROR: generated code is out of date: run ./hack/update-codegen.sh and commit what changes." >&2
    exit 1
  fi
done
