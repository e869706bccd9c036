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
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

const agentCreateExample = `
  # An agent with a model of an Ollama in the cluster
  kn lambda agent create chat --image ghcr.io/acme/chat:v1 --provider ollama --endpoint http://ollama.ollama.svc.cluster.local:11434 --model llama3.2:3b

  # One with a model of OpenAI, whose key is in a Secret
  kn lambda agent create chat --image ghcr.io/acme/chat:v1 --provider openai --model gpt-4o --api-key-secret openai:key

  # The agent of a file; do not wait until it is ready
  kn lambda agent create -f agent.yaml --no-wait

  # See what would be sent
  kn lambda agent create chat --image ghcr.io/acme/chat:v1 --dry-run=client -o yaml`

// agentCreation is what agent create does.
type agentCreation struct {
	delivery

	filename, image, provider, model, endpoint, apiKey, systemPrompt string
	env                                                              []string
	min, max                                                         int32
}

func newAgentCreateCommand(s *session) *cobra.Command {
	var a agentCreation
	cmd := &cobra.Command{
		Use: "create [NAME]", Short: "Make an agent, and wait until it is ready", Example: agentCreateExample[1:], Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, s, args) },
	}
	a.addDelivery(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&a.filename, "filename", "f", "", "File with the LambdaAgent, or - for standard input; other flags win over it.")
	flags.StringVar(&a.image, "image", "", "Image of the agent.")
	flags.StringVar(&a.provider, "provider", "", "Protocol of the model's server: ollama, openai, anthropic or none.")
	flags.StringVar(&a.model, "model", "", "Model that the agent asks.")
	flags.StringVar(&a.endpoint, "endpoint", "", "Address of the model's server.")
	flags.StringVar(&a.apiKey, "api-key-secret", "", "Key of a Secret with the API key of the model's server, SECRET:KEY.")
	flags.StringVar(&a.systemPrompt, "system-prompt", "", "What the model is told first.")
	flags.StringArrayVarP(&a.env, "env", "e", nil, "Environment variable, NAME=VALUE. May be given several times.")
	flags.Int32Var(&a.min, "min", 0, "Number of instances that are always there.")
	flags.Int32Var(&a.max, "max", 0, "Largest number of instances; 0 is no limit.")
	complete(cmd, "filename", files)
	complete(cmd, "provider", oneOf("ollama", "openai", "anthropic", "none"))
	return cmd
}

func (a *agentCreation) run(cmd *cobra.Command, s *session, args []string) error {
	_, namespace, err := s.target(a.dryRun)
	if err != nil {
		return err
	}
	la, err := a.read(cmd, args)
	if err != nil {
		return err
	}
	if err := s.place(la, "agent", a.filename, namespace); err != nil {
		return err
	}
	return deliver(cmd, s, &a.delivery, la, &sending[*v1alpha1.LambdaAgent]{
		what: "agent", done: "Created",
		send: func(ctx context.Context, c *clients, la *v1alpha1.LambdaAgent, dryRun []string) (*v1alpha1.LambdaAgent, error) {
			made, err := c.agents(la.Namespace).Create(ctx, la, metav1.CreateOptions{
				FieldManager: fieldManager, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
			})
			if apierrors.IsAlreadyExists(err) {
				err = failf("kubectl edit lambdaagent "+la.Name, "there is one of this name in namespace %q", la.Namespace)
			}
			return made, agentError(err, "create", la.Namespace, la.Name)
		},
		await: func(c *clients, made *v1alpha1.LambdaAgent) (*v1alpha1.LambdaAgent, error) {
			return a.await(cmd, s, c, made)
		},
		url: agentURL,
	})
}

// agentStages are the conditions that agents wait for, in their order: the others are for information alone.
var agentStages = []stage{
	{v1alpha1.ConditionServiceReady, "Calls reach it"},
	{v1alpha1.ConditionEventingReady, "Events reach it"},
}

