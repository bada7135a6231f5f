package radio

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
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
	// Area is where the thing stands, "" for what stands nowhere.
	Area AreaID `json:"area,omitempty"`
	// Left counts what was left out of Values and Fields, because there was too much.
	Left int `json:"left,omitempty"`
}

// Bounds of what one entry keeps.
const (
	auditValues = 64
	auditText   = 500 // characters
)

// AuditValue is one setting before and after, as it is written everywhere; "" for none.
type AuditValue struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Now   string `json:"now"`
}

// Text is the form in which entries are kept; long words are cut, and many values.
func (f AuditFacts) Text() (string, error) {
	b, err := json.Marshal(f.bounded())
	return string(b), err
}

func (f AuditFacts) bounded() AuditFacts {
	for _, s := range []*string{&f.Code, &f.Title, &f.Why, &f.File, &f.Token, &f.Key, &f.Serial, &f.Program} {
		*s = cut(*s)
	}
	if n := len(f.Values); n > auditValues {
		f.Left, f.Values = f.Left+n-auditValues, f.Values[:auditValues]
	}
	if n := len(f.Fields); n > auditValues {
		f.Left, f.Fields = f.Left+n-auditValues, f.Fields[:auditValues]
	}
	values := make([]AuditValue, len(f.Values))
	for i, v := range f.Values {
		values[i] = AuditValue{Field: cut(v.Field), Was: cut(v.Was), Now: cut(v.Now)}
	}
	if f.Values != nil {
		f.Values = values
	}
	return f
}

// cut shortens text at a whole character.
func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > auditText {
			return s[:i] + "…"
		}
	}
	return s
}

// Change adds a setting to the facts when it is another one than before.
func (f *AuditFacts) Change(field, was, now string) {
	if was != now {
		f.Values = append(f.Values, AuditValue{Field: field, Was: was, Now: now})
	}
}

// wasCut says whether something was left out of the facts that are kept.
func (f *AuditFacts) wasCut() bool {
	if f == nil {
		return false
	}
	cut := f.Left > 0
	for _, s := range f.words() {
		cut = cut || strings.HasSuffix(s, "…") && utf8.RuneCountInString(s) > auditText
	}
	return cut
}

// Words are what a search looks through, folded: names, reasons and values. They are kept
// in a column, and a check of the audit makes them anew: what changes here must go on giving
// old entries the words they had.
func (f AuditFacts) Words() string { return Fold(strings.Join(f.words(), "\n")) }

func (f AuditFacts) words() []string {
	all := []string{f.Code, f.Title, f.Why, f.File, f.Token, f.Key, f.Serial}
	for _, v := range f.Values {
		all = append(all, v.Was, v.Now)
	}
	return all
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
