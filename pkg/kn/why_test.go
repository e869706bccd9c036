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
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func TestWhy(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "shop", CreationTimestamp: metav1.Now()}
	}
	for name, tc := range map[string]struct {
		args []string
		// breaks are the verbs of reads that fail.
		breaks string
		out    string
		code   int
		err    string
	}{
		"function":         {args: []string{"orders"}, out: "LambdaFunction shop/orders is not ready yet"},
		"agent":            {args: []string{"chat"}, out: "LambdaAgent shop/chat is not ready yet"},
		"both":             {args: []string{"both"}, out: "LambdaFunction shop/both is not ready yet"},
		"the agent of two": {args: []string{"both", "--agent"}, out: "LambdaAgent shop/both is not ready yet"},
		"json":             {args: []string{"orders", "--output", "json"}, out: "{\n  \"kind\": \"LambdaFunction\",\n  \"namespace\": \"shop\",\n  \"name\": \"orders\",\n  \"state\": \"Waiting\""},
		"yaml":             {args: []string{"orders", "-o", "yaml"}, out: "state: Waiting\n"},
		"other form":       {args: []string{"orders", "-o", "xml"}, code: ExitUsage, err: `--output "xml": text, json or yaml`},
		"neither": {args: []string{"none"}, code: ExitFailure, err: "Error: there is neither a LambdaFunction nor a LambdaAgent \"none\" in namespace \"shop\"\n" +
			"Try:   kubectl -n shop get lambdafunctions,lambdaagents"},
		"no agent":       {args: []string{"orders", "--agent"}, code: ExitFailure, err: `failed to get LambdaAgent "orders" in namespace "shop"`},
		"no name":        {code: ExitUsage, err: "accepts 1 arg(s), received 0"},
		"two names":      {args: []string{"a", "b"}, code: ExitUsage, err: "accepts 1 arg(s), received 2"},
		"broken cluster": {args: []string{"orders"}, breaks: "get", code: ExitFailure, err: `failed to get LambdaFunction "orders" in namespace "shop": down`},
		"help":           {args: []string{"--help"}, out: "kn lambda why orders --output json"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(
				&v1alpha1.LambdaFunction{ObjectMeta: meta("orders")}, &v1alpha1.LambdaFunction{ObjectMeta: meta("both")},
				&v1alpha1.LambdaAgent{ObjectMeta: meta("chat")}, &v1alpha1.LambdaAgent{ObjectMeta: meta("both")})
			if tc.breaks != "" {
				c.lambda.PrependReactor(tc.breaks, "*", func(clientgotesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") })
			}
			got := c.run(t.Context(), append([]string{"why", "--namespace", "shop"}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.err, tc.err) || !strings.Contains(got.out, tc.out) {
				t.Errorf("why = %+v, want %+v", got, tc)
			}
		})
	}
}
