package verify

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// programme publishes a programme of one item a slot, each every day at its time.
func (h *house) programme(d *device, revision int64, slots map[string]radio.ProgrammeSlot) radio.Programme {
	h.t.Helper()
	p := radio.Programme{Device: d.id, Revision: revision, Zone: h.area.Zone, IssuedAt: radio.At(h.now()), NotAfter: radio.At(h.now().Add(35 * 24 * time.Hour))}
	for cron, s := range slots {
		s.Cron = cron
		p.Slots = append(p.Slots, s)
		for _, it := range s.Items {
			p.Audio = append(p.Audio, radio.ProgrammeAudio{Bulletin: it.Bulletin, Version: 1, Title: "Bản tin thử", Renditions: []radio.Rendition{
				{SHA256: radio.SHA256(strings.Repeat("ab", 32)), Kbps: radio.MainKbps, Bytes: 1, Frames: 40, Samples: 40 * radio.FrameSamples}}})
		}
	}
	payload := must(json.Marshal(p))(h.t)
	if err := h.db.AddIssued(h.t.Context(), radio.Issued{Device: d.id, Document: "programme", Revision: revision, IssuedAt: p.IssuedAt, NotAfter: p.NotAfter,
		Digest: radio.SHA256(fmt.Sprintf("%064d", revision)), Payload: payload, Envelope: []byte("x")}); err != nil {
		h.t.Fatal(err)
	}
	places := must(h.db.Places(h.t.Context()))(h.t)
	place := places[slices.IndexFunc(places, func(x radio.Place) bool { return x.Device.ID == d.id })]
	if err := h.rec.Published(h.t.Context(), place, p, p.IssuedAt); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func daily() radio.ProgrammeSlot {
	return radio.ProgrammeSlot{Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), Priority: radio.Normal, GraceSeconds: 1,
		Items: []radio.Item{{Entry: radio.NewID[radio.EntryID](), Kind: radio.KindAudio, Bulletin: radio.NewID[radio.BulletinID](), Version: 1, Repeat: 1}}}
}

// confirms writes the device's word about a planned row.
func (d *device) confirms(r radio.AsRun) {
	c := radio.Confirmation{ID: r.Airing, Origin: r.Origin, Key: r.Key, Start: r.Start, Revision: r.Held, Priority: r.Priority, Bulletin: r.Bulletin, Version: r.Version,
		SHA256: r.SHA256, Outcome: radio.Aired, StartedAt: r.Start, EndedAt: r.End(), Expected: r.Samples, Consumed: r.Samples, Proof: "paced"}
	d.says(c)
}

// settledHouse has a log of some days with every way in which an airing can end, a mute
// device, a fork and a gap, a closed month, and a day that has not settled.
func settledHouse(t *testing.T) (*house, *device) {
	h := newHouse(t)
	h.pass(5 * 24 * time.Hour)
	h.device("mute") // is planned for and never speaks
	mute := must(h.db.Places(t.Context()))(t)[0].Device.ID
	d := h.device("a").boots(1)
	d.airs(radio.Aired, 100)
	d.raw([]byte("{"))
	d.sends(1, 3)
	one, two, gone, after := daily(), daily(), daily(), daily()
	h.programme(d, 1, map[string]radio.ProgrammeSlot{"0 13 * * *": one, "0 15 * * *": gone, "0 16 * * *": after})
	h.programme(&device{h: h, id: mute}, 1, map[string]radio.ProgrammeSlot{"30 13 * * *": daily()})
	h.pass(30 * time.Minute)
	two.Items = slices.Clone(two.Items)
	h.programme(d, 2, map[string]radio.ProgrammeSlot{"0 13 * * *": one, "0 16 * * *": after, "0  16 * * *": two})
	h.pass(6 * time.Hour)
	for range 5 {
		rows := must(h.db.AsRuns(t.Context(), radio.LogFilter{Device: d.id, Outcome: radio.PendingOutcome}, radio.LogCursor{}, 100))(t)
		n := len(d.records)
		for _, r := range rows {
			if r.Key.Slot == one.Slot && r.Start < radio.At(h.now()) {
				d.confirms(r)
			}
		}
		d.boots(1).sends(n+1, len(d.records))
		for range 4 {
			if err := h.rec.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := h.keeper.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.pass(6 * time.Hour)
		}
	}
	// The device forks its journal, begins another, in which it tells again what it recorded on
	// the other way, and has lost the middle of that.
	n := len(d.records)
	twin := *d
	twin.records, twin.links = slices.Clone(d.records[:n-1]), slices.Clone(d.links[:n])
	twin.airs(radio.Partial, 40)
	h.give(d, wire.Journal, twin.batch(n, n))
	twin.again(n)
	twin.boots(5).sends(1, 2)
	h.give(&twin, wire.Hello, h.hello(&twin, 6, 5))
	twin.sends(5, 6)
	must(h.closer.Close(t.Context(), "2026-11", "an"))(t)
	h.checkpoint()
	return h, d
}

