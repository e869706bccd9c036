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

package test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	apierrs "k8s.io/apimachinery/pkg/api/errors"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/pkg/ptr"
)

// ServersVariable is the environment variable that names the image of module test/servers.
const ServersVariable = "LAMBDA_TEST_SERVERS"

// ServerKind is what a server serves.
type ServerKind string

// The servers there are, and where they listen.
const (
	// ServerGit listens at 8443 for https and 2222 for ssh.
	ServerGit ServerKind = "git"
	// ServerS3 listens at 9000.
	ServerS3 ServerKind = "s3"
	// ServerGCS listens at 4443. With a password it asks for a token, which it hands out at /token.
	ServerGCS ServerKind = "gcs"
	// ServerRegistry listens at 5000.
	ServerRegistry ServerKind = "registry"
	// ServerOTLP is a collector, which listens at 4317 for gRPC and 4318 for HTTP.
	ServerOTLP ServerKind = "otlp"
	// ServerModel has models, by the APIs of Ollama and OpenAI, at 11434.
	ServerModel ServerKind = "model"

	adminPort = 8081
)

var serverPorts = map[ServerKind][]int32{ServerGit: {8443, 2222}, ServerS3: {9000}, ServerGCS: {4443}, ServerRegistry: {5000}, ServerOTLP: {4317, 4318}, ServerModel: {11434}}

// ServerSettings say who is let in, and how. Each may be empty.
type ServerSettings struct {
	// Certificate and Key are for TLS, in PEM.
	Certificate, Key []byte
	// Username and Password are asked for over HTTP. For S3 they are an access key.
	Username, Password string
	// HostKey is the private key of the ssh server, AuthorizedKey the public one of who is let in.
	HostKey, AuthorizedKey []byte
}

func (s *ServerSettings) data() map[string][]byte {
	return map[string][]byte{
		"tls.crt": s.Certificate, "tls.key": s.Key, "username": []byte(s.Username), "password": []byte(s.Password),
		"ssh-hostkey": s.HostKey, "ssh-authorized": s.AuthorizedKey,
	}
}

// SplitDigest returns the parts of an image that is named by digest.
func SplitDigest(image string) (repository, digest string) {
	repository, digest, _ = strings.Cut(image, "@")
	// A tag beside a digest says nothing.
	if i := strings.LastIndex(repository, ":"); i > strings.LastIndex(repository, "/") {
		repository = repository[:i]
	}
	return repository, digest
}

// ServerHost returns the name by which pods reach the server of a namespace.
func ServerHost(namespace string, kind ServerKind) string {
	return string(kind) + "." + namespace + ".svc.cluster.local"
}

// StartServer starts a server, also one that was stopped, and returns when it serves. It ends with its namespace.
func (c *Clients) StartServer(ctx context.Context, namespace string, kind ServerKind, settings *ServerSettings) error {
	image := os.Getenv(ServersVariable)
	if image == "" {
		return fmt.Errorf("%s names no image: run the tests by hack/e2e.sh", ServersVariable)
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: string(kind), Labels: map[string]string{"app": string(kind)}}
	_, err := c.Kube.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: meta, Data: settings.data()}, metav1.CreateOptions{})
	if err != nil && !apierrs.IsAlreadyExists(err) {
		return fmt.Errorf("failed to create the settings of server %q: %w", kind, err)
	}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: meta.Labels}}
	for _, port := range serverPorts[kind] {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("port-", port), Port: port})
	}
	if _, err := c.Kube.CoreV1().Services(namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil && !apierrs.IsAlreadyExists(err) {
		return fmt.Errorf("failed to create the Service of server %q: %w", kind, err)
	}
	pods := c.Kube.CoreV1().Pods(namespace)
	if _, err := pods.Create(ctx, serverPod(meta, image), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("failed to create the pod of server %q: %w", kind, err)
	}
	_, err = AwaitOne(ctx, pods, meta.Name, func(pod *corev1.Pod) (bool, error) {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	return err
}

// StopServer takes a server away, and returns when it is gone. What it kept is gone, too; its name stays.
func (c *Clients) StopServer(ctx context.Context, namespace string, kind ServerKind) error {
	pods := c.Kube.CoreV1().Pods(namespace)
	if err := pods.Delete(ctx, string(kind), metav1.DeleteOptions{GracePeriodSeconds: ptr.Int64(0)}); err != nil {
		return fmt.Errorf("failed to delete the pod of server %q: %w", kind, err)
	}
	return Await(ctx, pods, metav1.ListOptions{LabelSelector: "app=" + string(kind)}, func(left []*corev1.Pod) (bool, error) { return len(left) == 0, nil })
}

func serverPod(meta metav1.ObjectMeta, image string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		AutomountServiceAccountToken: ptr.Bool(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.Bool(true), RunAsUser: ptr.Int64(65532),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "server", Image: image, Args: []string{"--secret=/settings", meta.Name},
			ReadinessProbe: &corev1.Probe{
				PeriodSeconds: 1,
				ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health", Port: intstr.FromInt32(adminPort)}},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.Bool(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			VolumeMounts: []corev1.VolumeMount{{Name: "settings", MountPath: "/settings", ReadOnly: true}, {Name: "tmp", MountPath: "/tmp"}},
		}},
		Volumes: []corev1.Volume{
			{Name: "settings", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: meta.Name}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}}
}

// PutContent makes files all that a repository of a git server has on branch main, or a bucket of an object store, and
// returns the commit.
func (c *Clients) PutContent(ctx context.Context, namespace string, kind ServerKind, name string, files map[string][]byte) (string, error) {
	body, err := json.Marshal(files)
	if err != nil {
		return "", err
	}
	revision, err := c.Kube.CoreV1().RESTClient().Put().Namespace(namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", kind, adminPort)).SubResource("proxy").Suffix("content", name).Body(body).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("failed to put content into %q of server %q: %w", name, kind, err)
	}
	return string(bytes.TrimSpace(revision)), nil
}

// ModelState is how a server of models is.
type ModelState struct {
	// Models are those that it has.
	Models []string `json:"models"`
	// Key is what it asks for as a bearer token, where it asks for one.
	Key string `json:"key,omitempty"`
	// Status is what it answers in place of all else. 0 is no fault.
	Status int `json:"status,omitempty"`
	// Delay is how long it waits before each answer, in milliseconds.
	Delay int64 `json:"delay,omitempty"`
}

// SetModel says how the server of models of a namespace is from now on.
func (c *Clients) SetModel(ctx context.Context, namespace string, state ModelState) error {
	body, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("failed to write a state: %w", err)
	}
	_, err = c.Kube.CoreV1().RESTClient().Put().Namespace(namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", ServerModel, adminPort)).SubResource("proxy").Suffix("state").Body(body).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("failed to set the state of the models: %w", err)
	}
	return nil
}

