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

# Names for the scripts of hack/, which work without make too.
#
# Everything that needs a cluster takes the one of KUBECONFIG, or with USE_CLUSTER=1 that of kubectl's own settings.
# Where there is none it takes the local one, which needs root, and starts it.

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do \
		printf '  make %-16s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: ## From nothing to the answer of a function: cluster, operator, sample, calls
	@./hack/demo.sh

.PHONY: test
test: ## Everything that proves a change: lint, generated code, unit tests, end-to-end tests
	@./hack/test.sh

.PHONY: cluster-up
cluster-up: ## Start the local cluster: Kubernetes, Tekton, Knative, a registry
	@./hack/cluster.sh up

.PHONY: cluster-down
cluster-down: ## Remove the local cluster; what was built and downloaded stays cached
	@./hack/cluster.sh down

.PHONY: cluster-status
cluster-status: ## Say what of the local cluster runs
	@./hack/cluster.sh status

.PHONY: cluster-env
cluster-env: ## Print how a shell talks to the local cluster: eval "$(make -s cluster-env)"
	@./hack/cluster.sh env

.PHONY: install
install: ## Install the operator of this source tree into the cluster
	@./hack/install.sh

.PHONY: uninstall
uninstall: ## Remove the operator, and all functions with it
	@./hack/uninstall.sh

.PHONY: unit
unit: ## Run the unit tests, with the race detector
	@./hack/unit.sh

.PHONY: lint
lint: ## Check format and style of Go code and shell scripts
	@./hack/lint.sh

.PHONY: verify
verify: ## Check that generated code is up to date
	@./hack/verify-codegen.sh

.PHONY: e2e
e2e: ## Run the end-to-end tests against the operator that is installed: make e2e RUN=TestCloudEvents
	@./hack/e2e.sh $(if $(RUN),-run '$(RUN)')

.PHONY: bench
bench: ## Measure the operator that is installed, and print a table: make bench ARGS=-help
	@./hack/bench.sh $(ARGS)

.PHONY: bench-runtimes
bench-runtimes: ## Measure the runtime beside others, without a cluster: make bench-runtimes ARGS="-modes contract"
	@./hack/bench-runtimes.sh $(ARGS)
