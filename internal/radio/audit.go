package radio

import (
	"encoding/json"
	"strings"
)

// AuditFacts is what an audit entry keeps of a change: facts, which every reader is told in
// their own language, with the names that things and people had then.
type AuditFacts struct {
	// Code and Title are those of the subject: a bulletin, a schedule, a device, an account.
	Code    string `json:"code,omitempty"`
	Title   string `json:"title,omitempty"`
	Version int    `json:"version,omitempty"`
	// Why is the reason that the person wrote.
	Why string `json:"why,omitempty"`
	// Fields are the words that an edit changed.
	Fields []string `json:"fields,omitempty"`
	// Conflicts is how many of them were accepted at publication.
	Conflicts int `json:"conflicts,omitempty"`
	// File came with a schedule or a plan; Counts says how many things it made, changed, ….
	File   string         `json:"file,omitempty"`
	Counts map[string]int `json:"counts,omitempty"`
	// Values are settings before and after.
	Values []AuditValue `json:"values,omitempty"`
	// Was and Now are the roles before and after.
	Was []Grant `json:"was,omitempty"`
	Now []Grant `json:"now,omitempty"`
	// Token is what its owner calls an API token.
	Token string `json:"token,omitempty"`
	// Key names a person's signing key; Drill says that an alert was one.
	Key   string `json:"key,omitempty"`
	Drill bool   `json:"drill,omitempty"`
	// Serial is that of a device's certificate.
	Serial string `json:"serial,omitempty"`
	// MadeAt and Program are those of a backup that was restored.
	MadeAt  Millis `json:"made_at,omitempty"`
	Program string `json:"program,omitempty"`
}

// AuditValue is one setting before and after, as it is written everywhere; "" for none.
type AuditValue struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Now   string `json:"now"`
}

// Text is the form in which entries are kept.
func (f AuditFacts) Text() (string, error) {
	b, err := json.Marshal(f)
	return string(b), err
}

// Tell reads what was kept into the entry: facts, or of an entry from before there were
// facts the words of that time, as they are.
func (e *AuditEntry) Tell(kept string) {
	var f AuditFacts
	if strings.HasPrefix(kept, "{") && json.Unmarshal([]byte(kept), &f) == nil {
		e.Facts = &f
		return
	}
	e.Detail = kept
}