// checkAll is what `loaxa verify` does but for the rollups.
func (h *house) checkAll(db *store.Store) (Report, error) {
	s := h.source()
	s.Store = db
	rep, err := Bundle(func(take func(Item) error) error {
		return s.Walk(h.t.Context(), Choice{MadeAt: radio.At(h.now())}, take)
	}, h.opts())
	if err != nil {
		return rep, err
	}
	beside, err := s.Columns(h.t.Context(), db)
	if err != nil {
		return rep, err
	}
	rep.Add(beside...)
	return rep, nil
}

// exempt are the columns of which a change is not named, with the reason.
var exempt = map[string]string{
	"airing.held":                   "the newest programme known to hold the airing: reconcile's own figure, which may rise after the day; no report shows it",
	"journal_record.received":       "when it came: the centre's own word, by which records are only told apart in bundles of days",
	"journal_quarantine.received":   "when it came",
	"journal_quarantine.reason":     "why the centre could not read it; that it cannot be read is proven",
	"journal_batch.received":        "when it came",
	"journal_conflict.received":     "when it came",
	"keyring_kept.kept_at":          "when the centre began to use it; its own instant is signed",
	"month_closed.told":             "which checkpoint has named it: the checkpoints themselves say so",
	"journal_conflict.device":       "a fork's note moved to where nobody looks is one dropped: see undropped",
	"journal_conflict.journal":      "a fork's note moved to where nobody looks is one dropped: see undropped",
	"device_certificate.issued_at":  "the centre's own register; the certificate says what it proves",
	"device_certificate.revoked_at": "the centre's own register: it stops connections, not what was signed",
	"device_certificate.used_at":    "the centre's own register",
	"device_certificate.ended":      "the centre's own register: why it was revoked",
}

// undropped are the tables of which the loss of a row is not named.
var undropped = map[string]string{
	"journal_conflict": "a fork whose note is gone with its evidence: the record that counts is proven all the same; breaks and gaps are named",
	"keyring_kept":     "the one in force stands in the centre's folder, too; see TestKeyringKeptBack",
	"checkpoint":       "of the newest only what somebody has kept on paper tells (TestCheckpointsChain); any other breaks the chain",
}

// open are the columns of a row that nobody proves before its day has settled.
var open = []string{"start", "samples", "revision", "frozen_at", "deadline", "commune", "campaign", "bulletin", "place", "item", "held"}

// devices are those of them that a device's word proves, where there is one.
var devices = []string{"start", "bulletin", ".row.row.start", ".row.row.priority", ".row.row.version", ".row.row.bulletin", ".row.row.sha256", ".row.row.expected", ".row.row.known_at"}

// unproven says that nobody proves a column, or a field of a bundle, of a row.
func unproven(name string, fresh, heard bool) bool {
	return fresh && (slices.Contains(open, name) || slices.Contains(openFields, name)) && !(heard && slices.Contains(devices, name))
}