// Span is what a collector has received of one. Ids are hexadecimal.
type Span struct {
	TraceID, SpanID, ParentID string
	Service, Name             string
	Start, End                time.Time
	Attributes                map[string]any
}

// Spans returns all that the collector of a namespace has received.
func (c *Clients) Spans(ctx context.Context, namespace string) (spans []Span, err error) {
	return spans, c.askCollector(ctx, namespace, "spans", &spans)
}

// Counters returns what all instances that have told the collector of a namespace have counted, by name and attributes, as
// in requests["a" = "b"].
func (c *Clients) Counters(ctx context.Context, namespace string) (counters map[string]int64, err error) {
	return counters, c.askCollector(ctx, namespace, "counters", &counters)
}

func (c *Clients) askCollector(ctx context.Context, namespace, what string, into any) error {
	answer, err := c.askServer(ctx, namespace, ServerOTLP, what)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

func (c *Clients) askServer(ctx context.Context, namespace string, kind ServerKind, what string) ([]byte, error) {
	answer, err := c.Kube.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", kind, adminPort)).SubResource("proxy").Suffix(what).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("failed to ask server %q for its %s: %w", kind, what, err)
	}
	return answer, nil
}

// Fault is what a registry answers in place of what it would.
type Fault struct {
	// Status is of 400 and above; 0 is no fault.
	Status int `json:"status"`
	// OnlyPushes spares requests that read.
	OnlyPushes bool `json:"onlyPushes"`
}

// PutFault has the registry of a namespace fail from now on, until the next call.
func (c *Clients) PutFault(ctx context.Context, namespace string, fault Fault) error {
	body, err := json.Marshal(fault)
	if err != nil {
		return err
	}
	err = c.Kube.CoreV1().RESTClient().Put().Namespace(namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", ServerRegistry, adminPort)).SubResource("proxy").Suffix("fault").Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("failed to have the registry fail: %w", err)
	}
	return nil
}

// Redirect makes a server send whoever asks for what is below a path, such as a repository or a bucket, to the same below
// target, which is a URL.
func (c *Clients) Redirect(ctx context.Context, namespace string, kind ServerKind, path, target string) error {
	err := c.Kube.CoreV1().RESTClient().Put().Namespace(namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", kind, adminPort)).SubResource("proxy").Suffix("redirects", path).Body([]byte(target)).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("failed to redirect %q of server %q: %w", path, kind, err)
	}
	return nil
}

// Connections returns how many connections a server has accepted since it started, those of this very question excepted.
func (c *Clients) Connections(ctx context.Context, namespace string, kind ServerKind) (int, error) {
	answer, err := c.askServer(ctx, namespace, kind, "connections")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(bytes.TrimSpace(answer)))
}

// NewCertificate makes a certificate of a server, which is its own authority, and its key, in PEM.
func NewCertificate(host string) (certificate, key []byte, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if address := net.ParseIP(host); address != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{address}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	pkcs8, keyErr := x509.MarshalPKCS8PrivateKey(private)
	if err := errors.Join(err, keyErr); err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// NewSSHKey makes a key for ssh: the private one as in a file, the public one as in authorized_keys.
func NewSSHKey() (private, public []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(signer.PublicKey()), nil
}
