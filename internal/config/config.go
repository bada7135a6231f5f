// Package config loads one strict YAML file per program, then overrides from the
// environment, and tells every problem at once. It receives a struct of defaults
// from a program's main and hands it back filled; its value types (Duration, Secret)
// read and print themselves. Unknown keys are refused with file and line.
package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"loaxa/internal/radio"
)

// MaxFile bounds a configuration file in bytes.
const MaxFile = 1 << 20

// Load fills into, a pointer to a struct that holds the defaults: first from the
// file (skipped when path is ""), then from the environment. A field of yaml key
// `b` inside `a` is overridden by PREFIX_A_B. All problems are reported together.
func Load(path, prefix string, environ []string, into any) error {
	var errs []error
	if path != "" {
		errs = append(errs, loadFile(path, into))
	}
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, prefix+"_") {
			env[k] = v
		}
	}
	errs = append(errs, override(reflect.ValueOf(into).Elem(), prefix, env)...)
	for k := range env {
		errs = append(errs, fmt.Errorf("%w: environment variable %s is not a setting", radio.ErrInvalid, k))
	}
	return errors.Join(errs...)
}

func loadFile(path string, into any) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > MaxFile {
		return fmt.Errorf("%w: configuration %s has %d bytes, at most %d", radio.ErrInvalid, path, info.Size(), MaxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := refuseNothing(path, b); err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict())
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: configuration %s:%s", radio.ErrInvalid, path, yaml.FormatError(err, false, false))
	}
	return nil
}

// refuseNothing finds keys without a value. The decoder would leave the default in
// place without a word, which a person who wrote `driver: null` did not mean.
func refuseNothing(path string, b []byte) error {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil // the decoder says it better
	}
	var v nothing
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(&v, doc.Body)
		}
	}
	var errs []error
	for _, line := range v.lines {
		errs = append(errs, fmt.Errorf("%w: configuration %s:%d: a key without a value; leave it out, or write the word \"null\" in quotes", radio.ErrInvalid, path, line))
	}
	return errors.Join(errs...)
}

type nothing struct{ lines []int }

// Visit notes null values.
func (v *nothing) Visit(n ast.Node) ast.Visitor {
	if null, ok := n.(*ast.NullNode); ok {
		v.lines = append(v.lines, null.GetToken().Position.Line)
	}
	return v
}

// override sets every field the environment names, and takes its name off env.
func override(v reflect.Value, name string, env map[string]string) []error {
	var errs []error
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" || !f.IsExported() {
			continue
		}
		varName := name + "_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
		field := v.Field(i)
		if text, ok := env[varName]; ok {
			delete(env, varName)
			if err := set(field, text); err != nil {
				errs = append(errs, fmt.Errorf("%w: %s=%q: %v", radio.ErrInvalid, varName, text, err))
			}
			continue
		}
		if _, isText := field.Addr().Interface().(encoding.TextUnmarshaler); field.Kind() == reflect.Struct && !isText {
			errs = append(errs, override(field, varName, env)...)
		}
	}
	return errs
}

func set(field reflect.Value, text string) error {
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return err
		}
		field.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		field.SetInt(n)
	case reflect.Slice:
		if field.Type().Elem().Kind() != reflect.String {
			return errors.New("this list cannot be set from the environment")
		}
		parts := strings.Split(text, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		field.Set(reflect.ValueOf(parts))
	default:
		return errors.New("this setting cannot be set from the environment")
	}
	return nil
}

// Print writes the effective configuration as YAML; secrets show as ***.
func Print(cfg any) (string, error) {
	b, err := yaml.Marshal(cfg)
	if err != nil {
		return "", fmt.Errorf("print the configuration: %w", err)
	}
	return string(b), nil
}

// Duration is a time.Duration written like "90s" or "1h30m".
type Duration time.Duration

// UnmarshalText reads Go's duration form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 90s or 1h30m", b)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML is UnmarshalText with the place in the file, which the decoder tells
// only of mistakes it finds itself.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	at := n.GetToken().Position
	v, ok := n.(ast.ScalarNode)
	if !ok {
		return fmt.Errorf("[%d:%d] want a duration such as 90s or 1h30m", at.Line, at.Column)
	}
	if err := d.UnmarshalText(fmt.Append(nil, v.GetValue())); err != nil {
		return fmt.Errorf("[%d:%d] %w", at.Line, at.Column, err)
	}
	return nil
}

// MarshalText writes Go's duration form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// D gives the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Secret is a text that never prints: passwords, DSNs with passwords.
type Secret string

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }

// MarshalText hides it; an empty secret stays empty, so that a missing one shows.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String hides it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// Reveal gives the text to the one place that needs it.
func (s Secret) Reveal() string { return string(s) }
