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

package serving

import (
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func TestSilence(t *testing.T) {
	desired := &Desired{Silent: "Nothing listens."}
	for _, tc := range []struct {
		name  string
		lasts time.Duration
		want  hindrance
	}{
		{name: "patience", lasts: 3 * time.Second, want: hindrance{again: AnswerPatience - 3*time.Second}},
		{name: "no more patience", lasts: AnswerPatience, want: hindrance{reason: v1alpha1.ReasonNotAnswering, message: "Nothing listens."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := silence(desired, tc.lasts); got != tc.want {
				t.Errorf("silence() = %+v, want %+v", got, tc.want)
			}
		})
	}
}
