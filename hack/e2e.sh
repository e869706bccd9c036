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

# Runs the end-to-end tests against the operator that is installed. Arguments go to `go test`.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/environment.sh
source hack/environment.sh

# As ko builds: so that packages compiled for the one are there for the other.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"

if ! own_cluster; then
  # One that the demo started has not the base images of all languages.
  local_cluster up
  # Where a test can see who wrote what.
  export AUDIT_LOG="${LOCAL_STATE}/audit.log"
fi
use_cluster
# What functions come from and are pushed to in the tests.
build_test_servers
# The command line that is tried.
export KN_LAMBDA="${CACHE}/bin/kn-lambda"
go build -ldflags '-s -w' -o "${KN_LAMBDA}" ./cmd/kn-lambda
# One run at a time has a cluster: what is there was left by one that was killed.
kubectl delete namespace --selector app.kubernetes.io/part-of=knative-lambda-e2e --ignore-not-found --wait=false
exec ./hack/gotest.sh . testname -tags=e2e -count=1 -timeout=60m ./test/e2e/... "$@"
