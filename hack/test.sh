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

# Runs all that proves a change, and ends with what failed and how much passed. It goes on after a failure, and takes
# away the cluster that it started, also when it is interrupted.

set -o errexit -o nounset -o pipefail
# Jobs get process groups of their own, so that an interrupted one can be ended with all it started.
set -o monitor

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

TALLY=$(mktemp)
FAILED=$(mktemp)
export TALLY FAILED
job=""
started_cluster=""

# run runs a command, waiting for it in a way that a signal interrupts.
function run() {
  local status=0
  "$@" </dev/null &
  job=$!
  wait "${job}" || status=$?
  job=""
  return "${status}"
}

# check runs what is one check: it passes or fails as a whole.
function check() {
  step "$1"
  if run "${@:2}"; then
    echo "1 0" >>"${TALLY}"
  else
    failed "$1"
    return 1
  fi
}

# tests runs what counts its tests itself.
function tests() {
  step "$1"
  local before
  before=$(failures)
  if ! run "${@:2}"; then
    # Where it did not come to counting, the whole is what failed.
    if (($(failures) > before)); then
      step "FAILED: $1"
    else
      failed "$1"
    fi
  fi
}

# failed counts as failed, and names, what is one check.
function failed() {
  step "FAILED: $1"
  echo "0 1" >>"${TALLY}"
  echo "$1" >>"${FAILED}"
}

function passes() {
  awk '{ n += $1 } END { print n + 0 }' "${TALLY}"
}

function failures() {
  awk '{ n += $2 } END { print n + 0 }' "${TALLY}"
}

# start_cluster starts the local cluster, unless one is up already: that is the user's, and stays.
function start_cluster() {
  if own_cluster; then
    return
  fi
  if [[ -f "${TEST_RUN}" ]]; then
    if grep --quiet --text hack/test.sh "/proc/$(<"${TEST_RUN}")/cmdline" 2>/dev/null; then
      failed "another test run, process $(<"${TEST_RUN}"), has the local cluster"
      return 1
    fi
    check "clear the cluster that a killed run left" local_cluster down || return 1
  fi
  if local_cluster status >/dev/null 2>&1; then
    return
  fi
  started_cluster=yes
  check "start the local cluster" local_cluster up || return 1
  echo "$$" >"${TEST_RUN}"
}

function end_job() {
  kill -TERM -- "-${job}" 2>/dev/null || return 0
  for _ in {1..150}; do
    kill -0 -- "-${job}" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -KILL -- "-${job}" 2>/dev/null || true
}

function finish() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  set +o errexit
  if [[ -n "${job}" ]]; then
    end_job
    failed "interrupted"
  fi
  if [[ -n "${started_cluster}" ]]; then
    check "remove the cluster" local_cluster down
  fi
  local passed failures
  passed=$(passes) failures=$(failures)
  if ((failures > 0 && status == 0)); then
    status=1
  fi
  step "done"
  sed 's/^/FAILED /' "${FAILED}"
  rm -f "${TALLY}" "${FAILED}"
  echo "${passed} passed, ${failures} failed"
  exit "${status}"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

check "lint" ./hack/lint.sh || true
check "generated code" ./hack/verify-codegen.sh || true
tests "unit tests" ./hack/unit.sh
if start_cluster && check "install the operator" ./hack/install.sh; then
  tests "end-to-end tests" ./hack/e2e.sh
fi
