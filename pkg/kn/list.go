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
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const listExample = `
  # The functions of the namespace
  kn lambda list

  # Those of all namespaces, with image, Revision and build
  kn lambda list -A -o wide

  # The name of each function that has the label
  kn lambda list --selector team=shop -o name`

func newListCommand(s *session) *cobra.Command {
	return newListing(s, &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls"},
		Short:   "List functions",
		Example: listExample[1:],

		ValidArgsFunction: s.completeFunctions,
	}, &listing[v1alpha1.LambdaFunction]{
		noun: "functions",
		none: "No functions found. Make one: kn lambda create --help",
		list: listFunctions,
		url:  functionURL,
		columns: []column{
			{name: "Name"},
			{name: "URL", cut: true},
			{name: "Source", cut: true},
			{name: "Runtime"},
			{name: "Ready"},
			{name: "Reason", cut: true},
			{name: "Age"},
			{name: "Image", wide: true},
			{name: "Revision", wide: true},
			{name: "Build", wide: true},
		},
		row: functionRow,
	})
}

func listFunctions(ctx context.Context, c *clients, namespace string, opts metav1.ListOptions) (runtime.Object, *[]v1alpha1.LambdaFunction, error) {
	list, err := c.functions(namespace).List(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	return list, &list.Items, nil
}

func functionRow(fn *v1alpha1.LambdaFunction, now time.Time) []string {
	row := []string{
		fn.Name, urlOf(fn.Status.URL), sourceOf(&fn.Spec.Source), runtimeOf(fn), readyOf(fn), reasonOf(fn), age(now, fn.CreationTimestamp),
		imageOf(fn), "", "",
	}
	if fn.Status.ServiceStatus != nil {
		row[8] = fn.Status.ServiceStatus.LatestRevision
	}
	if fn.Status.BuildStatus != nil {
		row[9] = fn.Status.BuildStatus.JobName
	}
	return row
}

func functionURL(fn *v1alpha1.LambdaFunction) *apis.URL { return fn.Status.URL }

func agentURL(la *v1alpha1.LambdaAgent) *apis.URL { return la.Status.URL }

func urlOf(url *apis.URL) string {
	if url == nil {
		return ""
	}
	return url.String()
}

// sourceOf is where the code comes from, in few words.
func sourceOf(s *v1alpha1.SourceSpec) string {
	switch {
	case s.Type == v1alpha1.SourceTypeGit && s.Git != nil:
		return strings.TrimSuffix(s.Git.URL+"@"+s.Git.Ref, "@")
	case s.Type == v1alpha1.SourceTypeS3 && s.S3 != nil:
		return "s3://" + s.S3.Bucket + "/" + strings.TrimPrefix(s.S3.Key, "/")
	case s.Type == v1alpha1.SourceTypeMinIO && s.MinIO != nil:
		return "minio://" + s.MinIO.Bucket + "/" + strings.TrimPrefix(s.MinIO.Key, "/")
	case s.Type == v1alpha1.SourceTypeGCS && s.GCS != nil:
		return "gs://" + s.GCS.Bucket + "/" + strings.TrimPrefix(s.GCS.Key, "/")
	case s.Type == v1alpha1.SourceTypeImage && s.Image != nil:
		return s.Image.Reference()
	}
	return string(s.Type)
}

func runtimeOf(fn *v1alpha1.LambdaFunction) string {
	if fn.Spec.Source.Type == v1alpha1.SourceTypeImage {
		return "image"
	}
	return strings.TrimSpace(string(fn.Spec.Runtime.Language) + " " + fn.Spec.Runtime.Version)
}

// ready is condition Ready of the present spec: what is known of an older one says nothing of it.
func ready(of duckv1.KRShaped) *apis.Condition {
	if of.GetStatus().ObservedGeneration != of.GetGeneration() {
		return nil
	}
	return of.GetStatus().GetCondition(v1alpha1.ConditionReady)
}

func readyOf(of duckv1.KRShaped) string {
	if c := ready(of); c != nil {
		return string(c.Status)
	}
	return string(metav1.ConditionUnknown)
}

func reasonOf(of duckv1.KRShaped) string {
	if c := ready(of); c != nil {
		return c.Reason
	}
	return "NotObserved"
}

func imageOf(fn *v1alpha1.LambdaFunction) string {
	switch {
	case fn.Spec.Source.Type == v1alpha1.SourceTypeImage && fn.Spec.Source.Image != nil:
		return fn.Spec.Source.Image.Reference()
	case fn.Status.BuildStatus != nil:
		return fn.Status.BuildStatus.ImageURI
	}
	return ""
}

// age is how long ago something was, as kubectl says it.
func age(now time.Time, since metav1.Time) string {
	if since.IsZero() {
		return ""
	}
	return duration.HumanDuration(now.Sub(since.Time))
}