// evidenceTables are those that Walk and Columns read. The log's archive has its own tests.
var evidenceTables = []string{"airing", "airing_word", "caption", "journal_head", "journal_record", "journal_quarantine", "journal_batch", "journal_conflict",
	"checkpoint", "checkpoint_leaf", "keyring_kept", "month_closed", "device_certificate", "settled_day", "settled_end"}

// flipped gives another value of a column.
func flipped(v any) any {
	switch v := v.(type) {
	case nil:
		return []byte{1}
	case int64:
		return v ^ 1
	case []byte:
		if len(v) == 0 {
			return []byte{1}
		}
		out := slices.Clone(v)
		out[len(out)/2] ^= 1
		return out
	case string:
		if v == "" {
			return "x"
		}
		b := []byte(v)
		b[len(b)-1] ^= 1
		return string(b)
	}
	panic(fmt.Sprintf("%T", v))
}

// tableRow is one row of a table as it is stored.
type tableRow struct {
	table  string
	keys   []string
	names  []string
	values map[string]any
}

func (r tableRow) where() (cond string, args []any) {
	for _, k := range r.keys {
		cond += fmt.Sprintf(" AND %s = ?", k)
		args = append(args, r.values[k])
	}
	return " WHERE 1 = 1" + cond, args
}

func (r tableRow) String() string {
	var key []string
	for _, k := range r.keys {
		key = append(key, fmt.Sprint(r.values[k]))
	}
	if r.table == "airing" {
		key = append(key, fmt.Sprint(r.values["outcome"]), fmt.Sprint(r.values["day"]))
	}
	return r.table + " " + strings.Join(key, "/")
}

