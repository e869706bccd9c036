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
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/utils/ptr"
)

const (
	// sinkPort is where the sink has its API alone.
	sinkPort = 8081
	// tokenSeconds is how long a token holds that is made for a verb: longer than most redrives take.
	tokenSeconds = 3600
	// longestProblem is how much is read of an answer that is an error.
	longestProblem = 1 << 20
)

// sinkComponent selects the pods of the sink of dead letters.
var sinkComponent = labels.Set{"app.kubernetes.io/component": "deadletter"}

// sinkFlags say where the sink of dead letters is, and as whom it is asked.
type sinkFlags struct {
	operatorNamespace, serviceAccount string
}

func (f *sinkFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.operatorNamespace, "operator-namespace", "knative-lambda", "Namespace of Knative Lambda.")
	flags.StringVar(&f.serviceAccount, "service-account", "", "ServiceAccount of the namespace in whose name the sink is asked. By default the kubeconfig's user.")
}

// sink is the API of the dead letters of a namespace.
type sink struct {
	namespace string
	client    *http.Client
	stop      func()
}

// open makes a way to the sink.
func (f *sinkFlags) open(ctx context.Context, s *session) (*sink, error) {
	c, namespace, err := s.open()
	if err != nil {
		return nil, err
	}
	if f.serviceAccount == "" && (*s.flags.Impersonate != "" || len(*s.flags.ImpersonateGroup) > 0) {
		return nil, usagef("--as and --as-group: the sink of dead letters knows nothing of them: say --service-account NAME")
	}
	pod, err := c.readyPod(ctx, f.operatorNamespace, sinkComponent)
	if err != nil {
		return nil, err
	}
	if pod == "" {
		return nil, failf("name the namespace of Knative Lambda with --operator-namespace, or see what StatefulSet lambda-deadletter lacks there: kn lambda doctor",
			"no pod of the sink of dead letters is ready in namespace %q", f.operatorNamespace)
	}
	authorize := c.authorized
	if f.serviceAccount != "" {
		token, err := c.token(ctx, namespace, f.serviceAccount)
		if err != nil {
			return nil, err
		}
		authorize = func(next http.RoundTripper) (http.RoundTripper, error) {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				request.Header.Set("Authorization", "Bearer "+token)
				return next.RoundTrip(request)
			}), nil
		}
	}
	address, stop, err := c.forward(ctx, f.operatorNamespace, pod, sinkPort)
	if err != nil {
		return nil, fmt.Errorf("failed to reach the sink of dead letters: %w", err)
	}
	client := newHTTPClient(address)
	if client.Transport, err = authorize(withToken(client.Transport)); err != nil {
		stop()
		return nil, fmt.Errorf("failed to read how the kubeconfig logs in: %w", err)
	}
	return &sink{namespace: namespace, client: client, stop: stop}, nil
}

// token asks for a token of a ServiceAccount.
func (c *clients) token(ctx context.Context, namespace, serviceAccount string) (string, error) {
	made, err := c.kube.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, serviceAccount, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](tokenSeconds)},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("failed to make a token of ServiceAccount %q in namespace %q: %w", serviceAccount, namespace, err)
	}
	return made.Status.Token, nil
}

// roundTripper is a function that sends requests.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// withToken refuses requests that have no bearer token: other ways to log in are between the API server and the kubeconfig,
// and a password is not the sink's to see.
func withToken(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if !strings.HasPrefix(request.Header.Get("Authorization"), "Bearer ") {
			return nil, failf("say --service-account NAME: one of the namespace that may do it, as after\n"+
				"       kubectl create serviceaccount NAME && kubectl create rolebinding NAME --clusterrole=edit --serviceaccount=NAMESPACE:NAME",
				"the sink of dead letters asks for a token, and the kubeconfig logs in without one")
		}
		return next.RoundTrip(request)
	})
}

// problem is an error of the sink, as RFC 9457 has it.
type problem struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer   string `json:"pointer"`
		Parameter string `json:"parameter"`
		Detail    string `json:"detail"`
	} `json:"errors"`
}

// do sends a request, and returns the answer where it is a 2xx. The path is below the namespace; a body that is not nil is
// sent as JSON.
func (k *sink) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("failed to encode the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lambda-deadletter/v1/namespaces/"+k.namespace+path, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "kn-lambda")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := k.client.Do(request)
	var known *commandError
	switch {
	case errors.As(err, &known):
		return nil, known // without the address, which nobody has heard of
	case err != nil:
		return nil, fmt.Errorf("failed to ask the sink of dead letters: %w", err)
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices:
		defer response.Body.Close()
		return nil, k.refused(response, path)
	}
	return response, nil
}

// call is do for an answer that is JSON.
func (k *sink) call(ctx context.Context, method, path string, body, answer any) error {
	response, err := k.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("failed to read the answer of the sink of dead letters: %w", err)
	}
	return nil
}

// shown is a text of the sink in one line. What others have sent it must not command the terminal.
func shown(text string) string { return printers.EscapeTerminal(oneLine(text)) }

// refused is the error that an answer to a request for a path tells.
func (k *sink) refused(response *http.Response, path string) error {
	var p problem
	if err := json.NewDecoder(io.LimitReader(response.Body, longestProblem)).Decode(&p); err != nil || p.Detail == "" {
		p = problem{Detail: "answered " + response.Status}
	}
	said := append(make([]string, 0, 1+len(p.Errors)), p.Detail)
	for _, e := range p.Errors {
		said = append(said, cmp.Or(e.Parameter, e.Pointer)+" "+e.Detail)
	}
	failure := &commandError{error: fmt.Errorf("the sink of dead letters: %s", shown(strings.Join(said, "; "))), code: ExitFailure}
	switch response.StatusCode {
	case http.StatusBadRequest:
		failure.code = ExitUsage
	case http.StatusUnauthorized:
		failure.next = "log in to the cluster again, or say --service-account NAME"
	case http.StatusForbidden:
		failure.next = fmt.Sprintf("ask for the right: list and get on lambdafunctions in namespace %q to see letters, update to send them again or remove them", k.namespace)
	case http.StatusNotFound:
		failure.next = "kn lambda dlq list"
		if strings.HasPrefix(path, "/redrives") {
			failure.next = "kn lambda dlq redrives"
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		failure.next = "do it again later"
	}
	return failure
}
