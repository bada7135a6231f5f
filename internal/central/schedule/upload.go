package schedule

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

const (
	// MaxUploadBytes bounds one file of schedules.
	MaxUploadBytes = 5 << 20
	// maxUploadSchedules bounds the schedules of one file.
	maxUploadSchedules = 200
)

// ReadUpload reads a file of schedules (YAML, CSV or XLSX by its name) and tells what
// drafts it would make. Everything wrong in it comes back together as a *radio.Invalid
// whose fields are places: file:line:column, or a sheet's cell.
func (d *Desk) ReadUpload(ctx context.Context, by radio.Person, name string, data []byte) (radio.ScheduleUpload, error) {
	if !by.MaySomewhere(radio.WriteSchedules) {
		return radio.ScheduleUpload{}, fmt.Errorf("%w: no right to write schedules", radio.ErrForbidden)
	}
	w, err := d.world(ctx)
	if err != nil {
		return radio.ScheduleUpload{}, err
	}
	name = cleanName(name)
	raw := readFile(&w.problems, name, data)
	r := &reader{file: name, problems: &w.problems}
	return w.upload(by, name, r, raw)
}

// cleanName keeps of a file's name what can stand in front of a line number.
func cleanName(name string) string {
	name = path.Base(strings.ReplaceAll(norm.NFC.String(strings.ToValidUTF8(name, "?")), `\`, "/"))
	name = strings.Map(func(c rune) rune {
		if radio.NoText(c) {
			return -1
		}
		return c
	}, name)
	return clip(name)
}

// readFile reads one file of any of the kinds.
func readFile(problems *Problems, name string, data []byte) []scheduleText {
	r := &reader{file: name, problems: problems}
	whole := Pos{File: name}
	ext := strings.ToLower(path.Ext(name))
	switch {
	case len(data) > MaxUploadBytes:
		problems.add(whole, "tệp lớn hơn 5 MB", "file larger than 5 MB")
	case len(data) == 0:
		problems.add(whole, "tệp trống", "the file is empty")
	case ext == ".xlsx" || bytes.HasPrefix(data, []byte("PK\x03\x04")):
		g, where := r.xlsxGrid(data)
		return r.wholeTable(g, where)
	case ext == ".yaml" || ext == ".yml":
		return r.yamlSchedules(data)
	case ext == ".csv" || ext == ".tsv" || ext == ".txt":
		g, where := r.csvGrid(data)
		return r.wholeTable(g, where)
	case ext == ".xls":
		problems.add(whole, "tệp XLS đời cũ: hãy mở bằng Excel và lưu dạng XLSX", "an old XLS file: open it in Excel and save it as XLSX")
	default:
		problems.add(whole, "tệp phải là .yaml, .csv hoặc .xlsx", "want a .yaml, .csv or .xlsx file")
	}
	return nil
}

// wholeTable reads a grid, unless what came before the rows was wrong.
func (r *reader) wholeTable(g grid, where func(row, col int) Pos) []scheduleText {
	if g == nil && len(*r.problems) > 0 {
		return nil
	}
	return r.table(g, where)
}

// yamlSchedules reads the list of schedules of a YAML file. The other lists of our
// format are the administrators' business.
func (r *reader) yamlSchedules(data []byte) []scheduleText {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) > MaxFileBytes {
		r.problems.add(Pos{File: r.file}, "tệp YAML lớn hơn 1 MB", "YAML file larger than 1 MB")
		return nil
	}
	if !r.readable(data) {
		return nil
	}
	root, ok := r.tree(data)
	if !ok || root == nil {
		return nil
	}
	m, ok := r.mapping(root)
	if !ok {
		return nil
	}
	for i := range m.pairs {
		p := &m.pairs[i]
		for _, other := range []string{"areas", "devices", "policies", "bulletins", "campaigns"} {
			if p.key == other {
				p.taken = true
				r.problems.add(p.keyAt, fmt.Sprintf("tệp tải lên chỉ gồm schedules; %s do quản trị nhập bằng lệnh `loaxa import`", other),
					fmt.Sprintf("an uploaded file holds only schedules; %s come in by `loaxa import`", other))
			}
		}
	}
	var out []scheduleText
	m.each("schedules", func(m *mapping) { out = append(out, rawSchedule(m)) })
	m.rest()
	return out
}

// upload holds what a file says against what there is.
func (w *world) upload(by radio.Person, name string, r *reader, raw []scheduleText) (radio.ScheduleUpload, error) {
	u := radio.ScheduleUpload{Name: name, Changes: []radio.ScheduleChange{}}
	switch n := len(raw); {
	case n == 0 && len(w.problems) == 0:
		w.problems.add(Pos{File: name}, "tệp không có lịch nào", "the file holds no schedule")
	case n > maxUploadSchedules:
		w.problems.add(Pos{File: name}, fmt.Sprintf("quá %d lịch trong một tệp", maxUploadSchedules), fmt.Sprintf("more than %d schedules in one file", maxUploadSchedules))
		raw = nil
	}
	type seen struct {
		Base     int
		Revision int64
		Change   radio.ScheduleChange
	}
	var shown []seen
	once := known{}
	for i := range raw {
		if !raw[i].area.set() {
			raw[i].area = w.ownDesk(by, raw[i].at)
		}
		decl := r.schedule(raw[i])
		decl.byFile = true
		if !w.first(once, "schedule", decl.code) {
			continue
		}
		s, ok := w.resolve(by, &decl, "")
		if !ok {
			continue
		}
		form := w.form(s)
		c := w.uploadChange(s)
		u.Changes, u.Forms = append(u.Changes, c), append(u.Forms, form)
		if c.Action == uploadCreated {
			c.Schedule = "" // given anew each time until it is saved
		}
		shown = append(shown, seen{s.Version - 1, w.drafts[s.ID].Revision, c})
	}
	if err := w.problems.invalid(); err != nil {
		return radio.ScheduleUpload{Name: name}, err
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return u, fmt.Errorf("name the difference of %s: %w", name, err)
	}
	sum := sha256.Sum256(b)
	u.Seen = hex.EncodeToString(sum[:16])
	return u, nil
}

const (
	uploadCreated   = "created"
	uploadChanged   = "changed"
	uploadUnchanged = "unchanged"
)

// uploadChange compares with the draft, where there is one, else with what is on the
// air: a second upload of a file changes nothing.
func (w *world) uploadChange(s radio.Schedule) radio.ScheduleChange {
	c := radio.ScheduleChange{Schedule: s.ID, Code: s.Code, Title: s.Title, Action: uploadChanged}
	was, exists := w.stored[s.ID]
	if x, drafted := w.drafts[s.ID]; drafted {
		was, exists = x.Doc, true
	}
	c.Fields = fieldChanges(fieldsIf(exists, func() []field { return w.scheduleFields(was) }), w.scheduleFields(s))
	switch {
	case !exists:
		c.Action = uploadCreated
	case len(c.Fields) == 0:
		c.Action = uploadUnchanged
	}
	return c
}

// SaveUpload makes the drafts of an upload that was shown: all of them, or none.
// ErrConflict when what would be saved is no longer what was shown.
func (d *Desk) SaveUpload(ctx context.Context, by radio.Person, shown radio.ScheduleUpload) (radio.ScheduleUpload, error) {
	if !by.MaySomewhere(radio.WriteSchedules) {
		return radio.ScheduleUpload{}, fmt.Errorf("%w: no right to write schedules", radio.ErrForbidden)
	}
	w, err := d.world(ctx)
	if err != nil {
		return radio.ScheduleUpload{}, err
	}
	name := cleanName(shown.Name)
	r := &reader{file: name, problems: &w.problems}
	raw := make([]scheduleText, 0, min(len(shown.Forms), maxUploadSchedules+1))
	for i, f := range shown.Forms[:min(len(shown.Forms), maxUploadSchedules+1)] {
		raw = append(raw, r.formSchedule(f, fmt.Sprintf("schedules[%d]", i)))
	}
	u, err := w.upload(by, name, r, raw)
	if err != nil {
		return u, err
	}
	if u.Seen != shown.Seen {
		return u, fmt.Errorf("%w: the schedules were changed meanwhile; look at the difference again", radio.ErrConflict)
	}
	var writes []radio.DraftWrite
	for i := range raw {
		if u.Changes[i].Action == uploadUnchanged {
			continue
		}
		decl := r.schedule(raw[i])
		decl.byFile = true
		s, ok := w.resolve(by, &decl, "")
		if !ok {
			return u, w.problems.invalid()
		}
		u.Changes[i].Schedule = s.ID
		writes = append(writes, d.draft(w, by, s))
	}
	if len(writes) == 0 {
		return u, nil
	}
	return u, d.rooms.Drafts.PutScheduleDrafts(ctx, writes, d.act(by, "schedule.upload", radio.AuditFacts{File: name}))
}
