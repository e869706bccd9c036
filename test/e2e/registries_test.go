//go:build e2e

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

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// The nodes of the cluster do not know the registries that tests start: what is looked at there is the build.

// startRegistry starts one that the test has to itself, and returns its address.
func (s *scenario) startRegistry(settings *test.ServerSettings) string {
	s.Helper()
	s.startServer(test.ServerRegistry, settings)
	return test.ServerHost(s.namespace, test.ServerRegistry) + ":5000"
}

// pushedTo returns a function in Python that is pushed to a registry of plain http.
func (s *scenario) pushedTo(registry, name string) *v1alpha1.LambdaFunction {
	fn := test.NewPythonFunction(s.namespace, name, answering(name))
	fn.Spec.Build.Registry, fn.Spec.Build.Insecure = registry+"/functions", true
	return fn
}

func (s *scenario) putFault(fault test.Fault) {
	s.Helper()
	if err := clients.PutFault(interrupted, s.namespace, fault); err != nil {
		s.Fatal(err)
	}
}

// awaitBuilt waits until the image is pushed, however often that failed before.
func (s *scenario) awaitBuilt(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	s.Helper()
	return s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsTrue()
	})
}

// wantNotBuilt waits until the build has failed for that reason, and looks for text in the message.
func (s *scenario) wantNotBuilt(fn *v1alpha1.LambdaFunction, reason, text string) *v1alpha1.LambdaFunction {
	s.Helper()
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsFalse()
	})
	built := fn.Status.GetCondition(v1alpha1.ConditionBuildReady)
	if built.GetReason() != reason || !strings.Contains(built.GetMessage(), text) {
		s.Errorf("%s: BuildReady = %s %q, want %s with %q", fn.Name, built.GetReason(), built.GetMessage(), reason, text)
	}
	if strings.Contains(built.GetMessage()+fn.Status.BuildStatus.LogTail, password) {
		s.Errorf("%s: the status tells a password: %q, %q", fn.Name, built.GetMessage(), fn.Status.BuildStatus.LogTail)
	}
	return fn
}

// loginTo returns logins as Docker keeps them.
func (s *scenario) loginTo(registry, username, password string) string {
	s.Helper()
	logins, err := json.Marshal(map[string]map[string]map[string]string{
		"auths": {registry: {"auth": base64.StdEncoding.EncodeToString([]byte(username + ":" + password))}},
	})
	if err != nil {
		s.Fatal(err)
	}
	return string(logins)
}

func TestRegistryWithLogin(t *testing.T) {
	s := newScenario(t)
	registry := s.startRegistry(&test.ServerSettings{Username: username, Password: password})
	login := s.loginTo(registry, username, password)

	fn := s.wantNotBuilt(s.create(s.pushedTo(registry, "pushed")), v1alpha1.ReasonRegistryDenied, "imagePullSecret")
	if got, want := fn.Status.BuildStatus.LogTail, "401"; !strings.Contains(got, want) {
		t.Errorf("logTail = %q, want it to have %q", got, want)
	}
	secret := s.createSecret("login", corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login})
	s.awaitBuilt(s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build.ImagePullSecret = secret.Name }))

	// Secrets of no use, and what mends them.
	invalid := string(source.ReasonSecretInvalid)
	missing, keys, other, wrong := s.pushedTo(registry, "missing"), s.pushedTo(registry, "keys"), s.pushedTo(registry, "other"), s.pushedTo(registry, "wrong")
	missing.Spec.Build.ImagePullSecret = "late"
	keys.Spec.Build.ImagePullSecret = s.createSecret("keys", corev1.SecretTypeOpaque, map[string]string{"username": username, "password": password}).Name
	other.Spec.Build.ImagePullSecret = s.createSecret("other", corev1.SecretTypeOpaque, map[string]string{
		corev1.DockerConfigJsonKey: s.loginTo("ghcr.io", username, password),
	}).Name
	wrong.Spec.Build.ImagePullSecret = s.createSecret("wrong", corev1.SecretTypeOpaque, map[string]string{
		corev1.DockerConfigJsonKey: s.loginTo(registry, username, "wrong"),
	}).Name
	missing, keys, other, wrong = s.create(missing), s.create(keys), s.create(other), s.create(wrong)
	s.wantNotBuilt(missing, invalid, `"late" of spec.build.imagePullSecret is not there`)
	s.wantNotBuilt(keys, invalid, "it has: password, username")
	s.wantNotBuilt(other, invalid, "has no login for "+registry)
	s.wantNotBuilt(wrong, v1alpha1.ReasonRegistryDenied, "401")
	s.createSecret("late", corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login})
	for _, name := range []string{"keys", "other", "wrong"} {
		s.patchSecret(name, corev1.DockerConfigJsonKey, login)
	}
	for _, fn := range []*v1alpha1.LambdaFunction{missing, keys, other, wrong} {
		s.awaitBuilt(fn)
	}
}