// await waits until an agent is ready, where that is wanted.
func (a *agentCreation) await(cmd *cobra.Command, s *session, c *clients, made *v1alpha1.LambdaAgent) (*v1alpha1.LambdaAgent, error) {
	p := s.newProgress(cmd.ErrOrStderr())
	return await(cmd, &a.waiting, p, made, &followed[*v1alpha1.LambdaAgent]{
		what: "agent", name: made.Name, how: "kn lambda agent describe " + made.Name, why: "kn lambda why " + made.Name + " --agent",
		watch: func(ctx context.Context, changed func(*v1alpha1.LambdaAgent) (bool, error)) error {
			return watchObject(ctx, c, c.agents(made.Namespace), &v1alpha1.LambdaAgent{}, made.Name, changed)
		},
		seen:   func(state *v1alpha1.LambdaAgent) bool { return sees(state, made) },
		show:   func(_ context.Context, state *v1alpha1.LambdaAgent) { p.show(state, agentStages) },
		failed: func(*v1alpha1.LambdaAgent) {}, done: func() {},
	})
}

// read makes the agent that the file and the flags say.
func (a *agentCreation) read(cmd *cobra.Command, args []string) (*v1alpha1.LambdaAgent, error) {
	la := &v1alpha1.LambdaAgent{}
	if a.filename != "" {
		text, err := readFile(a.filename, cmd.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("failed to read manifest: %w", err)
		}
		if la, err = parseAgent(text); err != nil {
			return nil, fmt.Errorf("failed to read manifest %q: %w", a.filename, err)
		}
	}
	if len(args) > 0 {
		if la.Name != "" && la.Name != args[0] {
			return nil, usagef("the agent in %s is %q, not %q", a.filename, la.Name, args[0])
		}
		la.Name = args[0]
	}
	if la.Name == "" {
		return nil, usagef("name the agent, or a file with --filename")
	}
	if err := a.apply(cmd.Flags(), &la.Spec); err != nil {
		return nil, err
	}
	if la.Spec.Image.Repository == "" {
		return nil, usagef("say which image is the agent: --image or --filename")
	}
	la.SetGroupVersionKind(la.GetGroupVersionKind())
	return la, nil
}

// parseAgent reads a manifest of one agent. A field of the spec that there is not is an error.
func parseAgent(text []byte) (*v1alpha1.LambdaAgent, error) {
	read := &v1alpha1.LambdaAgent{}
	if err := yaml.Unmarshal(text, read); err != nil {
		return nil, err
	}
	if read.Kind != "LambdaAgent" {
		return nil, fmt.Errorf("it has no LambdaAgent, but kind %q", read.Kind)
	}
	var fields struct {
		Spec any `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	if unknown := local.UnknownFields("spec", fields.Spec, reflect.TypeFor[v1alpha1.LambdaAgentSpec]()); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: there is no such field", unknown[0])
	}
	return &v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{
		Name: read.Name, Namespace: read.Namespace, Labels: read.Labels, Annotations: read.Annotations,
	}, Spec: read.Spec}, nil
}

// apply changes an agent by the flags that are given.
func (a *agentCreation) apply(flags *pflag.FlagSet, spec *v1alpha1.LambdaAgentSpec) error {
	if flags.Changed("image") {
		spec.Image = *withReference(&spec.Image, a.image)
	}
	if flags.Changed("min") {
		spec.Scaling.MinReplicas = ptr.To(a.min)
	}
	if flags.Changed("max") {
		spec.Scaling.MaxReplicas = ptr.To(a.max)
	}
	if flags.Changed("system-prompt") {
		spec.Behavior.SystemPrompt, spec.Behavior.SystemPromptRef = a.systemPrompt, nil
	}
	for _, given := range a.env {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return usagef("--env %q: write NAME=VALUE", given)
		}
		spec.Env = withEnv(spec.Env, corev1.EnvVar{Name: name, Value: value})
	}
	if a.provider == "" && a.model == "" && a.endpoint == "" && a.apiKey == "" {
		return nil
	}
	if spec.AI == nil {
		spec.AI = &v1alpha1.AISpec{}
	}
	spec.AI.Provider = cmp.Or(v1alpha1.AIProvider(a.provider), spec.AI.Provider)
	spec.AI.Model, spec.AI.Endpoint = cmp.Or(a.model, spec.AI.Model), cmp.Or(a.endpoint, spec.AI.Endpoint)
	if a.apiKey != "" {
		secret, key, ok := strings.Cut(a.apiKey, ":")
		if !ok || secret == "" || key == "" {
			return usagef("--api-key-secret %q: write SECRET:KEY", a.apiKey)
		}
		spec.AI.APIKeySecretRef = &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key}
	}
	return nil
}
