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

package deadletter

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"knative.dev/pkg/network"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// errDestination is why letters are not sent somewhere. A destination is what a sender said, and senders may lie.
var errDestination = errors.New("destination refused")

// destinations knows where letters may be sent.
type destinations struct {
	clusterDomain string
	ingresses     []string
}

func newDestinations(ingresses []string) *destinations {
	return &destinations{clusterDomain: network.GetClusterDomainName(), ingresses: ingresses}
}

// target is where a letter may be sent.
type target struct {
	url *url.URL
	// service is the name of the Service within the letter's namespace. Empty for a broker.
	service string
}

// check parses a destination of letters of a namespace. It is a Service of that namespace, or the address of one of its
// brokers.
func (d *destinations) check(namespace, text string) (*target, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: %q %s", errDestination, text, why)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, refuse("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, refuse("is neither http nor https")
	case u.User != nil, u.Opaque != "", u.Fragment != "":
		return nil, refuse("has more than a host, a path and a query")
	}
	name, within := d.service(strings.ToLower(u.Hostname()))
	switch {
	case name == "":
		return nil, refuse("is not a Service of this cluster: it would be <name>.<namespace>.svc")
	case within == namespace:
		return &target{url: u, service: name}, nil
	case slices.Contains(d.ingresses, name+"."+within) && brokerPath(namespace, u):
		return &target{url: u}, nil
	}
	return nil, refuse(fmt.Sprintf("is neither a Service of namespace %q nor one of its brokers", namespace))
}

// service splits the name of a Service's host.
func (d *destinations) service(host string) (name, namespace string) {
	host = strings.TrimSuffix(host, ".")
	name, rest, _ := strings.Cut(host, ".")
	namespace, suffix, _ := strings.Cut(rest, ".")
	if !isName(name) || !isName(namespace) || (suffix != "svc" && suffix != "svc."+d.clusterDomain) {
		return "", ""
	}
	return name, namespace
}

// brokerPath is true for /<namespace>/<broker>.
func brokerPath(namespace string, u *url.URL) bool {
	broker, ok := strings.CutPrefix(u.EscapedPath(), "/"+namespace+"/")
	return ok && isName(strings.TrimSuffix(broker, "/"))
}

func sameURL(a, b string) bool {
	return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}

// newTransport makes connections for redrives.
func newTransport() *http.Transport {
	transport := netguard.New(netguard.Inside()).Transport(nil)
	transport.ResponseHeaderTimeout = 0 // functions take the time that they may take
	transport.MaxIdleConnsPerHost = redriveConcurrency
	transport.IdleConnTimeout = 30 * time.Second
	return transport
}
