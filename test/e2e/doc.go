/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

// Package e2e has the tests that need a cluster with the operator. They are built with the tag e2e, and run by
// `make e2e`: against the local cluster, or one of the user's. There, allowed-networks of ConfigMap config-build must have
// the network of Services: functions are fetched from servers within the cluster. Its registry begins with an IP address and a
// port, and speaks plain http: a Service that leads there is pushed through.
package e2e