// tableRows reads all of a table; the keys and the columns are those of the schema.
func tableRows(t *testing.T, db *sql.DB, table string) []tableRow {
	t.Helper()
	var keys, names []string
	info := must(db.QueryContext(t.Context(), `SELECT name, pk FROM pragma_table_info(?)`, table))(t)
	for info.Next() {
		var name string
		var pk int
		if err := info.Scan(&name, &pk); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		if pk > 0 {
			keys = append(keys, name)
		}
	}
	if err := info.Close(); err != nil || len(keys) == 0 {
		t.Fatalf("table %s: %v", table, err)
	}
	rows := must(db.QueryContext(t.Context(), `SELECT * FROM `+table+` ORDER BY `+strings.Join(keys, ", ")))(t)
	var out []tableRow
	for rows.Next() {
		held, into := make([]any, len(names)), make([]any, len(names))
		for i := range held {
			into[i] = &held[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		r := tableRow{table: table, keys: keys, names: names, values: map[string]any{}}
		for i, n := range names {
			r.values[n] = held[i]
		}
		out = append(out, r)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// samples are rows of every kind that a table has, the last of each: of airings, of every
// outcome in days that have settled and not.
func samples(all []tableRow) []tableRow {
	kinds := map[string]tableRow{}
	for _, r := range all {
		kind := ""
		for _, c := range []string{"outcome", "said", "kind", "linked", "month"} {
			if v, ok := r.values[c]; ok && r.table != "journal_quarantine" {
				kind += fmt.Sprint(v, " ")
			}
		}
		switch r.table {
		case "airing":
			kind += fmt.Sprint(r.values["frozen_at"] == int64(0), fresh(r))
		case "checkpoint_leaf":
			kind += fmt.Sprint(r.values["journal"] == "")
		}
		kinds[kind] = r
	}
	return slices.SortedFunc(maps.Values(kinds), func(a, b tableRow) int { return strings.Compare(a.String(), b.String()) })
}

// settledUpto is the last day of settledHouse that its books tell of.
const settledUpto = "2026-12-01"

// fresh says that a row's day has not settled.
func fresh(r tableRow) bool { return fmt.Sprint(r.values["day"]) > settledUpto }

// change does one change to the database, checks with a store that has read nothing yet, and
// takes the change back; ok is false when the tables themselves refuse it.
func (h *house) change(raw *sql.DB, undo []any, query string, args ...any) (rep Report, err error, ok bool) {
	h.t.Helper()
	if _, err := raw.ExecContext(h.t.Context(), query, args...); err != nil {
		return rep, nil, false
	}
	db := must(store.OpenUnchanged(h.t.Context(), filepath.Join(h.dir, "loaxa.db")))(h.t)
	rep, err = h.checkAll(db)
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
	if _, err := raw.ExecContext(h.t.Context(), undo[0].(string), undo[1:]...); err != nil {
		h.t.Fatal(err)
	}
	return rep, err, true
}

func (r tableRow) insert() []any {
	q := `INSERT INTO ` + r.table + ` (` + strings.Join(r.names, ", ") + `) VALUES (?` + strings.Repeat(", ?", len(r.names)-1) + `)`
	out := []any{q}
	for _, n := range r.names {
		out = append(out, r.values[n])
	}
	return out
}

// TestEveryColumn: of every table of the evidence, every column of any row changed, and any
// row dropped, is named: the columns are those of the schema, so that a new one without a
// decision fails here.
func TestEveryColumn(t *testing.T) {
	h, d := settledHouse(t)
	rep, err := h.checkAll(h.db)
	if err != nil {
		t.Fatal(err)
	}
	if wantOK(t, rep); t.Failed() {
		t.FailNow() // or every change would seem to be named
	}
	if rep.Own == 0 || rep.Own > 12 {
		t.Errorf("%d rows on the centre's own word: %+v", rep.Own, rep.Counts)
	}
	raw := must(sql.Open("sqlite", "file:"+filepath.Join(h.dir, "loaxa.db")+"?_pragma=busy_timeout(10000)"))(t)
	raw.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := raw.Close(); err != nil {
			t.Error(err)
		}
	})
	tried, refused, outcomes := 0, 0, map[any]bool{}
	for _, table := range evidenceTables {
		all := tableRows(t, raw, table)
		if table == "device_certificate" {
			// That of a device which never spoke proves nothing.
			all = slices.DeleteFunc(all, func(r tableRow) bool { return r.values["device"] != string(d.id) })
		}
		if len(all) == 0 {
			t.Errorf("table %s is empty here", table)
		}
		some := samples(all)
		for n, r := range some {
			outcomes[r.values["outcome"]] = true
			where, key := r.where()
			for i, column := range r.names {
				if exempt[table+"."+column] != "" || table == "airing" && unproven(column, fresh(r), r.values["said"] == radio.WordDevice) || raced.On && (n+i)%5 > 0 {
					continue
				}
				was, now := r.values[column], flipped(r.values[column])
				// The row may have another key now: it is found again by what it had.
				back, args := where, slices.Clone(key)
				if k := slices.Index(r.keys, column); k >= 0 {
					args[k] = now
				}
				rep, err, ok := h.change(raw, append([]any{`UPDATE ` + table + ` SET ` + column + ` = ?` + back, was}, args...),
					`UPDATE `+table+` SET `+column+` = ?`+where, append([]any{now}, key...)...)
				tried++
				switch {
				case !ok:
					refused++
				case err != nil:
					t.Errorf("%s: column %s from %v to %v: cannot be checked: %v", r, column, was, now, err)
				case rep.OK():
					t.Errorf("%s: column %s from %v to %v: nothing found", r, column, was, now)
				}
			}
			if undropped[table] != "" || table == "airing" && fresh(r) || raced.On && n%5 > 0 {
				continue
			}
			rep, err, ok := h.change(raw, r.insert(), `DELETE FROM `+table+where, key...)
			if tried++; !ok || err != nil || rep.OK() {
				t.Errorf("%s dropped: done %t, %v, %v", r, ok, err, rep.Findings)
			}
		}
	}
	for _, o := range []string{"aired", "missed", "cancelled", "silent", "pending"} {
		if !outcomes[o] {
			t.Errorf("no airing here is %s", o)
		}
	}
	if tried < 100 || refused > tried/4 {
		t.Errorf("%d tried, the tables refuse %d", tried, refused)
	}
	t.Logf("%d changes, %d refused by the tables", tried, refused)
	again := must(h.checkAll(h.db))(t)
	wantOK(t, again)
}

// leaves calls each for every value in a JSON text, with a copy in which it is another.
func leaves(t *testing.T, text []byte, each func(path string, was any, changed []byte)) {
	t.Helper()
	var root any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any, set func(any))
	try := func(path string, was, now any, set func(any)) {
		set(now)
		changed := must(json.Marshal(root))(t)
		set(was)
		each(path, was, changed)
	}
	walk = func(path string, v any, set func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(path+"."+k, v[k], func(x any) { v[k] = x })
			}
		case []any:
			for i := range v {
				walk(path+"[]", v[i], func(x any) { v[i] = x })
			}
		case json.Number:
			n := must(v.Int64())(t)
			try(path, v, json.Number(fmt.Sprint(n^1)), set)
		case string:
			try(path, v, flipped(v), set)
		case bool:
			try(path, v, !v, set)
		}
	}
	walk("", root, func(any) {})
}

