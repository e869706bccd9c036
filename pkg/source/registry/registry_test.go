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

package registry

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const host = "registry.example.com:5000"

// loginOf writes one as kubectl create secret docker-registry does.
func loginOf(server string) string {
	return `{"auths":{"` + server + `":{"username":"me","password":"hunter2","auth":"` + auth("me:hunter2") + `"}}}`
}

const google = `{"type":"service_account","private_key":"hunter2"}`

// googleLogin is how Google's registries take the key of a service account.
func googleLogin(server string) string {
	key, err := json.Marshal(google)
	if err != nil {
		panic(err)
	}
	return `{"auths":{"` + server + `":{"username":"_json_key","password":` + string(key) + `}}}`
}

func auth(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// newCertificate returns one in PEM.
func newCertificate(t testing.TB) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// mount writes a Secret as kubelet does.
func mount(t testing.TB, secret map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "..2026_11_25")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(data), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for key, value := range secret {
		if err := os.WriteFile(filepath.Join(data, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// prepare runs Prepare and returns the files that it wrote.
func prepare(t testing.TB, o Options, secret map[string]string) (map[string]string, error) {
	t.Helper()
	o.Output, o.Secret, o.Name = t.TempDir(), mount(t, secret), "push"
	if o.Host == "" {
		o.Host = host
	}
	if o.Type == "" {
		o.Type = "generic"
	}
	if err := o.Prepare(); err != nil {
		return nil, err
	}
	return written(t, o.Output), nil
}

func written(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}

func TestPrepare(t *testing.T) {
	certificate := newCertificate(t)
	const hub = `{"auths":{"https://index.docker.io/v1/":{"username":"me","password":"hunter2"}}}`
	hubToo := strings.Replace(`{"auths":{"docker.io":LOGIN,"https://index.docker.io/v1/":LOGIN}}`, "LOGIN", `{"username":"me","password":"hunter2"}`, 2)
	for name, tc := range map[string]struct {
		options Options
		secret  map[string]string
		want    map[string]string
	}{
		"login":                 {secret: map[string]string{KeyDockerConfig: loginOf(host)}, want: map[string]string{ConfigFile: loginOf(host)}},
		"login by URL":          {secret: map[string]string{KeyDockerConfig: loginOf("https://" + host + "/v2/")}, want: map[string]string{ConfigFile: loginOf("https://" + host + "/v2/")}},
		"token":                 {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"identitytoken":"hunter2"}}}`}, want: map[string]string{ConfigFile: `{"auths":{"` + host + `":{"identitytoken":"hunter2"}}}`}},
		"old form":              {secret: map[string]string{KeyDockerConfigOld: `{"` + host + `":{"auth":"` + auth("me:x") + `","email":"me@example.com"}}`}, want: map[string]string{ConfigFile: `{"auths":{"` + host + `":{"auth":"` + auth("me:x") + `"}}}`}},
		"both forms":            {secret: map[string]string{KeyDockerConfig: loginOf(host), KeyDockerConfigOld: "no"}, want: map[string]string{ConfigFile: loginOf(host)}},
		"other fields":          {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"auth":"` + auth(":x") + `"}},"HttpHeaders":{"a":"b"}}`}, want: map[string]string{ConfigFile: `{"HttpHeaders":{"a":"b"},"auths":{"` + host + `":{"auth":"` + auth(":x") + `"}}}`}},
		"helper of Kaniko":      {secret: map[string]string{KeyDockerConfig: `{"credHelpers":{"` + host + `":"ecr-login"}}`}, want: map[string]string{ConfigFile: `{"credHelpers":{"` + host + `":"ecr-login"}}`}},
		"store of Kaniko":       {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{}},"credsStore":"gcr"}`}, want: map[string]string{ConfigFile: `{"auths":{},"credsStore":"gcr"}`}},
		"Docker Hub":            {options: Options{Type: "dockerhub", Host: "index.docker.io"}, secret: map[string]string{KeyDockerConfig: hub}, want: map[string]string{ConfigFile: hub}},
		"Docker Hub by name":    {options: Options{Type: "dockerhub", Host: "index.docker.io"}, secret: map[string]string{KeyDockerConfig: `{"auths":{"docker.io":{"username":"me","password":"hunter2"}}}`}, want: map[string]string{ConfigFile: hubToo}},
		"authority alone":       {secret: map[string]string{KeyAuthorities: certificate}, want: map[string]string{PushAuthoritiesFile: certificate + "\n\n"}},
		"login and authority":   {secret: map[string]string{KeyDockerConfig: loginOf(host), KeyAuthorities: certificate}, want: map[string]string{ConfigFile: loginOf(host), PushAuthoritiesFile: certificate + "\n\n"}},
		"Amazon":                {options: Options{Type: "ecr"}, secret: map[string]string{KeyAWSID: "id", KeyAWSSecret: "hunter2"}},
		"Amazon, login":         {options: Options{Type: "ecr"}, secret: map[string]string{KeyDockerConfig: loginOf(host)}, want: map[string]string{ConfigFile: loginOf(host)}},
		"Amazon, others' login": {options: Options{Type: "ecr"}, secret: map[string]string{KeyAWSID: "id", KeyAWSSecret: "hunter2", KeyDockerConfig: loginOf("ghcr.io")}, want: map[string]string{ConfigFile: loginOf("ghcr.io")}},
		"Google":                {options: Options{Type: "gcr"}, secret: map[string]string{KeyGoogle: google}, want: map[string]string{ConfigFile: googleLogin(host)}},
		"Google, others' login": {options: Options{Type: "gcr"}, secret: map[string]string{KeyGoogle: google, KeyDockerConfig: loginOf(host)}, want: map[string]string{ConfigFile: googleLogin(host)}},
		"Google, helpers": {options: Options{Type: "gcr"}, secret: map[string]string{KeyGoogle: google, KeyDockerConfig: `{"credHelpers":{"gcr.io":"gcr"}}`}, want: map[string]string{
			ConfigFile: strings.Replace(googleLogin(host), "{", `{"credHelpers":{"gcr.io":"gcr"},`, 1),
		}},
		"Google, login":        {options: Options{Type: "gcr"}, secret: map[string]string{KeyDockerConfig: loginOf(host)}, want: map[string]string{ConfigFile: loginOf(host)}},
		"local, others' login": {options: Options{Type: "local"}, secret: map[string]string{KeyDockerConfig: loginOf("ghcr.io")}, want: map[string]string{ConfigFile: loginOf("ghcr.io")}},
		"for all, not there":   {options: Options{Optional: true}},
		"for all, others'":     {options: Options{Optional: true}, secret: map[string]string{KeyDockerConfig: loginOf("ghcr.io")}, want: map[string]string{ConfigFile: loginOf("ghcr.io")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := prepare(t, tc.options, tc.secret)
			if err != nil {
				t.Fatal("Prepare() =", err)
			}
			want := map[string]string{AuthoritiesFile: "\n", PushAuthoritiesFile: "\n\n"}
			for file, content := range tc.want {
				want[file] = content
			}
			if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
				t.Error("files (-want, +got) =", diff)
			}
		})
	}
}

// normal writes JSON in one way.
func normal(files map[string]string) map[string]string {
	for name, content := range files {
		var value any
		if json.Unmarshal([]byte(content), &value) == nil {
			if text, err := json.Marshal(value); err == nil {
				files[name] = string(text)
			}
		}
	}
	return files
}

func TestPrepareRefuses(t *testing.T) {
	const generic = ".dockerconfigjson (kubectl create secret docker-registry), and ca.crt"
	for name, tc := range map[string]struct {
		options Options
		secret  map[string]string
		want    string
	}{
		"not there":               {want: `the Secret "push" of spec.build.imagePullSecret is not there, or holds nothing: create it in the function's namespace with ` + generic},
		"other keys":              {secret: map[string]string{"username": "me", "password": "hunter2"}, want: "has none of the keys that count for a registry of type generic, which are " + generic + " where the registry's certificate is of a private authority; it has: password, username"},
		"keys of Amazon":          {secret: map[string]string{KeyAWSID: "id", KeyAWSSecret: "hunter2"}, want: "it has: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"},
		"Amazon, other keys":      {options: Options{Type: "ecr"}, secret: map[string]string{"token": "hunter2"}, want: "of type ecr, which are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or .dockerconfigjson"},
		"Amazon, half":            {options: Options{Type: "ecr"}, secret: map[string]string{KeyAWSID: "id", KeyAWSSecret: "\n"}, want: "has only one of the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: give both"},
		"Google, other keys":      {options: Options{Type: "gcr"}, secret: map[string]string{"token": "hunter2"}, want: "of type gcr, which are key.json, or .dockerconfigjson"},
		"Google, no key":          {options: Options{Type: "gcr"}, secret: map[string]string{KeyGoogle: "hunter2"}, want: "key key.json is not the key of a service account"},
		"Google, no account":      {options: Options{Type: "gcr"}, secret: map[string]string{KeyGoogle: `{"type":"authorized_user"}`}, want: "key key.json is not the key of a service account"},
		"no JSON":                 {secret: map[string]string{KeyDockerConfig: "me:hunter2"}, want: "cannot be used: key .dockerconfigjson is not JSON"},
		"null":                    {secret: map[string]string{KeyDockerConfig: "null"}, want: "key .dockerconfigjson is not JSON"},
		"old form, no JSON":       {secret: map[string]string{KeyDockerConfigOld: "me:hunter2"}, want: "key .dockercfg is not JSON"},
		"logins in another form":  {secret: map[string]string{KeyDockerConfig: `{"auths":["hunter2"]}`}, want: `key .dockerconfigjson has "auths" in another form`},
		"no logins":               {secret: map[string]string{KeyDockerConfig: `{"auths":{}}`}, want: "key .dockerconfigjson has no logins"},
		"empty login":             {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{}}}`}, want: "key .dockerconfigjson has no logins"},
		"other registry":          {secret: map[string]string{KeyDockerConfig: loginOf("ghcr.io")}, want: "has no login for " + host + ", which the image is pushed to, only for: ghcr.io."},
		"other port":              {secret: map[string]string{KeyDockerConfig: loginOf("registry.example.com")}, want: "only for: registry.example.com."},
		"auth that is no base64":  {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"auth":"hunter2"}}}`}, want: "the login for " + host + " has an auth that is not name:password in base64"},
		"auth without a password": {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"auth":"` + auth("hunter2") + `"}}}`}, want: "not name:password"},
		"name without a password": {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"username":"hunter2"}}}`}, want: "has no name with a password, and no token"},
		"store of a laptop":       {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{}},"credsStore":"desktop"}`}, want: `kept by "docker-credential-desktop"`},
		"helper of a laptop":      {secret: map[string]string{KeyDockerConfig: `{"credHelpers":{"` + host + `":"pass"}}`}, want: `kept by "docker-credential-pass"`},
		"authority that is none":  {secret: map[string]string{KeyDockerConfig: loginOf(host), KeyAuthorities: "hunter2"}, want: "has no certificate in PEM in key ca.crt"},
		"for all, of no use":      {options: Options{Optional: true}, secret: map[string]string{"token": "hunter2"}, want: `the Secret "push" of registry-secret in ConfigMap config-build has none of the keys`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := prepare(t, tc.options, tc.secret)
			if got := source.ReasonOf(err); err == nil || got != source.ReasonSecretInvalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Prepare() = %s %v, want %s with %q", got, err, source.ReasonSecretInvalid, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the message tells a password:", err)
			}
		})
	}
}

func TestPrepareAuthorities(t *testing.T) {
	all := newCertificate(t)
	own := "# ours\n" + all
	t.Setenv(AuthoritiesVariable, "\n"+all)
	got, err := prepare(t, Options{}, map[string]string{KeyAuthorities: own})
	if err != nil {
		t.Fatal("Prepare() =", err)
	}
	if diff := cmp.Diff(map[string]string{AuthoritiesFile: all, PushAuthoritiesFile: own + "\n" + all}, got); diff != "" {
		t.Error("files (-want, +got) =", diff)
	}

	o := Options{Output: t.TempDir()}
	if err := o.Prepare(); err != nil {
		t.Fatal("Prepare() without a Secret =", err)
	}
	if got := written(t, o.Output)[PushAuthoritiesFile]; got != "\n"+all {
		t.Errorf("%s without a Secret = %q", PushAuthoritiesFile, got)
	}
}

// TestPrepareFails holds that what is not the Secret's fault is not said to be.
func TestPrepareFails(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, o := range map[string]Options{
		"no folder for files":     {Output: missing},
		"no folder of the Secret": {Output: t.TempDir(), Secret: missing},
	} {
		if err := o.Prepare(); source.ReasonOf(err) != source.ReasonInternal || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: Prepare() = %v", name, err)
		}
	}
	if err := (&Options{}).Prepare(); err != nil {
		t.Error("Prepare() of nothing =", err)
	}
}

func TestFlags(t *testing.T) {
	var got Options
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	got.AddFlags(flags)
	if err := flags.Parse([]string{
		"--registry-output=/out", "--registry-secret=/secret", "--registry-secret-name=push", "--registry-secret-optional",
		"--registry-type=ecr", "--registry-host=" + host,
	}); err != nil {
		t.Fatal("Parse() =", err)
	}
	if diff := cmp.Diff(Options{Output: "/out", Secret: "/secret", Name: "push", Optional: true, Type: "ecr", Host: host}, got); diff != "" {
		t.Error("options (-want, +got) =", diff)
	}
}

func FuzzPrepare(f *testing.F) {
	keys := []string{KeyDockerConfig, KeyDockerConfigOld, KeyGoogle, KeyAuthorities}
	for i := range keys {
		for _, value := range []string{
			loginOf(host), `{"docker.io":{"auth":"bWU6eA=="}}`, `{"auths":{"https://` + host + `/":{"auth":"bWU6eA=="}},"credsStore":"gcr"}`,
			`{"credHelpers":{"a":"pass"}}`, `{"type":"service_account"}`, "null", `{}},{`, "-----BEGIN CERTIFICATE-----",
		} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, value string) {
		key := keys[int(n)%len(keys)]
		got, err := prepare(t, Options{Type: "gcr"}, map[string]string{key: value})
		if err != nil {
			if source.ReasonOf(err) != source.ReasonSecretInvalid {
				t.Errorf("Prepare() = %v, which is not the Secret's fault", err)
			}
			return
		}
		if config, ok := got[ConfigFile]; ok {
			d, err := parseDocker(config)
			if err != nil {
				t.Fatalf("%s = %q, which cannot be read: %v", ConfigFile, config, err)
			}
			if err := d.check(host); err != nil || !d.reaches(host) {
				t.Errorf("%s = %q, which has no login for %s: %v", ConfigFile, config, host, err)
			}
		}
	})
}

func TestLoginOf(t *testing.T) {
	me := &Login{Username: "me", Password: "hunter2"}
	for name, tc := range map[string]struct {
		secret map[string]string
		host   string
		want   *Login
		hosts  []string
		err    string
	}{
		"login":       {secret: map[string]string{KeyDockerConfig: loginOf(host)}, host: host, want: me},
		"by URL":      {secret: map[string]string{KeyDockerConfig: loginOf("https://" + host + "/v2/")}, host: host, want: me},
		"auth alone":  {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"auth":"` + auth("me:hunter2") + `"}}}`}, host: host, want: me},
		"old":         {secret: map[string]string{KeyDockerConfigOld: `{"` + host + `":{"username":"me","password":"hunter2"}}`}, host: host, want: me},
		"token":       {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"identitytoken":"hunter2"}}}`}, host: host, want: &Login{IdentityToken: "hunter2"}},
		"Docker Hub":  {secret: map[string]string{KeyDockerConfig: loginOf("docker.io")}, host: "index.docker.io", want: me},
		"another":     {secret: map[string]string{KeyDockerConfig: loginOf("ghcr.io")}, host: host, hosts: []string{"ghcr.io"}},
		"other port":  {secret: map[string]string{KeyDockerConfig: loginOf(host)}, host: "registry.example.com", hosts: []string{host}},
		"helper":      {secret: map[string]string{KeyDockerConfig: `{"credHelpers":{"` + host + `":"ecr-login"}}`}, host: host, hosts: []string{host}},
		"none":        {secret: map[string]string{"token": "hunter2"}, host: host},
		"no JSON":     {secret: map[string]string{KeyDockerConfig: "hunter2"}, host: host, err: "key .dockerconfigjson is not JSON"},
		"broken auth": {secret: map[string]string{KeyDockerConfig: `{"auths":{"` + host + `":{"auth":"hunter2"}}}`}, host: host, err: "the login for " + host + " has an auth that is not"},
		"broken auth of another": {
			secret: map[string]string{KeyDockerConfig: `{"auths":{"ghcr.io":{"auth":"hunter2"}}}`}, host: host, hosts: []string{"ghcr.io"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, hosts, err := LoginOf(tc.secret, tc.host)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("login (-want, +got) =", diff)
			}
			if diff := cmp.Diff(tc.hosts, hosts); diff != "" {
				t.Error("hosts (-want, +got) =", diff)
			}
			switch {
			case (err != nil) != (tc.err != ""), err != nil && !strings.HasPrefix(err.Error(), tc.err):
				t.Errorf("LoginOf() = %v, want %q", err, tc.err)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("error = %q, which tells a secret", err)
			}
		})
	}
}