// TestRegistryWithOtherLogins pushes with what Secrets may hold beside .dockerconfigjson.
func TestRegistryWithOtherLogins(t *testing.T) {
	const key = `{"type":"service_account","private_key":"` + password + `"}`
	s := newScenario(t)
	registry := s.startRegistry(&test.ServerSettings{Username: "_json_key", Password: key})
	google, old := s.pushedTo(registry, "google"), s.pushedTo(registry, "old")
	google.Spec.Build.RegistryType = v1alpha1.RegistryTypeGCR
	google.Spec.Build.ImagePullSecret = s.createSecret("google", corev1.SecretTypeOpaque, map[string]string{"key.json": key}).Name
	logins := s.loginTo(registry, "_json_key", key)
	old.Spec.Build.ImagePullSecret = s.createSecret("old", corev1.SecretTypeDockercfg, map[string]string{
		corev1.DockerConfigKey: strings.TrimSuffix(strings.TrimPrefix(logins, `{"auths":`), "}"),
	}).Name
	google, old = s.create(google), s.create(old)
	s.awaitBuilt(google)
	s.awaitBuilt(old)
}

// TestRegistryOfPrivateAuthority pushes where the certificate is of nobody that is known: one function brings it in its
// Secret, the other has it from the cluster.
func TestRegistryOfPrivateAuthority(t *testing.T) {
	s := newScenario(t)
	certificate, key, err := test.NewCertificate(test.ServerHost(s.namespace, test.ServerRegistry))
	if err != nil {
		t.Fatal(err)
	}
	registry := s.startRegistry(&test.ServerSettings{Certificate: certificate, Key: key, Username: username, Password: password})
	login := s.loginTo(registry, username, password)
	function := func(name string) *v1alpha1.LambdaFunction {
		fn := s.pushedTo(registry, name)
		fn.Spec.Build.Insecure = false
		fn.Spec.Build.ImagePullSecret = s.createSecret(name, corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}).Name
		return s.create(fn)
	}
	own, all := function("own"), function("all")
	s.wantNotBuilt(own, v1alpha1.ReasonRegistryCertificateInvalid, "ca.crt")
	s.wantNotBuilt(all, v1alpha1.ReasonRegistryCertificateInvalid, "registry-ca")

	s.patchSecret("own", "ca.crt", string(certificate))
	s.awaitBuilt(own)
	s.configure(config.BuildConfigName, map[string]string{"registry-ca": string(certificate)})
	s.awaitBuilt(all)
	// One that needs neither login nor certificate of its own is told of the former.
	open := s.pushedTo(registry, "open")
	open.Spec.Build.Insecure = false
	s.wantNotBuilt(s.create(open), v1alpha1.ReasonRegistryDenied, "spec.build.imagePullSecret")
}

