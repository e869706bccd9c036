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
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafake "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/fake"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

func TestWhy(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "shop", CreationTimestamp: metav1.Now()}
	}
	for name, tc := range map[string]struct {
		args []string
		// breaks are the verbs of reads that fail, and offline that there is no cluster at all.
		breaks  string
		offline bool
		out     string
		err     string
	}{
		"function":         {args: []string{"orders"}, out: "LambdaFunction shop/orders is not ready yet"},
		"agent":            {args: []string{"chat"}, out: "LambdaAgent shop/chat is not ready yet"},
		"both":             {args: []string{"both"}, out: "LambdaFunction shop/both is not ready yet"},
		"the agent of two": {args: []string{"both", "--agent"}, out: "LambdaAgent shop/both is not ready yet"},
		"json":             {args: []string{"orders", "--output", "json"}, out: "{\n  \"kind\": \"LambdaFunction\",\n  \"namespace\": \"shop\",\n  \"name\": \"orders\",\n  \"state\": \"Waiting\""},
		"yaml":             {args: []string{"orders", "-o", "yaml"}, out: "state: Waiting\n"},
		"other form":       {args: []string{"orders", "-o", "xml"}, err: `--output "xml": text, json or yaml`},
		"neither":          {args: []string{"none"}, err: `there is neither a LambdaFunction nor a LambdaAgent "none" in namespace "shop"`},
		"no agent":         {args: []string{"orders", "--agent"}, err: `failed to get LambdaAgent "orders" in namespace "shop"`},
		"no name":          {err: "accepts 1 arg(s), received 0"},
		"two names":        {args: []string{"a", "b"}, err: "accepts 1 arg(s), received 2"},
		"no cluster":       {args: []string{"orders"}, offline: true, err: "no kubeconfig"},
		"broken cluster":   {args: []string{"orders"}, breaks: "get", err: `failed to get LambdaFunction "orders" in namespace "shop": down`},
		"help":             {args: []string{"--help"}, out: "kn lambda why orders --output json"},
	} {
		t.Run(name, func(t *testing.T) {
			lambda := lambdafake.NewSimpleClientset(
				&v1alpha1.LambdaFunction{ObjectMeta: meta("orders")}, &v1alpha1.LambdaFunction{ObjectMeta: meta("both")},
				&v1alpha1.LambdaAgent{ObjectMeta: meta("chat")}, &v1alpha1.LambdaAgent{ObjectMeta: meta("both")})
			if tc.breaks != "" {
				lambda.PrependReactor(tc.breaks, "*", func(clientgotesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") })
			}
			var out bytes.Buffer
			cmd := newWhyCommand(func() (diagnosis.Clients, string, error) {
				if tc.offline {
					return diagnosis.Clients{}, "", errors.New("no kubeconfig")
				}
				return diagnosis.Clients{Lambda: lambda, Kube: fake.NewClientset(), Serving: servingfake.NewSimpleClientset()}, "shop", nil
			})
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(append([]string{}, tc.args...))
			cmd.SetOut(&out)
			err := cmd.ExecuteContext(t.Context())
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Execute() = %v, want %q", err, tc.err)
			}
			if !strings.Contains(out.String(), tc.out) {
				t.Errorf("output = %s, want %q in it", out.String(), tc.out)
			}
		})
	}
}