// openFields are those of a row in a bundle that nobody proves before its day has settled.
var openFields = []string{".row.row.start", ".row.row.samples", ".row.row.revision", ".row.row.frozen_at", ".row.row.deadline", ".row.row.commune", ".row.row.hamlet",
	".row.row.device_code", ".row.row.device_name", ".row.row.commune_name", ".row.row.hamlet_name", ".row.row.schedule_code", ".row.row.schedule_title",
	".row.row.title", ".row.row.author", ".row.row.unit", ".row.row.version", ".row.row.bulletin", ".row.row.sha256", ".row.row.priority", ".row.row.known_at", ".row.row.expected"}

// TestEveryField: of the rows and the books of days in a bundle every value changed is named,
// and so are rows that are dropped, doubled or swapped.
func TestEveryField(t *testing.T) {
	h, _ := settledHouse(t)
	items := h.items()
	wantOK(t, judge(t, items, h.opts()))
	tried := 0
	seen := map[string]int{}
	for i, it := range items {
		kind := ""
		switch {
		case it.Row != nil:
			kind = fmt.Sprint(it.Row.Row.Outcome, it.Row.Row.FrozenAt == 0, string(it.Row.Row.Day) > settledUpto)
		case it.Day != nil:
			kind = "day"
		case it.Book != nil:
			kind = "book"
		default:
			continue
		}
		if seen[kind]++; seen[kind] > 2 {
			continue
		}
		leaves(t, must(json.Marshal(it))(t), func(path string, was any, changed []byte) {
			own := it.Row != nil && string(it.Row.Row.Day) > settledUpto
			if path == ".row.row.held" || it.Row != nil && unproven(path, own, it.Row.Row.From == radio.WordDevice) {
				return
			}
			if tried++; raced.On && tried%5 > 0 {
				return
			}
			other, err := parseItem(changed)
			if err != nil {
				return // a reader stops there, and says so
			}
			out := slices.Clone(items)
			out[i] = other
			if rep := judge(t, out, h.opts()); rep.OK() {
				t.Errorf("%s %s: %s from %v: nothing found", kind, must(json.Marshal(it))(t)[:80], path, was)
			}
		})
		if it.Row != nil && string(it.Row.Row.Day) > settledUpto {
			continue
		}
		for what, out := range map[string][]Item{"dropped": slices.Delete(slices.Clone(items), i, i+1), "doubled": slices.Insert(slices.Clone(items), i, it)} {
			rep := judge(t, out, h.opts())
			if rep.OK() {
				t.Errorf("%s %s: nothing found", kind, what)
			}
			if it.Row != nil && what == "dropped" && !slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Airing == it.Row.Row.Airing }) {
				t.Errorf("%s dropped: the row is not named in %v", kind, rep.Findings)
			}
		}
		if j := i + 1; j < len(items) && items[j].Row != nil && it.Row != nil {
			out := slices.Clone(items)
			out[i], out[j] = out[j], out[i]
			if rep := judge(t, out, h.opts()); rep.OK() {
				t.Errorf("%s swapped with the next: nothing found", kind)
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d values were changed", tried)
	}
}

