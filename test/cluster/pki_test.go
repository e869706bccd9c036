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
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func TestPKI(t *testing.T) {
	c := testCluster(t)
	if err := c.createPKI(); err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if !authorities.AppendCertsFromPEM(ca) {
		t.Fatal("the authority's certificate does not parse")
	}
	for _, id := range identities {
		t.Run(id.file, func(t *testing.T) {
			pair, err := tls.LoadX509KeyPair(c.path("pki", id.file+".crt"), c.path("pki", id.file+".key"))
			if err != nil {
				t.Fatal(err)
			}
			usage := x509.ExtKeyUsageClientAuth
			if len(id.addresses) > 0 {
				usage = x509.ExtKeyUsageServerAuth
			}
			options := x509.VerifyOptions{Roots: authorities, KeyUsages: []x509.ExtKeyUsage{usage}}
			if _, err := pair.Leaf.Verify(options); err != nil {
				t.Errorf("failed to verify: %v", err)
			}
			if pair.Leaf.Subject.CommonName != id.user {
				t.Errorf("user = %q, want %q", pair.Leaf.Subject.CommonName, id.user)
			}
			for _, host := range append(id.names, id.addresses...) {
				if err := pair.Leaf.VerifyHostname(host); err != nil {
					t.Errorf("failed to verify as %s: %v", host, err)
				}
			}
		})
	}
}

func TestKeysAreSecret(t *testing.T) {
	c := testCluster(t)
	if err := c.createPKI(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(c.path("pki", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, c.kubeconfig()) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", file, info.Mode())
		}
	}
}

func TestKubeconfigStandsAlone(t *testing.T) {
	c := testCluster(t)
	if err := c.createPKI(); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if config.Insecure || config.CAFile != "" || len(config.CAData) == 0 || len(config.CertData) == 0 || config.Host != apiServerURL {
		t.Errorf("kubeconfig = %v, want embedded certificates for %s", config, apiServerURL)
	}
}

func TestKubeconfigNeedsItsCertificate(t *testing.T) {
	if err := testCluster(t).writeKubeconfig("nobody", filepath.Join(t.TempDir(), "kubeconfig")); err == nil {
		t.Error("writeKubeconfig() wrote one without a certificate")
	}
}

func TestCertificatesAreOfTheirTime(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	ca, err := newAuthority(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	if !ca.certificate.NotBefore.Before(now) || !ca.certificate.NotAfter.After(now.AddDate(0, 11, 0)) {
		t.Errorf("valid from %v to %v, want a year from %v", ca.certificate.NotBefore, ca.certificate.NotAfter, now)
	}
}