// TestRegistryFails has a registry refuse pushes, or fail for a while: each function says why, and is built once it does
// so no more.
func TestRegistryFails(t *testing.T) {
	s := newScenario(t)
	registry := s.startRegistry(&test.ServerSettings{})
	var functions []*v1alpha1.LambdaFunction
	for _, fault := range []struct {
		name         string
		fault        test.Fault
		reason, text string
	}{
		{"denied", test.Fault{Status: 403, OnlyPushes: true}, v1alpha1.ReasonRegistryDenied, "DENIED"},
		{"no-repository", test.Fault{Status: 404, OnlyPushes: true}, v1alpha1.ReasonRepositoryNotFound, "create it there"},
		{"too-many", test.Fault{Status: 429, OnlyPushes: true}, v1alpha1.ReasonRegistryUnavailable, "TOOMANYREQUESTS"},
		{"broken", test.Fault{Status: 500}, v1alpha1.ReasonRegistryUnavailable, "500"},
	} {
		// The builds before are tried again meanwhile, and fail for this.
		s.putFault(fault.fault)
		functions = append(functions, s.wantNotBuilt(s.create(s.pushedTo(registry, fault.name)), fault.reason, fault.text))
	}
	s.putFault(test.Fault{})
	for _, fn := range functions {
		s.awaitBuilt(fn)
	}
}

// TestPullRegistry pushes through a Service, whose name nodes do not know, and pulls from the cluster's registry by its
// own address.
func TestPullRegistry(t *testing.T) {
	s := newScenario(t)
	before := s.buildConfig()
	host, path, _ := strings.Cut(before["registry"], "/")
	service := s.createAlias(host)
	pushed := strings.TrimSuffix(service+"/"+path, "/")
	s.configure(config.BuildConfigName, map[string]string{
		"registry": pushed, "pull-registry": before["registry"], "insecure-registries": before["insecure-registries"] + "," + service,
	})
	fn := s.create(test.NewPythonFunction(s.namespace, "mapped", answering("mapped")))
	want := pushed + "/" + s.namespace + "/mapped:"
	// The operator may hear of the function before it hears of its configuration.
	s.wait(func(ctx context.Context) error {
		return test.Await(ctx, clients.Tekton.TektonV1().TaskRuns(s.namespace), test.ChildrenOf(fn), func(taskRuns []*tektonv1.TaskRun) (bool, error) {
			return slices.ContainsFunc(taskRuns, func(taskRun *tektonv1.TaskRun) bool {
				return taskRun.IsSuccessful() && slices.ContainsFunc(taskRun.Status.Results, func(result tektonv1.TaskRunResult) bool {
					return result.Name == resources.ResultImageURL && strings.HasPrefix(result.Value.StringVal, want)
				})
			}), nil
		})
	})
	fn = s.awaitMended(fn)
	s.wantText(fn, "mapped")
	if got, want := fn.Status.BuildStatus.ImageURI, before["registry"]+"/"+s.namespace+"/mapped@sha256:"; !strings.HasPrefix(got, want) {
		t.Errorf("imageURI = %q, want %s...", got, want)
	}
}

// createAlias creates a Service that leads to an address and port outside of the cluster, and returns its name with the
// port.
func (s *scenario) createAlias(address string) string {
	s.Helper()
	const name, portName = "alias", "registry"
	ip, text, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(ip) == nil {
		s.Fatalf("registry of ConfigMap config-build begins with %q, want an IP address with a port: a Service cannot lead to another", address)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		s.Fatal(err)
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}}
	service.Spec.Ports = []corev1.ServicePort{{Name: portName, Port: int32(port)}}
	if _, err := clients.Kube.CoreV1().Services(s.namespace).Create(interrupted, service, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create Service %q: %v", name, err)
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{ip}}},
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.String(portName), Port: ptr.Int32(int32(port))}},
	}
	if _, err := clients.Kube.DiscoveryV1().EndpointSlices(s.namespace).Create(interrupted, slice, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create EndpointSlice %q: %v", name, err)
	}
	return net.JoinHostPort(name+"."+s.namespace+".svc.cluster.local", text)
}
