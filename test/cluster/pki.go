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
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// authority signs the certificates of one cluster. It is made with the cluster, and goes with it.
type authority struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	now         time.Time
}

// identity is whom a certificate names: clients by user and groups, servers by names and addresses as well.
type identity struct {
	file      string
	user      string
	groups    []string
	names     []string
	addresses []string
}

// identities is everyone who talks to anyone in the cluster. Kubernetes' own roles know the system: users.
var identities = []identity{
	{file: "admin", user: "admin", groups: []string{"system:masters"}},
	{file: "kube-controller-manager", user: "system:kube-controller-manager"},
	{file: "kube-scheduler", user: "system:kube-scheduler"},
	{file: "kube-proxy", user: "system:kube-proxy"},
	{file: "kubelet", user: "system:node:" + name, groups: []string{"system:nodes"}},
	{file: "kubelet-server", user: name, names: []string{name}, addresses: []string{nodeIP}},
	{file: "kube-apiserver-kubelet", user: kubeletClient},
	{file: "kube-apiserver-etcd", user: "kube-apiserver"},
	{file: "etcd", user: "etcd", names: []string{"localhost"}, addresses: []string{"127.0.0.1"}},
	{
		file: "kube-apiserver", user: "kube-apiserver",
		names: []string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		},
		addresses: []string{nodeIP, kubernetesIP},
	},
}

// kubeletClient is the API server when it reads logs or opens a shell; manifests/rbac.yaml says what it may do.
const kubeletClient = "kube-apiserver-kubelet-client"

// createPKI makes the authority, every certificate, the key that signs service account tokens, and the kubeconfigs.
func (c *cluster) createPKI() error {
	folder := c.path("pki")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("failed to make %s: %w", folder, err)
	}
	ca, err := newAuthority(folder, time.Now())
	if err != nil {
		return err
	}
	for _, id := range identities {
		if err := ca.issue(id); err != nil {
			return fmt.Errorf("failed to issue the certificate of %s: %w", id.file, err)
		}
	}
	if err := createTokenKey(folder); err != nil {
		return err
	}
	for _, user := range []string{"kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"} {
		if err := c.writeKubeconfig(user, c.path("pki", user+".kubeconfig")); err != nil {
			return err
		}
	}
	return c.writeKubeconfig("admin", c.kubeconfig())
}

func newAuthority(folder string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("failed to generate the authority's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	ca := &authority{folder: folder, key: key, certificate: template, now: now}
	ca.certificate, err = ca.sign(template, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	return ca, writePEM(filepath.Join(folder, "ca.crt"), "CERTIFICATE", ca.certificate.Raw)
}

func (ca *authority) issue(id identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: id.user, Organization: id.groups},
		DNSNames:    id.names,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, address := range id.addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if id.file == "etcd" { // its one member is also its own peer
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	certificate, err := ca.sign(template, &key.PublicKey)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(ca.folder, id.file+".crt"), "CERTIFICATE", certificate.Raw); err != nil {
		return err
	}
	return writeKey(filepath.Join(ca.folder, id.file+".key"), key)
}

func (ca *authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = ca.now.Add(-time.Minute)
	template.NotAfter = ca.now.AddDate(1, 0, 0)
	raw, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key, ca.key)
	if err != nil {
		return nil, fmt.Errorf("failed to sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(raw)
}

// createTokenKey makes the pair that service account tokens are signed and checked with.
func createTokenKey(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("failed to generate the token key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("failed to encode the token key: %w", err)
	}
	if err := writePEM(filepath.Join(folder, "token.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return writeKey(filepath.Join(folder, "token.key"), key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("failed to encode %s: %w", path, err)
	}
	return writePEM(path, "EC PRIVATE KEY", raw)
}

func writePEM(path, kind string, content []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		return fmt.Errorf("failed to write %s: %w", path, err)
	}
	return nil
}

// writeKubeconfig writes one that stands alone: certificates are in it, so that it can be copied elsewhere.
func (c *cluster) writeKubeconfig(user, path string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: apiServerURL, CertificateAuthority: c.path("pki", "ca.crt")}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificate: c.path("pki", user+".crt"), ClientKey: c.path("pki", user+".key"),
	}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return fmt.Errorf("failed to make the kubeconfig of %s: %w", user, err)
	}
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("failed to write %s: %w", path, err)
	}
	return nil
}
