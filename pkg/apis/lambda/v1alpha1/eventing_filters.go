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

package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	// Time zones are checked also where the image has no files of them.
	_ "time/tzdata"

	cesql "github.com/cloudevents/sdk-go/sql/v2/parser"
	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
	kjson "sigs.k8s.io/json"
)

const (
	// maxFilterDepth is how deep filters may be within filters.
	maxFilterDepth = 8
	jsonMediaType  = "application/json"
)

// attributePattern is what Knative Eventing takes for the name of an attribute in a filter.
var attributePattern = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// UnmarshalJSON implements json.Unmarshaler. What the schema does not reach, filters within filters, must not have
// unknown fields either: a filter that is left out lets events pass that it should not.
func (f *EventFilter) UnmarshalJSON(data []byte) error {
	type plain EventFilter
	strict, err := kjson.UnmarshalStrict(data, (*plain)(f))
	err = errors.Join(append(strict, err)...)
	var within *filterError
	if err == nil || errors.As(err, &within) {
		return err
	}
	return &filterError{err}
}

// filterError is why a filter, or one within it, cannot be read.
type filterError struct{ err error }

func (e *filterError) Error() string { return "spec.eventing.filters: " + e.err.Error() }

func (e *filterError) Unwrap() error { return e.err }

func (f *EventFilter) validate() *apis.FieldError {
	return f.validateWithin(1)
}

func (f *EventFilter) validateWithin(depth int) (errs *apis.FieldError) {
	dialects := map[string]bool{
		"exact": len(f.Exact) > 0, "prefix": len(f.Prefix) > 0, "suffix": len(f.Suffix) > 0,
		"all": len(f.All) > 0, "any": len(f.Any) > 0, "not": f.Not != nil, "cesql": f.CESQL != "",
	}
	set := 0
	for _, is := range dialects {
		if is {
			set++
		}
	}
	if set != 1 {
		return apis.ErrGeneric("give exactly one of: exact, prefix, suffix, all, any, not, cesql", apis.CurrentField)
	}
	if depth > maxFilterDepth {
		return apis.ErrGeneric(fmt.Sprintf("filters are at most %d deep", maxFilterDepth), apis.CurrentField)
	}
	for field, attributes := range map[string]map[string]string{"exact": f.Exact, "prefix": f.Prefix, "suffix": f.Suffix} {
		errs = errs.Also(validateAttributeNames(attributes).ViaField(field))
		for name, value := range attributes {
			if value == "" {
				errs = errs.Also(apis.ErrInvalidValue(value, name, "give what the attribute has to have").ViaField(field))
			}
		}
	}
	for i := range f.All {
		errs = errs.Also(f.All[i].validateWithin(depth+1).ViaFieldIndex("all", i))
	}
	for i := range f.Any {
		errs = errs.Also(f.Any[i].validateWithin(depth+1).ViaFieldIndex("any", i))
	}
	if f.Not != nil {
		errs = errs.Also(f.Not.validateWithin(depth + 1).ViaField("not"))
	}
	if f.CESQL != "" {
		if err := parseCESQL(f.CESQL); err != nil {
			errs = errs.Also(apis.ErrInvalidValue(shorten(f.CESQL), "cesql", "no expression of CloudEvents SQL: "+shorten(err.Error())))
		}
	}
	return errs
}

// parseCESQL parses with what Knative Eventing parses with, which panics at some texts.
func parseCESQL(expression string) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it cannot be parsed")
		}
	}()
	_, err = cesql.Parse(expression)
	return err
}

func validateAttributeNames(attributes map[string]string) (errs *apis.FieldError) {
	for name := range attributes {
		if !attributePattern.MatchString(name) {
			errs = errs.Also(apis.ErrInvalidKeyName(shorten(name), apis.CurrentField, "write lower-case letters and digits, a letter first"))
		}
	}
	return errs
}

func validateSchedules(schedules []ScheduleSpec) (errs *apis.FieldError) {
	seen := make(map[string]struct{}, len(schedules))
	for i := range schedules {
		s := &schedules[i]
		errs = errs.Also(s.validate().ViaFieldIndex("schedules", i))
		if _, dup := seen[s.Name]; dup {
			errs = errs.Also(apis.ErrGeneric(shorten(s.Name)+" is there twice", "name").ViaFieldIndex("schedules", i))
		}
		seen[s.Name] = struct{}{}
	}
	return errs
}

func (s *ScheduleSpec) validate() (errs *apis.FieldError) {
	for _, msg := range validation.IsDNS1123Label(s.Name) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(s.Name), "name", msg))
	}
	if err := parseCron(s.Schedule); err != nil {
		errs = errs.Also(apis.ErrInvalidValue(shorten(s.Schedule), "schedule", err.Error()))
	}
	// Local is whatever the reader's zone is.
	if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == time.Local.String() {
		errs = errs.Also(apis.ErrInvalidValue(shorten(s.Timezone), "timezone", "write a name of the IANA database, for example Europe/Berlin"))
	}
	if s.Data != "" && s.ContentType == jsonMediaType {
		var object map[string]any
		if err := json.Unmarshal([]byte(s.Data), &object); err != nil {
			errs = errs.Also(apis.ErrInvalidValue(shorten(s.Data), "data", "contentType is application/json: write a JSON object"))
		}
	}
	return errs
}

// parseCron takes what Knative Eventing's PingSource takes.
func parseCron(schedule string) error {
	const remedy = "write minute hour day-of-month month day-of-week, for example \"*/5 * * * *\""
	if strings.TrimSpace(schedule) == "" {
		return errors.New(remedy)
	}
	// The parser panics at a zone without a schedule, and the zone has a field of its own.
	if strings.Contains(schedule, "TZ=") || strings.Contains(schedule, "@every") {
		return errors.New("neither @every nor a time zone is taken here: " + remedy)
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	if _, err := parser.Parse(schedule); err != nil {
		return fmt.Errorf("%s: %s", remedy, shorten(err.Error()))
	}
	return nil
}
