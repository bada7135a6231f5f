package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

const (
	airingColumns = `a.device, a.airing, a.origin, a.slot_at, a.repeat, a.day, a.slot, a.start, a.samples, a.revision, a.held,
	a.frozen_at, a.deadline, a.commune, a.campaign, a.bulletin, a.outcome, a.reason, a.said, a.started_at, a.consumed,
	a.expected, a.at_least, a.proof, a.stale, a.clock, a.known_at, a.words`
	asRunColumns = airingColumns + `, p.body, i.body`
	asRunFrom    = ` FROM airing a JOIN caption p ON p.id = a.place JOIN caption i ON i.id = a.item`
)

// scanAiring reads airingColumns and what comes behind them.
func scanAiring(rows *sql.Rows, place, item any) (radio.AsRun, error) {
	var a radio.AsRun
	var atLeast, stale int64
	err := rows.Scan(&a.Key.Device, &a.Airing, &a.Origin, &a.Key.SlotAt, &a.Key.Repeat, &a.Day, &a.SlotTime, &a.Start, &a.Samples, &a.Revision, &a.Held,
		&a.FrozenAt, &a.Deadline, &a.Commune, &a.Campaign, &a.Bulletin, &a.Outcome, &a.Reason, &a.From, &a.StartedAt, &a.Consumed,
		&a.Expected, &atLeast, &a.Proof, &stale, &a.Clock, &a.KnownAt, &a.Words, place, item)
	a.AtLeast, a.Stale = atLeast != 0, stale != 0
	return a, err
}

func scanAsRun(rows *sql.Rows) (radio.AsRun, error) {
	var place, item []byte
	a, err := scanAiring(rows, &place, &item)
	if err != nil {
		return a, err
	}
	var p placeCaption
	var i itemCaption
	if err := errors.Join(json.Unmarshal(place, &p), json.Unmarshal(item, &i)); err != nil {
		return a, fmt.Errorf("caption of airing %s: %w", a.Airing, err)
	}
	describe(&a, p, i)
	return a, nil
}

// foundAiring is a row whose captions are not read yet.
type foundAiring struct {
	radio.AsRun
	place, item string
}

func scanFound(rows *sql.Rows) (foundAiring, error) {
	var f foundAiring
	var err error
	f.AsRun, err = scanAiring(rows, &f.place, &f.item)
	return f, err
}

// describe fills in what the rows' captions say.
func (s *Store) describe(ctx context.Context, q querier, found []foundAiring) ([]radio.AsRun, error) {
	ids := make(map[string]bool, len(found))
	for _, f := range found {
		ids[f.place], ids[f.item] = true, true
	}
	texts, err := s.readCaptions(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	out := make([]radio.AsRun, len(found))
	for i, f := range found {
		p, ok1 := texts[f.place]
		item, ok2 := texts[f.item]
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("airing %s: %w", f.Airing, errCaption)
		}
		describe(&f.AsRun, p.place, item.item)
		out[i] = f.AsRun
	}
	return out, nil
}

// describe fills in what a row's captions say.
func describe(a *radio.AsRun, p placeCaption, i itemCaption) {
	a.Province, a.Hamlet, a.DeviceCode, a.DeviceName = p.Province, p.Hamlet, p.DeviceCode, p.DeviceName
	a.CommuneName, a.HamletName = p.CommuneName, p.HamletName
	a.Key.Schedule, a.Key.Slot, a.Key.Entry, a.Priority = i.Schedule, i.Slot, i.Entry, i.Priority
	a.Version, a.Title, a.Author, a.Unit, a.SHA256 = i.Version, i.Title, i.Author, i.Unit, i.SHA256
	a.ScheduleCode, a.ScheduleTitle = i.ScheduleCode, i.ScheduleTitle
	a.Instead, a.InsteadTitle = i.Instead, i.InsteadTitle
}

