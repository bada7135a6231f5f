package central

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestConfirmationsCannotBeTurnedOff: the log is never empty because of a switch. Neither
// the centre's configuration nor what it sends to devices has a setting that could stop
// confirmations, or the log that meets them; a new setting that sounds like one, and a
// new switch of any kind, has to be looked at here.
func TestConfirmationsCannotBeTurnedOff(t *testing.T) {
	allowed := []string{
		"Config.log_level",           // of the program's own messages
		"Config.people.behind_proxy", // who speaks HTTPS
		"Config.people.acme.accept_terms",
		"Config.faults.assumed_clocks", // whether such a clock is told as a trouble
		"Config.notify.to.allow_http",  // how a message about a trouble travels
	}
	suspect := regexp.MustCompile(`(?i)confirm|as_?run|journal|report|airing|outcome|log|record`)
	var walk func(path string, v reflect.Type)
	walk = func(path string, v reflect.Type) {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
			v = v.Elem()
		}
		if v.Kind() == reflect.Bool && !slices.Contains(allowed, path) {
			t.Errorf("%s is a switch", path)
		}
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			f := v.Field(i)
			name := nameOf(f)
			if !f.IsExported() || name == "-" {
				continue
			}
			if at := path + "." + name; suspect.MatchString(name) && !slices.Contains(allowed, at) {
				t.Errorf("%s sounds like a setting of confirmations", at)
			}
			walk(path+"."+name, f.Type)
		}
	}
	for name, v := range map[string]any{"Config": Config{}, "Settings": radio.Settings{}, "Policy": radio.Policy{}} {
		walk(name, reflect.TypeOf(v))
	}
	// The wait for a word has a default; without a value it is not for ever.
	if d := DefaultConfig().SilentAfter; d <= 0 {
		t.Errorf("silent after %v", d)
	}
}

// nameOf is the name of a setting in its file or document.
func nameOf(f reflect.StructField) string {
	for _, key := range []string{"yaml", "json"} {
		if tag := f.Tag.Get(key); tag != "" {
			name, _, _ := strings.Cut(tag, ",")
			return name
		}
	}
	return f.Name
}
