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
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// DefaultGitRef is what is built where the function names no branch, tag or commit.
const DefaultGitRef = "main"

// Git is a repository.
type Git struct {
	// URL is https://, ssh://, git:// or of the form git@host:org/repo; http:// only within the cluster.
	URL string `json:"url"`
	// Ref is a branch, a tag or a commit, the latter in full or at least 7 hex digits of it.
	Ref string `json:"ref"`
	// Path is a folder of the repository, or a file, which is fetched with the folder it is in. Empty: the whole.
	Path string `json:"path,omitempty"`
}

// GitRemote is the address of a repository, taken apart.
type GitRemote struct {
	// Scheme is https, http, ssh or git.
	Scheme string
	// User is who logs in, and Password what with. Both may be empty.
	User, Password string
	// Host is a name or an address of IPv4, and Port is 0 where the scheme's own is meant.
	Host string
	Port int
	// Path is the repository on the server.
	Path string
}

const (
	maxRefLength  = 256
	maxHostLength = 253
)

var (
	refPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$`)
	// scpPattern is how ssh's copy names a place: user, host, path.
	scpPattern = regexp.MustCompile(`^([A-Za-z0-9._-]+)@([A-Za-z0-9._-]+):([^:].*)$`)
	userOfURL  = regexp.MustCompile(`://[^/@]*@`)
)

// shellCharacters are refused in what names a source: none is needed, and each has been an attack.
const shellCharacters = ";&|$`(){}[]<>!#*?~\n\r\\'\" \t"

// NewGit makes a git source of what a user wrote. Its errors name the field.
func NewGit(repository, ref, file string) (*Git, error) {
	g := &Git{URL: repository, Ref: ref, Path: strings.Trim(file, "/")}
	if strings.HasPrefix(file, "/") {
		return nil, failf(ReasonInvalidPath, "source.git.path: a path is relative to the repository: remove the leading /")
	}
	if g.Path == "." {
		g.Path = ""
	}
	if g.Ref == "" {
		g.Ref = DefaultGitRef
	}
	return g, g.validate()
}

func (g *Git) validate() error {
	if _, err := g.Remote(); err != nil {
		return err
	}
	if len(g.Ref) > maxRefLength || !refPattern.MatchString(g.Ref) || strings.Contains(g.Ref, "..") {
		return failf(ReasonInvalidPlan, "source.git.ref: %q is not a branch, a tag or a commit: use letters, digits, . _ / -, at most %d", g.Ref, maxRefLength)
	}
	if g.Path == "" {
		return nil
	}
	if msg := checkPath(g.Path); msg != "" {
		return failf(ReasonInvalidPath, "source.git.path: %s", msg)
	}
	return nil
}

// Remote takes the URL apart. The URL may hold a password, and so is in none of the errors.
func (g *Git) Remote() (GitRemote, error) {
	if g.URL == "" || len(g.URL) > maxURLLength || !plain(g.URL) {
		return GitRemote{}, failf(ReasonInvalidPlan, "source.git.url: is not a URL of 1 to %d characters without spaces and quotes, and characters that mean something to a shell", maxURLLength)
	}
	if m := scpPattern.FindStringSubmatch(g.URL); m != nil && !strings.Contains(g.URL, "://") {
		return checkRemote(GitRemote{Scheme: "ssh", User: m[1], Host: m[2], Path: m[3]})
	}
	u, err := url.Parse(g.URL)
	if err != nil || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" {
		return GitRemote{}, failf(ReasonInvalidPlan, "source.git.url: is not a URL: write https://host/org/repo or git@host:org/repo")
	}
	r := GitRemote{Scheme: strings.ToLower(u.Scheme), User: u.User.Username(), Host: u.Hostname(), Path: u.Path}
	r.Password, _ = u.User.Password()
	if port := u.Port(); port != "" {
		if r.Port, err = strconv.Atoi(port); err != nil || r.Port < 1 || r.Port > 65535 {
			return GitRemote{}, failf(ReasonInvalidPlan, "source.git.url: %q is not a port", port)
		}
	}
	return checkRemote(r)
}

func checkRemote(r GitRemote) (GitRemote, error) {
	switch r.Scheme {
	case "https", "ssh", "git":
	case "http":
		if !InCluster(r.Host) {
			return r, failf(ReasonInvalidPlan, "source.git.url: http is for servers of the cluster (<service>.<namespace>.svc) only: use https")
		}
	default:
		return r, failf(ReasonInvalidPlan, "source.git.url: scheme %q is not one of https, ssh, git", r.Scheme)
	}
	switch {
	case !validHost(r.Host):
		return r, failf(ReasonInvalidPlan, "source.git.url: %q is not the name of a server", r.Host)
	case !plain(r.Path) || !plain(r.User):
		// What the URL wrote with %.
		return r, failf(ReasonInvalidPlan, "source.git.url: has characters that mean something to a shell")
	case strings.Trim(r.Path, "/") == "":
		return r, failf(ReasonInvalidPlan, "source.git.url: has no path of a repository")
	case strings.HasPrefix(r.User, "-") || strings.HasPrefix(strings.TrimLeft(r.Path, "/"), "-"):
		return r, failf(ReasonInvalidPlan, "source.git.url: neither user nor path begin with -")
	case r.Scheme == "git" && r.User != "":
		return r, failf(ReasonInvalidPlan, "source.git.url: the git protocol knows no users: use https or ssh")
	}
	return r, nil
}

// Address is what is dialled: host and port.
func (r GitRemote) Address() string {
	port := r.Port
	if port == 0 {
		port = map[string]int{"https": 443, "http": 80, "ssh": 22, "git": 9418}[r.Scheme]
	}
	return net.JoinHostPort(r.Host, strconv.Itoa(port))
}

// String returns the address as a URL, without user and password.
func (r GitRemote) String() string {
	host := r.Host
	if r.Port != 0 {
		host = net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	}
	u := url.URL{Scheme: r.Scheme, Host: host, Path: path.Join("/", r.Path)}
	return u.String()
}

// InCluster is true for the name of a Service of the cluster.
func InCluster(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local")
}

// Mask takes user and password out of each URL in text.
func Mask(text string) string {
	return userOfURL.ReplaceAllString(text, "://")
}

// plain is true for ASCII that no shell gives a meaning to.
func plain(text string) bool {
	return !strings.ContainsAny(text, shellCharacters) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func validHost(host string) bool {
	if len(host) > maxHostLength {
		return false
	}
	return hostPattern.MatchString(host) || net.ParseIP(host) != nil
}
