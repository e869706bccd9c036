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

package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed config
var configTemplates embed.FS

// configurations says where each of the templates goes, below the state's folder config.
var configurations = map[string]string{
	"audit-policy.yaml": "audit-policy.yaml",
	"kubelet.yaml":      "kubelet.yaml",
	"containerd.toml":   "containerd.toml",
	"hosts.toml":        "certs.d/_default/hosts.toml",
	"cni.conflist":      "cni/10-cluster.conflist",
	"Corefile":          "Corefile",
	"resolv.conf":       "resolv.conf",
}

// writeConfiguration writes the configuration files of the daemons.
func (c *cluster) writeConfiguration() error {
	mtu, err := defaultRouteMTU()
	if err != nil {
		return err
	}
	values := map[string]string{
		"Name": name, "State": c.state, "Registry": registryAddress, "HostIP": hostIP, "DNSIP": dnsIP,
		"PodCIDR": podCIDR, "MTU": mtu,
	}
	templates, err := template.New("").Option("missingkey=error").ParseFS(configTemplates, "config/*")
	if err != nil {
		return fmt.Errorf("failed to parse the configuration templates: %w", err)
	}
	for source, target := range configurations {
		if err := writeTemplate(templates.Lookup(source), c.path("config", target), values); err != nil {
			return fmt.Errorf("failed to write the configuration %s: %w", target, err)
		}
	}
	return nil
}

func writeTemplate(t *template.Template, path string, values map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := t.Execute(f, values); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
