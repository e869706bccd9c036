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

package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func TestNewOCI(t *testing.T) {
	for name, test := range map[string]struct {
		repository, tag, digest, path string
		want                          OCI
		reference                     string
	}{
		"nothing but the repository": {"ghcr.io/acme/code", "", "", "", OCI{Repository: "ghcr.io/acme/code", Tag: "latest"}, "ghcr.io/acme/code:latest"},
		"tag":                        {"ghcr.io/acme/code", "v1", "", "", OCI{Repository: "ghcr.io/acme/code", Tag: "v1"}, "ghcr.io/acme/code:v1"},
		"digest":                     {"ghcr.io/acme/code", "", digest, "", OCI{Repository: "ghcr.io/acme/code", Digest: digest}, "ghcr.io/acme/code@" + digest},
		"digest wins":                {"ghcr.io/acme/code", "v1", digest, "", OCI{Repository: "ghcr.io/acme/code", Digest: digest}, "ghcr.io/acme/code@" + digest},
		"folder":                     {"10.0.0.1:5000/code", "v1", "", "lib/fn/", OCI{Repository: "10.0.0.1:5000/code", Tag: "v1", Path: "lib/fn"}, "10.0.0.1:5000/code:v1"},
		"all of it":                  {"ghcr.io/acme/code", "v1", "", ".", OCI{Repository: "ghcr.io/acme/code", Tag: "v1"}, "ghcr.io/acme/code:v1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewOCI(test.repository, test.tag, test.digest, test.path)
			if err != nil {
				t.Fatal("NewOCI() =", err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error("NewOCI() (-want, +got) =", diff)
			}
			if ref, err := got.Reference(); err != nil || ref.String() != test.reference {
				t.Errorf("Reference() = %v, %v, want %s", ref, err, test.reference)
			}
		})
	}
}

func TestNewOCIRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		repository, tag, digest, path string
		want                          string
	}{
		"no repository":  {"", "v1", "", "", "source.oci.repository: "},
		"no registry":    {"acme/code", "v1", "", "", "source.oci.repository: "},
		"scheme":         {"oci://ghcr.io/acme/code", "v1", "", "", "source.oci.repository: "},
		"tag within":     {"ghcr.io/acme/code:v1", "", "", "", "source.oci.repository: "},
		"digest within":  {"ghcr.io/acme/code@" + digest, "", "", "", "source.oci.repository: "},
		"shell":          {"$HOST/acme/code", "v1", "", "", "source.oci.repository: "},
		"upper case":     {"ghcr.io/Acme/code", "v1", "", "", "source.oci.repository: "},
		"tag":            {"ghcr.io/acme/code", "a b", "", "", "source.oci.tag: "},
		"long tag":       {"ghcr.io/acme/code", strings.Repeat("a", 200), "", "", "source.oci.tag: "},
		"digest":         {"ghcr.io/acme/code", "", "sha256:00", "", "source.oci.digest: "},
		"path out":       {"ghcr.io/acme/code", "", "", "../fn", "source.oci.path: "},
		"path from root": {"ghcr.io/acme/code", "", "", "/fn", "source.oci.path: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewOCI(test.repository, test.tag, test.digest, test.path)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("NewOCI() = %v, want %q", err, test.want)
			}
			if reason := ReasonOf(err); reason != ReasonInvalidPlan && reason != ReasonInvalidPath {
				t.Errorf("reason = %s", reason)
			}
		})
	}
	// Plans come from elsewhere, too.
	for _, o := range []OCI{{Repository: "ghcr.io/acme/code"}, {Repository: "ghcr.io/acme/code", Tag: "v1", Digest: digest}} {
		wantFailure(t, helloPlan(func(p *Plan) { p.Source = Source{OCI: &o} }).Validate(), ReasonInvalidPlan, "one of tag and digest is required, not both")
	}
}

func FuzzNewOCI(f *testing.F) {
	for _, seed := range []string{"ghcr.io/acme/code", "10.0.0.1:5000/a/b", "[::1]:5000/code", "a/b", "https://a.b/c", "a.b//c", "a.b/c:v1"} {
		f.Add(seed, "v1", digest, "a/b")
		f.Add(seed, "", "", "")
	}
	f.Fuzz(func(t *testing.T, repository, tag, digest, path string) {
		o, err := NewOCI(repository, tag, digest, path)
		if err != nil {
			return
		}
		ref, err := o.Reference()
		if err != nil || ref.Context().RegistryStr() == "" || strings.ContainsAny(ref.String(), " '\"`$;|&\n\x00") {
			t.Errorf("%q, %q, %q becomes %v, %v", repository, tag, digest, ref, err)
		}
		if strings.Contains("/"+o.Path+"/", "/../") {
			t.Errorf("path %q becomes %q", path, o.Path)
		}
	})
}