// AsRuns finds rows; those that do not exist are absent.
func (t *LogTx) AsRuns(ctx context.Context, refs []radio.AsRunRef) (map[radio.AsRunRef]radio.AsRun, error) {
	keys := make([][]any, len(refs))
	for i, r := range refs {
		keys[i] = []any{monthOf(r.At), string(r.Device), string(r.Airing)}
	}
	found, err := pick(ctx, t, airingColumns+`, a.place, a.item`, `airing a`, []string{"a.month bigint", "a.device text", "a.airing text"}, keys, scanFound)
	if err != nil {
		return nil, fmt.Errorf("read airings: %w", err)
	}
	rows, err := t.store.describe(ctx, t.q, found)
	if err != nil {
		return nil, fmt.Errorf("read airings: %w", err)
	}
	t.note(rows...)
	out := make(map[radio.AsRunRef]radio.AsRun, len(rows))
	for _, a := range rows {
		out[a.Ref()] = a
	}
	for _, r := range refs {
		if _, held := out[r]; !held {
			t.absent[airingRef{monthOf(r.At), string(r.Device), string(r.Airing)}] = true
		}
	}
	return out, nil
}

// PlannedAsRuns lists a device's rows of planned airings that start after from and
// not after to.
func (t *LogTx) PlannedAsRuns(ctx context.Context, device radio.DeviceID, from, to radio.Millis) ([]radio.AsRun, error) {
	rows, err := collect(ctx, t.q, scanAsRun, `SELECT `+asRunColumns+asRunFrom+`
		WHERE a.device = $1 AND a.start > $2 AND a.start <= $3 AND a.origin = 'schedule' AND a.frozen_at > 0 ORDER BY a.start, a.airing`,
		string(device), int64(from), int64(to))
	if err != nil {
		return nil, fmt.Errorf("read airings of device %s: %w", device, err)
	}
	t.note(rows...)
	return rows, nil
}

// DueAsRuns lists pending rows whose deadline has passed, the oldest first.
func (t *LogTx) DueAsRuns(ctx context.Context, now radio.Millis, limit int) ([]radio.AsRun, error) {
	rows, err := collect(ctx, t.q, scanAsRun, `SELECT `+asRunColumns+asRunFrom+`
		WHERE a.outcome = 'pending' AND a.deadline <= $1 ORDER BY a.deadline LIMIT $2`, int64(now), limit)
	if err != nil {
		return nil, fmt.Errorf("read airings past their deadline: %w", err)
	}
	t.note(rows...)
	return rows, nil
}

var (
	captionRows = bulk{table: "caption", columns: []string{"id text", "body text"}, conflict: "ON CONFLICT (id) DO NOTHING"}
	airings     = bulk{table: "airing",
		columns: []string{"month bigint", "device text", "airing text", "origin text", "slot_at bigint", "repeat bigint", "day text",
			"start bigint", "samples bigint", "revision bigint", "held bigint", "frozen_at bigint", "deadline bigint", "commune text",
			"campaign text", "slot bigint", "priority text", "bulletin text", "place text", "item text", "outcome text", "reason text", "said text", "started_at bigint",
			"consumed bigint", "expected bigint", "at_least bigint", "proof text", "stale bigint", "clock text", "known_at bigint", "words bigint", "alert text"},
		conflict: `ON CONFLICT (month, device, airing) DO UPDATE SET day = excluded.day, start = excluded.start, samples = excluded.samples,
			revision = excluded.revision, held = excluded.held, frozen_at = excluded.frozen_at, deadline = excluded.deadline,
			commune = excluded.commune, slot = excluded.slot, priority = excluded.priority, campaign = excluded.campaign, bulletin = excluded.bulletin, place = excluded.place, item = excluded.item,
			outcome = excluded.outcome, reason = excluded.reason, said = excluded.said, started_at = excluded.started_at,
			consumed = excluded.consumed, expected = excluded.expected, at_least = excluded.at_least, proof = excluded.proof,
			stale = excluded.stale, clock = excluded.clock, known_at = excluded.known_at, words = excluded.words`}
	outcomes = bulk{table: "airing",
		columns: []string{"month bigint", "device text", "airing text", "outcome text", "reason text", "said text", "started_at bigint",
			"consumed bigint", "expected bigint", "at_least bigint", "proof text", "stale bigint", "clock text", "known_at bigint", "words bigint"}}
	words = bulk{table: "airing_word",
		columns: []string{"month bigint", "device text", "airing text", "n bigint", "known_at bigint", "said text", "outcome text",
			"reason text", "started_at bigint", "consumed bigint", "expected bigint", "at_least bigint", "proof text", "stale bigint",
			"clock text", "journal text", "seq bigint"}}
)

