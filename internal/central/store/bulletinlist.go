package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// criteria collects conditions with their arguments.
type criteria struct {
	conditions []string
	args       []any
}

// add takes a condition with one $ for each argument.
func (w *criteria) add(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "$?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *criteria) text() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.conditions, ` AND `)
}

// maxSearchWords bounds the words of one search.
const maxSearchWords = 8

// seen is the condition that a version (named x, its bulletin b) is one the reader may
// see; it says in SQL what radio.Person.MaySee says.
func seen(w *criteria, x string, v radio.BulletinView) string {
	if v.Everything {
		return `1 = 1`
	}
	in := func(areas []radio.AreaID) string {
		first := len(w.args) + 1
		for _, a := range areas {
			w.args = append(w.args, a)
		}
		return `b.area IN (` + placeholders(first, len(areas)) + `)`
	}
	any := []string{`1 = 0`}
	if len(v.Own) > 0 {
		w.args = append(w.args, v.Reader)
		mine := fmt.Sprintf(`%s.created_by = $%d`, x, len(w.args))
		any = append(any, `(`+mine+` AND `+in(v.Own)+`)`)
	}
	if len(v.Desks) > 0 {
		any = append(any, in(v.Desks))
	}
	if len(v.Finished) > 0 {
		any = append(any, `(`+x+`.state IN ('approved', 'withdrawn') AND `+in(v.Finished)+`)`)
	}
	return `(` + strings.Join(any, ` OR `) + `)`
}

// newestSeen picks of each bulletin the newest version that the reader may see.
func newestSeen(v radio.BulletinView) *criteria {
	w := &criteria{}
	w.add(`v.version = (SELECT MAX(x.version) FROM bulletin_version x WHERE x.bulletin = b.id AND ` + seen(w, `x`, v) + `)`)
	return w
}

// ListBulletins lists at most limit bulletins behind the cursor, each in the newest
// version its reader may see.
func (s *Store) ListBulletins(ctx context.Context, v radio.BulletinView, f radio.BulletinFilter, after radio.BulletinCursor, limit int) ([]radio.Bulletin, error) {
	w := newestSeen(v)
	if f.State != "" {
		w.add(`v.state = $?`, f.State)
	}
	if f.Field != 0 {
		w.add(`v.field = $?`, int(f.Field))
	}
	if f.Campaign != "" {
		w.add(`v.campaign = $?`, f.Campaign)
	}
	if f.Area != "" {
		w.add(`b.area = $?`, f.Area)
	}
	if f.Author != "" {
		w.add(`v.created_by = $?`, f.Author)
	}
	words := strings.Fields(radio.Fold(f.Text))
	for _, word := range words[:min(len(words), maxSearchWords)] {
		w.add(`v.search LIKE $? ESCAPE '\'`, `%`+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+`%`)
	}
	const later = `CASE WHEN v.state = 'pending' THEN 0 ELSE 1 END`
	if after != (radio.BulletinCursor{}) {
		rank := 0
		if after.Later {
			rank = 1
		}
		w.add(`(`+later+` > $? OR `+later+` = $? AND (v.created_at < $? OR v.created_at = $? AND b.id < $?))`,
			rank, rank, after.CreatedAt, after.CreatedAt, after.ID)
	}
	w.args = append(w.args, limit)
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Bulletin, error) { return scanBulletin(r) },
		bulletinQuery+w.text()+` ORDER BY `+later+`, v.created_at DESC, b.id DESC LIMIT $`+fmt.Sprint(len(w.args)), w.args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list bulletins: %w", err))
	}
	return out, nil
}

// CountBulletins counts what ListBulletins would list without a filter, by state.
func (s *Store) CountBulletins(ctx context.Context, v radio.BulletinView) (map[radio.BulletinState]int, error) {
	w := newestSeen(v)
	counts := map[radio.BulletinState]int{}
	_, err := collect(ctx, s.read, func(r *sql.Rows) (struct{}, error) {
		var state radio.BulletinState
		var n int
		err := r.Scan(&state, &n)
		counts[state] = n
		return struct{}{}, err
	}, `SELECT v.state, COUNT(*)`+bulletinTables+w.text()+` GROUP BY v.state`, w.args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("count bulletins: %w", err))
	}
	return counts, nil
}

// BulletinsOfSource lists the bulletins made from the same upload: of each the newest
// such version, the newest first.
func (s *Store) BulletinsOfSource(ctx context.Context, source radio.SHA256) ([]radio.Bulletin, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Bulletin, error) { return scanBulletin(r) },
		bulletinQuery+` WHERE v.source_sha256 = $1 AND v.version =
			(SELECT MAX(x.version) FROM bulletin_version x WHERE x.bulletin = b.id AND x.source_sha256 = $1)
		ORDER BY v.created_at DESC, b.id DESC LIMIT 10`, source)
	if err != nil {
		return nil, s.kind(fmt.Errorf("bulletins of upload %s: %w", source, err))
	}
	return out, nil
}

// BulletinHistory lists what was done to a bulletin, the newest first.
func (s *Store) BulletinHistory(ctx context.Context, id radio.BulletinID) ([]radio.BulletinEvent, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (e radio.BulletinEvent, err error) {
		var action, text string
		if err := r.Scan(&e.At, &e.By, &e.Name, &action, &text); err != nil {
			return e, err
		}
		step, _ := strings.CutPrefix(action, "bulletin.")
		e.Step = radio.BulletinStep(step)
		if named, ok := radio.DecisionStep(radio.BulletinState(step)); ok {
			e.Step = named // entries from before the desk name the state
		}
		var kept radio.AuditEntry
		if kept.Tell(text); kept.Facts != nil {
			e.Version, e.Fields, e.Detail = kept.Facts.Version, kept.Facts.Fields, cmp.Or(kept.Facts.Why, kept.Facts.File)
			return e, nil
		}
		// An entry from before there were facts, such as "tin version 2: why". A code has no
		// space, so the first one ends it.
		_, text, _ = strings.Cut(text, " version ")
		number, detail, _ := strings.Cut(text, ": ")
		if e.Detail = detail; e.Step == radio.StepEdit {
			e.Detail, e.Fields = "", strings.Split(detail, ", ")
		}
		if e.Version, err = strconv.Atoi(number); err != nil {
			return e, fmt.Errorf("audit of bulletin %s: %w", id, err)
		}
		return e, nil
	}, `SELECT a.at, a.actor, COALESCE(p.name, ''), a.action, a.detail FROM audit a LEFT JOIN person p ON p.id = a.actor
		WHERE a.subject = $1 AND a.action LIKE 'bulletin.%' ORDER BY a.seq DESC LIMIT 500`, id)
	if err != nil {
		return nil, s.kind(fmt.Errorf("history of bulletin %s: %w", id, err))
	}
	return out, nil
}
