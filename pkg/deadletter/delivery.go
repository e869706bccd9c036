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
	"math"
	"net/url"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// Parameters of the URL that letters are posted to.
const (
	functionParameter = "function"
	ttlParameter      = "ttl"
	maxParameter      = "max"
	overflowParameter = "overflow"
	retriesParameter  = "retries"
	replyParameter    = "reply"
)

// retention says how long letters of a function are kept.
type retention struct {
	ttl      time.Duration
	max      int64
	overflow string
}

// delivery is what the URL says of a letter.
type delivery struct {
	namespace string
	function  string
	replyTo   string
	retries   *int
	retention retention
}

// parseDelivery reads the URL that a letter was posted to. What cannot be used is as if it were not there, and is told in
// the error beside the delivery: to refuse a letter over it would be to lose the letter.
func parseDelivery(namespace string, query url.Values, defaults *config.DeadLetters) (*delivery, error) {
	d := &delivery{
		namespace: namespace,
		retention: retention{ttl: defaults.TTL, max: defaults.MaxLetters, overflow: defaults.Overflow},
	}
	var errs []error
	refuse := func(name, want string) {
		errs = append(errs, fmt.Errorf("parameter %s: %q is not %s", name, query.Get(name), want))
	}
	if function := query.Get(functionParameter); function != "" {
		if d.function = function; !isName(function) {
			d.function = ""
			refuse(functionParameter, "the name of a function")
		}
	}
	// 0 stands for the default, as an absent field does.
	if ttl, ok := number(query, ttlParameter); !ok || ttl > math.MaxInt64/int64(time.Millisecond) {
		refuse(ttlParameter, "a number of milliseconds")
	} else if ttl > 0 {
		d.retention.ttl = time.Duration(ttl) * time.Millisecond
	}
	if limit, ok := number(query, maxParameter); !ok {
		refuse(maxParameter, "a number of letters")
	} else if limit > 0 {
		d.retention.max = limit
	}
	switch overflow := query.Get(overflowParameter); overflow {
	case "":
	case config.OverflowDropHead, config.OverflowRejectPublish:
		d.retention.overflow = overflow
	default:
		refuse(overflowParameter, config.OverflowDropHead+" or "+config.OverflowRejectPublish)
	}
	if retries, ok := number(query, retriesParameter); !ok || retries > math.MaxInt32 {
		refuse(retriesParameter, "a number of retries")
	} else if query.Has(retriesParameter) {
		n := int(retries)
		d.retries = &n
	}
	d.replyTo = query.Get(replyParameter)
	return d, errors.Join(errs...)
}

// number reads a parameter that is a whole number of at least 0; it is 0 where there is none.
func number(query url.Values, name string) (int64, bool) {
	text := query.Get(name)
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// isName is true for what can be the name of a namespace, of a function, or of a Service.
func isName(text string) bool {
	return len(validation.IsDNS1123Label(text)) == 0
}
