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

func TestNewInline(t *testing.T) {
	files := map[string]string{"lib/a.py": "A = 1\n"}
	got, err := NewInline("python", "import lib.a\n", `{"requests": "2.32.3"}`, files)
	if err != nil {
		t.Fatal("NewInline() =", err)
	}
	want := &Inline{
		Files:        map[string]string{"main.py": "import lib.a\n", "lib/a.py": "A = 1\n"},
		Dependencies: "requests==2.32.3\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NewInline() (-want, +got) =\n%s", diff)
	}
	if len(files) != 1 {
		t.Error("NewInline() changed the files it was given")
	}
}

func TestNewInlineRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		language, code, dependencies string
		files                        map[string]string
		reason                       Reason
		want                         string
	}{
		"language":     {language: "cobol", code: "x", reason: ReasonInvalidPlan, want: "language: "},
		"nothing":      {language: "python", reason: ReasonInvalidPlan, want: "there is no file"},
		"code twice":   {language: "python", code: "x", files: map[string]string{"main.py": "y"}, reason: ReasonInvalidPath, want: "leave out one"},
		"dependencies": {language: "python", code: "x", dependencies: "{", reason: ReasonInvalidDependencies, want: "source.inline.dependencies: "},
		"path":         {language: "python", files: map[string]string{"../a": ""}, reason: ReasonInvalidPath, want: "remove .."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewInline(test.language, test.code, test.dependencies, test.files)
			wantFailure(t, err, test.reason, test.want)
		})
	}
}

func TestNormalizeDependencies(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"empty":            {"", ""},
		"blank":            {" \n\t\n", ""},
		"comments":         {"# nothing yet\n  # at all\n", ""},
		"one":              {"requests", "requests\n"},
		"line ends":        {"\r\nrequests==2.32.3  \r\nflask\r\n\r\n", "requests==2.32.3\nflask\n"},
		"left to pip":      {"# web\nflask[async]>=3 ; python_version > '3' # why\n\n-c constraints.txt\n", "# web\nflask[async]>=3 ; python_version > '3' # why\n\n-c constraints.txt\n"},
		"continued":        {"requests==2.32.3 \\\n    --hash=sha256:00\n", "requests==2.32.3 \\\n    --hash=sha256:00\n"},
		"object":           {` {"requests": "2.32.3", "Flask": "*", "boto3": "", "attrs": "latest"}`, "Flask\nattrs\nboto3\nrequests==2.32.3\n"},
		"object, ranges":   {`{"a": ">=2", "b": ">= 1.0, <2", "c": "~=1.4", "d": "!=1", "e": "===1.0+local", "f": "1.*"}`, "a>=2\nb>= 1.0, <2\nc~=1.4\nd!=1\ne===1.0+local\nf==1.*\n"},
		"object, extras":   {`{"uvicorn[standard]": "0.30.0"}`, "uvicorn[standard]==0.30.0\n"},
		"object, escaped":  {`{"requ\u0065sts": " 2.32.3 "}`, "requests==2.32.3\n"},
		"object, no names": {"{}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NormalizeDependencies("python", test.in)
			if err != nil {
				t.Fatal("NormalizeDependencies() =", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("NormalizeDependencies() (-want, +got) =\n%s", diff)
			}
		})
	}
}

func TestNormalizeDependenciesRefuses(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"binary":               {"\xff", "UTF-8"},
		"zero":                 {"a\nb\x00", "line 2 has a control character"},
		"escape":               {"\x1b[2J", "line 1 has a control character"},
		"half an object":       {"{", "is not a JSON object"},
		"more than an object":  {`{"a": "1"} b`, "is not a JSON object"},
		"numbers":              {`{"a": 1}`, "is not a JSON object"},
		"nested":               {`{"dependencies": {"a": "1"}}`, "is not a JSON object"},
		"duplicate":            {`{"a": "1", "a": "2"}`, `duplicate field "a"`},
		"same package":         {`{"flask-cors": "1", "Flask_Cors": "2"}`, "are the same package"},
		"name, option":         {`{"--index-url": "https://a"}`, "is not the name of a package"},
		"name, lines":          {`{"a\nb": "1"}`, "is not the name of a package"},
		"version, lines":       {`{"a": "1\n--index-url https://a"}`, "is not a version"},
		"version, option":      {`{"a": "1 --hash=x"}`, "is not a version"},
		"version of npm":       {`{"a": "^1.2"}`, "is not a version"},
		"version, address":     {`{"a": "git+https://a/b"}`, "is not a version"},
		"range without number": {`{"a": ">="}`, "is not a version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NormalizeDependencies("python", test.in)
			wantFailure(t, err, ReasonInvalidDependencies, test.want)
		})
	}
}

func FuzzNormalizeDependencies(f *testing.F) {
	for _, seed := range []string{
		"", "# none", "requests==2.32.3\r\nflask", " \\\n\n#", "{}",
		`{"requests": "2.32.3", "flask": ">=2,<3"}`, `{"a": "1\n-r b"}`, "\ufeff{}", "\u2028{", "a\u00a0\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := NormalizeDependencies("python", text)
		if err != nil {
			if ReasonOf(err) != ReasonInvalidDependencies {
				t.Errorf("reason of %v = %s", err, ReasonOf(err))
			}
			return
		}
		again, err := NormalizeDependencies("python", normal)
		if err != nil || again != normal {
			t.Errorf("%q is normal, and becomes %q, %v", normal, again, err)
		}
		if normal != "" && (!strings.HasSuffix(normal, "\n") || strings.Contains(normal, "\r")) {
			t.Errorf("%q is not made of lines", normal)
		}
	})
}