// TestRowsOfADevice: all rows and words of a device gone, and an outcome of the centre's own
// changed in the row and in what was said, are named with the airing.
func TestRowsOfADevice(t *testing.T) {
	h, d := settledHouse(t)
	n := h.verify(h.opts()).Rows
	for what, c := range map[string]struct {
		sql  []string
		says string
	}{
		"cancelled to declined": {[]string{`UPDATE airing SET outcome = 'declined' WHERE outcome = 'cancelled'`, `UPDATE airing_word SET outcome = 'declined' WHERE outcome = 'cancelled'`}, "never says declined"},
		"silent to missed": {[]string{`UPDATE airing SET outcome = 'missed', reason = 'not_synced' WHERE outcome = 'silent'`,
			`UPDATE airing_word SET outcome = 'missed', reason = 'not_synced' WHERE outcome = 'silent'`}, "is not what was countersigned"},
		"all of a device": {[]string{`DELETE FROM airing_word WHERE device = '` + string(d.id) + `'`, `DELETE FROM airing WHERE device = '` + string(d.id) + `'`}, "has it no more"},
		"the mute device": {[]string{`DELETE FROM airing_word WHERE device <> '` + string(d.id) + `'`, `DELETE FROM airing WHERE device <> '` + string(d.id) + `'`}, "has it no more"},
	} {
		t.Run(what, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "loaxa.db")
			h.sql(`VACUUM INTO '` + file + `'`)
			raw := must(sql.Open("sqlite", "file:"+file))(t)
			for _, q := range c.sql {
				if _, err := raw.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			if err := raw.Close(); err != nil {
				t.Fatal(err)
			}
			db := must(store.OpenUnchanged(t.Context(), file))(t)
			rep, err := h.checkAll(db)
			if err != nil || rep.OK() || !slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Airing != "" && strings.Contains(f.Text, c.says) }) {
				t.Errorf("%v: %v", err, rep.Findings)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	if n == 0 {
		t.Error("no rows")
	}
}

// TestKeyringKeptBack: the newest keyring, with what it revokes, cannot be left out of a
// bundle.
func TestKeyringKeptBack(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	h.checkpoint()
	if _, err := nextOnline(h, h.dir+"/keys"); err != nil {
		t.Fatal(err)
	}
	h.pass(10 * time.Minute)
	if err := h.keeper.Look(t.Context()); err != nil { // names it at once
		t.Fatal(err)
	}
	items := h.items()
	wantOK(t, judge(t, items, h.opts()))
	last := -1
	for i, it := range items {
		if it.Keyring != nil {
			last = i
		}
	}
	if rep := judge(t, slices.Delete(items, last, last+1), h.opts()); rep.OK() {
		t.Error("nothing found")
	}
}

// TestAuditBelowACheckpoint: an entry of the audit below what a checkpoint names cannot be
// changed, also when the chain is written anew, nor can the end be cut off.
func TestAuditBelowACheckpoint(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	h.checkpoint()
	walk := func(ctx context.Context, heads []radio.AuditHead) error {
		chain := &radio.AuditChain{}
		for _, x := range heads {
			chain.Expect(x)
		}
		return h.db.ReadAudit(ctx, func(r *store.AuditReading) error {
			return errors.Join(r.Walk(ctx, radio.AuditFilter{}, chain.Add), chain.End())
		})
	}
	if found := must(h.source().Audited(t.Context(), walk))(t); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	h.sql(`DROP TRIGGER audit_no_update`)
	h.sql(`UPDATE audit SET actor = 'x' WHERE seq = 2`)
	if found := must(h.source().Audited(t.Context(), walk))(t); len(found) != 1 || found[0].Seq != 2 {
		t.Errorf("found %v", found)
	}
	h.sql(`DROP TRIGGER audit_no_delete`)
	h.sql(`DELETE FROM audit WHERE seq > 1`)
	if found := must(h.source().Audited(t.Context(), walk))(t); len(found) != 1 {
		t.Errorf("cut: %v", found)
	}
	// The whole chain anew.
	head := radio.AuditStart()
	for _, e := range []radio.AuditRecord{{Seq: 1, Action: "a"}, {Seq: 2, Action: "b"}, {Seq: 3, Action: "c"}, {Seq: 4, Action: "d"}} {
		e.Hash = e.Chain(head)
		head = e.Hash
		h.sql(`INSERT INTO audit (seq, at, actor, via, address, token, action, subject, detail, hash, area, words) VALUES ($1, 0, '', '', '', '', $2, '', '', $3, '', '')
			ON CONFLICT (seq) DO UPDATE SET at = 0, actor = '', via = '', address = '', token = '', action = excluded.action, subject = '', detail = '', hash = excluded.hash`, e.Seq, e.Action, e.Hash)
	}
	if found := must(h.source().Audited(t.Context(), walk))(t); len(found) != 1 {
		t.Errorf("written anew: %v", found)
	}
}

// BenchmarkSettle measures what a day of the log costs when it settles.
func BenchmarkSettle(b *testing.B) {
	h := newHouse(b)
	const devices, rows = 200, 20
	for range b.N {
		var changes []radio.AsRunChange
		day := radio.At(h.now())
		for range devices {
			d := radio.NewID[radio.DeviceID]()
			for n := range rows {
				at := day + radio.Millis(n)*60_000
				key := radio.AiringKey{Device: d, Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), SlotAt: at, Entry: radio.NewID[radio.EntryID](), Repeat: 1}
				a := radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(h.now().In(zone)), Start: at, Samples: 9, Expected: 9,
					FrozenAt: at, Outcome: radio.PendingOutcome, Province: h.area.ID, Title: "t", Priority: radio.Normal}
				w, _ := a.Take(radio.Word{From: radio.WordDevice, KnownAt: at, Outcome: radio.Aired, Consumed: 9, Expected: 9, Journal: "j", Seq: uint64(n)})
				changes = append(changes, radio.AsRunChange{Row: a, Words: []radio.Word{w}})
			}
		}
		if err := h.db.Log(b.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(b.Context(), changes) }); err != nil {
			b.Fatal(err)
		}
		h.pass(72 * time.Hour)
		b.ResetTimer()
		if err := h.keeper.settle(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(b.Elapsed().Microseconds())/devices/rows, "µs/row")
	}
}

