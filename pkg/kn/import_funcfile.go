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

package kn

// funcSpecVersions are those of a func.yaml that funcFile has the fields of.
var funcSpecVersions = []string{"0.34.0", "0.35.0", "0.36.0"}

// funcFile is a func.yaml, of the spec versions that are read.
type funcFile struct {
	SpecVersion string `json:"specVersion"`
	Name        string `json:"name"`
	Domain      string `json:"domain"`
	Namespace   string `json:"namespace"`
	Runtime     string `json:"runtime"`
	Registry    string `json:"registry"`
	Image       string `json:"image"`
	ImageDigest string `json:"imageDigest"`
	Created     string `json:"created"`
	Invoke      string `json:"invoke"`
	// Invocation is what Invoke was in 0.34.0.
	Invocation struct {
		Format string `json:"format"`
	} `json:"invocation"`
	Build struct {
		Git struct {
			URL        string `json:"url"`
			Revision   string `json:"revision"`
			ContextDir string `json:"contextDir"`
		} `json:"git"`
		BuilderImages      map[string]string `json:"builderImages"`
		Buildpacks         []string          `json:"buildpacks"`
		Builder            string            `json:"builder"`
		BuildEnvs          []funcEnv         `json:"buildEnvs"`
		PVCSize            string            `json:"pvcSize"`
		RemoteStorageClass string            `json:"remoteStorageClass"`
	} `json:"build"`
	Run struct {
		Volumes            []map[string]any `json:"volumes"`
		Envs               []funcEnv        `json:"envs"`
		PodSecurityContext map[string]any   `json:"podSecurityContext"`
		StartTimeout       any              `json:"startTimeout"`
	} `json:"run"`
	Deploy funcDeploy `json:"deploy"`
}

// funcEnv is a variable: a value, or a reference in braces. A reference to all of a Secret has no name.
type funcEnv struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type funcDeploy struct {
	Namespace   string            `json:"namespace"`
	Image       string            `json:"image"`
	Annotations map[string]string `json:"annotations"`
	Options     struct {
		Scale struct {
			Min         *int64   `json:"min"`
			Max         *int64   `json:"max"`
			Metric      string   `json:"metric"`
			Target      *float64 `json:"target"`
			Utilization *float64 `json:"utilization"`
		} `json:"scale"`
		Resources struct {
			Requests struct {
				CPU    string `json:"cpu"`
				Memory string `json:"memory"`
			} `json:"requests"`
			Limits struct {
				CPU         string `json:"cpu"`
				Memory      string `json:"memory"`
				Concurrency *int64 `json:"concurrency"`
			} `json:"limits"`
		} `json:"resources"`
	} `json:"options"`
	Labels []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"labels"`
	HealthEndpoints struct {
		Liveness  string `json:"liveness"`
		Readiness string `json:"readiness"`
	} `json:"healthEndpoints"`
	ServiceAccountName string `json:"serviceAccountName"`
	Remote             bool   `json:"remote"`
	Subscriptions      []struct {
		Source  string            `json:"source"`
		Filters map[string]string `json:"filters"`
	} `json:"subscriptions"`
}
