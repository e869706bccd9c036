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

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	servingclientset "knative.dev/serving/pkg/client/clientset/versioned"

	lambdaclientset "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned"
	lambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/typed/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
	"github.com/knative-lambda/knative-lambda-operator/pkg/portforward"
)

// knPlugin is how the command is called as a plugin of kn.
const knPlugin = "kn lambda"

// session is what the verbs share: the cluster that the flags name, and how it is talked to.
type session struct {
	// called is how the command was called: knPlugin, or as a plugin of kubectl.
	called string
	flags  *genericclioptions.ConfigFlags
	// connect makes the clients when they are first asked for: verbs without a cluster, and --help, need none.
	connect func() (*clients, error)
	// namespace is that of --namespace, else that of the kubeconfig's context.
	namespace func() (string, error)
	now       func() time.Time
	// every is how long to wait before something is looked at again that cannot be watched.
	every time.Duration
	// terminal is true where somebody sits who can be asked.
	terminal func(any) bool
	// colored is true of what takes colors: a terminal that has some, unless NO_COLOR says otherwise (https://no-color.org).
	colored func(io.Writer) bool
}

// clients talk to the API server.
type clients struct {
	lambda  lambdaclientset.Interface
	kube    kubernetes.Interface
	serving servingclientset.Interface
	// dynamic is for the kinds of Tekton and Eventing, which a cluster may be without.
	dynamic dynamic.Interface
	// forward makes a port of a pod reachable through the API server, at address until stop.
	forward func(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error)
	// authorized has requests carry what the kubeconfig logs in with, as far as a header can: a token, whoever issues it.
	authorized func(http.RoundTripper) (http.RoundTripper, error)
}

// newSession makes a session. What the API server warns of is written to warnings.
func newSession(warnings io.Writer) *session {
	flags := &genericclioptions.ConfigFlags{
		KubeConfig: ptr.To(""), Context: ptr.To(""), Namespace: ptr.To(""), Impersonate: ptr.To(""), ImpersonateGroup: ptr.To([]string{}),
	}
	return &session{
		called:  knPlugin,
		flags:   flags,
		connect: sync.OnceValues(func() (*clients, error) { return newClients(flags, warnings) }),
		namespace: func() (string, error) {
			namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
			return namespace, err
		},
		now:      time.Now,
		every:    lookEvery,
		terminal: printers.IsTerminal,
		colored:  printers.AllowsColorOutput,
	}
}

func newClients(flags *genericclioptions.ConfigFlags, warnings io.Writer) (*clients, error) {
	cfg, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	// The client's default of 5 requests a second is for controllers: a person waits for all that one verb asks.
	cfg.QPS, cfg.Burst = 50, 100
	cfg.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	c := &clients{}
	if c.lambda, err = lambdaclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of functions: %w", err)
	}
	if c.kube, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Kubernetes: %w", err)
	}
	if c.serving, err = servingclientset.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of Knative Serving: %w", err)
	}
	if c.dynamic, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("failed to make the client of other kinds: %w", err)
	}
	c.forward = func(ctx context.Context, namespace, pod string, port int) (string, func(), error) {
		return portforward.Pod(ctx, cfg, c.kube, namespace, pod, port)
	}
	c.authorized = func(next http.RoundTripper) (http.RoundTripper, error) {
		return rest.HTTPWrappersForConfig(cfg, next)
	}
	return c, nil
}

// open returns the clients, and the namespace that is meant.
func (s *session) open() (c *clients, namespace string, err error) {
	if namespace, err = s.namespace(); err != nil {
		return nil, "", err
	}
	c, err = s.connect()
	return c, namespace, err
}

// function returns the clients, and the function of the name for which a verb is meant.
func (s *session) function(ctx context.Context, name, verb string) (*clients, *v1alpha1.LambdaFunction, error) {
	c, namespace, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	fn, err := c.functions(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, nil, functionError(err, verb, namespace, name)
	}
	return c, fn, nil
}

func (c *clients) functions(namespace string) lambdaclient.LambdaFunctionInterface {
	return c.lambda.LambdaV1alpha1().LambdaFunctions(namespace)
}

func (c *clients) agents(namespace string) lambdaclient.LambdaAgentInterface {
	return c.lambda.LambdaV1alpha1().LambdaAgents(namespace)
}

// configMap returns the data of a ConfigMap. One that is not there is empty: its defaults hold.
func (c *clients) configMap(ctx context.Context, namespace, name string) (map[string]string, error) {
	cm, err := c.kube.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return cm.Data, nil
}

// diagnosis returns what a diagnosis reads with.
func (c *clients) diagnosis() *diagnosis.Clients {
	return &diagnosis.Clients{Lambda: c.lambda, Kube: c.kube, Serving: c.serving, Dynamic: c.dynamic}
}

// addFlags gives a verb, and those below it, the flags that say which cluster and namespace are meant.
func (s *session) addFlags(cmd *cobra.Command) {
	s.flags.AddFlags(cmd.PersistentFlags())
	complete(cmd, "namespace", s.completeNamespaces)
	complete(cmd, "context", s.completeContexts)
	complete(cmd, "kubeconfig", files)
}
