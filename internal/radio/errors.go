package radio

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error kinds. Every room wraps one of them, so that one place (web, a command's
// exit) turns kinds into statuses without reading texts.
var (
	// ErrNotFound: the thing named does not exist (or is outside the caller's areas).
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state of the thing forbids this now.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: what was sent breaks a rule; see Invalid for the fields.
	ErrInvalid = errors.New("invalid")
	// ErrForbidden: the caller may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrUnavailable: a needed part does not answer now; the same call may go through later.
	ErrUnavailable = errors.New("unavailable")
)

// Problem is one broken rule of one field, in both screen languages.
type Problem struct {
	Field string `json:"field"`
	VI    string `json:"reason_vi"`
	EN    string `json:"reason_en"`
}

// Invalid lists every broken rule of one input at once; errors.Is(err, ErrInvalid).
type Invalid struct{ Problems []Problem }

// Add notes one broken rule.
func (e *Invalid) Add(field, vi, en string) {
	e.Problems = append(e.Problems, Problem{Field: field, VI: vi, EN: en})
}

// Err gives nil when no rule was broken.
func (e *Invalid) Err() error {
	if e == nil || len(e.Problems) == 0 {
		return nil
	}
	return e
}

// Error lists the English reasons.
func (e *Invalid) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = fmt.Sprintf("%s: %s", p.Field, p.EN)
	}
	return "invalid: " + strings.Join(parts, "; ")
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *Invalid) Is(target error) bool { return target == ErrInvalid }

// refusal is an error of a kind whose reason is meant for people, in both languages.
type refusal struct {
	kind   error
	vi, en string
}

// Refuse makes an error of a kind with words for people.
func Refuse(kind error, vi, en string) error { return refusal{kind, vi, en} }

func (r refusal) Error() string { return r.kind.Error() + ": " + r.en }
func (r refusal) Unwrap() error { return r.kind }

// Vietnamese is what a Vietnamese reader is told.
func (r refusal) Vietnamese() string { return r.vi }

// Busy refuses work for which there is no room just now; it is an ErrUnavailable.
type Busy struct {
	What string
	Wait time.Duration // when to come again
}

// Error says of what there is too much.
func (e *Busy) Error() string { return "unavailable: " + e.What }

// Is makes errors.Is(err, ErrUnavailable) true.
func (e *Busy) Is(target error) bool { return target == ErrUnavailable }
