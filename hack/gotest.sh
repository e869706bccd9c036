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

# Runs `go test` in a module: hack/gotest.sh FOLDER FORMAT ARGUMENTS... With TALLY in the environment, a line with how
# many tests passed and how many failed is added to that file, and with FAILED a line for each test and
# package that failed.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../$1"
export TALLY="${TALLY:-/dev/null}"
# A package that does not compile is an error, and a failed test here.
# shellcheck disable=SC2016 # gotestsum sets the variables
readonly COUNT='sh -c "echo $((TESTS_TOTAL - TESTS_FAILED - TESTS_SKIPPED)) $((TESTS_FAILED + TESTS_ERRORS)) >>$TALLY"'
events=$(mktemp)
trap 'rm -f "${events}"' EXIT
status=0
go run gotest.tools/gotestsum@v1.13.0 --format "$2" --format-hide-empty-pkg --post-run-command "${COUNT}" \
  --jsonfile "${events}" -- "${@:3}" || status=$?
# A package that does not compile, or that panics, has no test to name.
sed --quiet --regexp-extended 's/.*"Action":"fail","Package":"([^"]*)"(,"Test":"([^"]*)")?.*/\1 \3/p' "${events}" >>"${FAILED:-/dev/null}"
exit "${status}"
