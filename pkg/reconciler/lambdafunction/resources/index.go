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

package resources

import (
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// indexOf says where packages of the language come from.
func indexOf(language v1alpha1.Language, build *config.Build) source.Index {
	switch language {
	case v1alpha1.LanguageGo:
		return source.Index{GoProxy: build.GoProxy}
	case v1alpha1.LanguageNodeJS:
		return source.Index{NpmRegistry: build.NpmRegistry}
	case v1alpha1.LanguagePython:
		return source.Index{PipIndexURL: build.PipIndexURL}
	default:
		return source.Index{}
	}
}