// TestBookOfSomeDays: a bundle of some days or of one device holds with the part of the books
// that tells of them, and a book that is cut before the days' end, or left out, is named.
func TestBookOfSomeDays(t *testing.T) {
	h, d := settledHouse(t)
	for n, c := range []Choice{{From: "2026-11-29"}, {To: "2026-11-29"}, {From: "2026-11-29", To: "2026-11-30"}, {Devices: []radio.DeviceID{d.id}},
		{Devices: []radio.DeviceID{d.id}, From: "2026-11-30", To: "2026-11-30"}} {
		items := h.chosen(c)
		whole := judge(t, items, h.opts())
		wantOK(t, whole)
		days := 0
		var out, without []Item
		for _, it := range items {
			if it.Day != nil && len(it.Day.Rows) > 0 {
				days++
			}
			if it.Book == nil && it.Day == nil && (it.Mark == nil || it.Mark.Leaf.Journal != "") {
				without = append(without, it)
			}
			if it.Book != nil && it.Book.Upto > it.Book.After {
				cut := *it.Book
				cut.Upto = cut.After
				it.Book = &cut
			}
			if it.Day == nil {
				out = append(out, it)
			}
		}
		if days == 0 {
			t.Errorf("%d: no settled day", n)
		}
		if rep := judge(t, out, h.opts()); rep.OK() {
			t.Errorf("%d: a book without its days: nothing found", n)
		}
		// Of a device's very first days the journals may be told at a checkpoint from before
		// there was a book: then its rows are counted as the centre's own word.
		if rep := judge(t, without, h.opts()); rep.OK() && rep.Own <= whole.Own {
			t.Errorf("%d: without books: nothing found", n)
		}
	}
}