// PutAsRuns writes rows as they stand now, adds the words that made them so, and counts
// them. Each row stands once in changes.
func (t *LogTx) PutAsRuns(ctx context.Context, changes []radio.AsRunChange) error {
	var rows, ends, said [][]any
	texts := captionSet{}
	for _, c := range changes {
		a := c.Row
		key := []any{monthOf(a.Ref().At), string(a.Key.Device), string(a.Airing)}
		for _, w := range c.Words {
			said = append(said, slices.Concat(key, []any{int64(w.N), int64(w.KnownAt), w.From, string(w.Outcome), string(w.Reason),
				int64(w.StartedAt), w.Consumed, w.Expected, bit(w.AtLeast), w.Proof, bit(w.Stale), w.Clock, string(w.Journal), int64(w.Seq)}))
		}
		end := []any{string(a.Outcome), string(a.Reason), a.From, int64(a.StartedAt), a.Consumed, a.Expected,
			bit(a.AtLeast), a.Proof, bit(a.Stale), a.Clock, int64(a.KnownAt), int64(a.Words)}
		if c.Only {
			ends = append(ends, slices.Concat(key, end))
			continue
		}
		place, err1 := texts.add(placeCaption{a.Province, a.Hamlet, a.DeviceCode, a.DeviceName, a.CommuneName, a.HamletName})
		item, err2 := texts.add(itemCaption{a.Key.Schedule, a.Key.Slot, a.Key.Entry, a.Priority, a.Version, a.Title, a.Author, a.Unit, a.SHA256, a.ScheduleCode, a.ScheduleTitle, a.Instead, a.InsteadTitle})
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("captions of airing %s: %w", a.Airing, err)
		}
		rows = append(rows, slices.Concat(key, []any{string(a.Origin), int64(a.Key.SlotAt), int64(a.Key.Repeat), string(a.Day),
			int64(a.Start), a.Samples, a.Revision, a.Held, int64(a.FrozenAt), int64(a.Deadline), string(a.Commune), string(a.Campaign),
			int64(a.SlotTime), string(a.Priority), string(a.Bulletin), place, item}, end, []any{alertOf(a)}))
	}
	was, err := t.count(ctx, changes)
	if err != nil {
		return err
	}
	if err := t.amend(ctx, changes, was); err != nil {
		return err
	}
	if err := t.put(ctx, captionRows, texts.rows()); err != nil {
		return err
	}
	if err := t.put(ctx, airings, rows); err != nil {
		return err
	}
	if err := t.update(ctx, outcomes, 3, ends); err != nil {
		return err
	}
	return t.put(ctx, words, said)
}

// alertOf is the alert that a row claims to be a cycle of, "" for none.
func alertOf(a radio.AsRun) string {
	if a.Origin != radio.FromAlert {
		return ""
	}
	return string(a.Key.Schedule)
}

// Freeze says how far the device's airings are frozen; the zero Freeze for none.
func (t *LogTx) Freeze(ctx context.Context, device radio.DeviceID) (radio.Freeze, error) {
	f := radio.Freeze{Device: device}
	err := t.q.QueryRowContext(ctx, `SELECT COALESCE(MAX(revision), 0), COALESCE(MAX(upto), 0) FROM airing_freeze WHERE device = $1`, string(device)).
		Scan(&f.Revision, &f.Upto)
	if err != nil {
		return f, fmt.Errorf("read how far device %s is frozen: %w", device, err)
	}
	return f, nil
}

// PutFreeze keeps how far the device's airings are frozen.
func (t *LogTx) PutFreeze(ctx context.Context, f radio.Freeze) error {
	return t.put(ctx, bulk{table: "airing_freeze", columns: []string{"device text", "revision bigint", "upto bigint"},
		conflict: "ON CONFLICT (device) DO UPDATE SET revision = excluded.revision, upto = excluded.upto"},
		[][]any{{string(f.Device), f.Revision, int64(f.Upto)}})
}
