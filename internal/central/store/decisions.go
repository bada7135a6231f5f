package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

const decisionColumns = `n, area, schedule, slot, on_date, other, do_what, to_time, to_date, reason, person, at`

func scanDecision(r *sql.Rows) (d radio.Decision, err error) {
	var on string
	err = r.Scan(&d.N, &d.Area, &d.Schedule, &d.Slot, &on, &d.Other, &d.Do, &d.To, &d.ToDate, &d.Reason, &d.By, &d.At)
	date, at, _ := strings.Cut(on, " ")
	d.Date, d.Time = radio.Date(date), at
	return d, err
}

// onDate is the date a word is about, and the time of the airing where it is about one
// alone: 2026-12-31 17:00.
func onDate(d radio.Decision) string { return strings.TrimSpace(string(d.Date) + " " + d.Time) }

// decided reads what counts of all that communes have said: of each thing the newest word.
func decided(ctx context.Context, q querier) (radio.Decided, error) {
	words, err := collect(ctx, q, scanDecision, `SELECT `+decisionColumns+` FROM decision d WHERE n =
		(SELECT MAX(n) FROM decision WHERE area = d.area AND schedule = d.schedule AND slot = d.slot AND on_date = d.on_date AND other = d.other) ORDER BY n`)
	if err != nil {
		return radio.Decided{}, fmt.Errorf("list decisions: %w", err)
	}
	rules, err := collect(ctx, q, scanOfferRule, `SELECT n, area, choice, hours, person, at FROM offer_rule o WHERE n = (SELECT MAX(n) FROM offer_rule WHERE area = o.area) ORDER BY n`)
	if err != nil {
		return radio.Decided{}, fmt.Errorf("list rules for offers: %w", err)
	}
	return radio.NewDecided(words, rules), nil
}

func scanOfferRule(r *sql.Rows) (o radio.OfferRule, err error) {
	return o, r.Scan(&o.N, &o.Area, &o.Default, &o.Hours, &o.By, &o.At)
}

// OfferRules lists every rule for offers that some areas ever chose, the first first.
func (s *Store) OfferRules(ctx context.Context, areas []radio.AreaID) ([]radio.OfferRule, error) {
	if len(areas) == 0 {
		return nil, nil
	}
	args := make([]any, len(areas))
	for i, a := range areas {
		args[i] = string(a)
	}
	out, err := collect(ctx, s.read, scanOfferRule, `SELECT n, area, choice, hours, person, at FROM offer_rule WHERE area IN (`+placeholders(1, len(args))+`) ORDER BY n`, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("rules for offers: %w", err))
	}
	return out, nil
}

// Decisions lists every word that was ever said in some areas, the newest first; about is
// one schedule, or "" for all.
func (s *Store) Decisions(ctx context.Context, areas []radio.AreaID, about radio.ScheduleID, limit int) ([]radio.Decision, error) {
	args := []any{string(about)}
	var marks []string
	for _, a := range areas {
		args = append(args, string(a))
		marks = append(marks, `$`+strconv.Itoa(len(args)))
	}
	if len(marks) == 0 {
		return nil, nil
	}
	args = append(args, limit)
	out, err := collect(ctx, s.read, scanDecision, `SELECT `+decisionColumns+` FROM decision WHERE ($1 = '' OR schedule = $1 OR other = $1)
		AND area IN (`+strings.Join(marks, `, `)+`) ORDER BY n DESC LIMIT $`+strconv.Itoa(len(args)), args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("decisions: %w", err))
	}
	return out, nil
}

// AddDecisions keeps the words a person says at once, all or none, each with its entry.
// ErrConflict when a newer word than the person saw is about the same; a word that was sent
// twice is kept once.
func (s *Store) AddDecisions(ctx context.Context, words []radio.Decision) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, decisionLock); err != nil {
			return err
		}
		words, err := unsaid(ctx, tx, words)
		if err != nil {
			return err
		}
		facts := make([]radio.AuditFacts, len(words))
		for i, d := range words {
			was, err := lastDecision(ctx, tx, d)
			if err != nil {
				return err
			}
			if facts[i], err = decisionFacts(ctx, tx, was, d); err != nil {
				return err
			}
			if err := putDecision(ctx, tx, d); err != nil {
				return err
			}
		}
		for i, d := range words {
			if err := audit(ctx, tx, d.At, string(d.By), "offer."+string(d.Do), string(d.Schedule), facts[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// unsaid leaves out what was said already, word by word.
func unsaid(ctx context.Context, tx *sql.Tx, words []radio.Decision) (out []radio.Decision, err error) {
	for _, d := range words {
		if d.Seen != nil {
			newer, err := collect(ctx, tx, scanDecision, `SELECT `+decisionColumns+` FROM decision WHERE area = $1 AND n > $2 ORDER BY n`, string(d.Area), *d.Seen)
			if err != nil {
				return nil, fmt.Errorf("newer words: %w", err)
			}
			if said, err := d.Answers(newer); err != nil || said {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// lastDecision is the newest word about the same thing; the zero one when there is none.
func lastDecision(ctx context.Context, tx *sql.Tx, d radio.Decision) (was radio.Decision, err error) {
	found, err := collect(ctx, tx, scanDecision, `SELECT `+decisionColumns+` FROM decision
		WHERE area = $1 AND schedule = $2 AND slot = $3 AND on_date = $4 AND other = $5 ORDER BY n DESC LIMIT 1`,
		string(d.Area), string(d.Schedule), string(d.Slot), onDate(d), string(d.Other))
	if err != nil || len(found) == 0 {
		return was, err
	}
	return found[0], nil
}

// decisionFacts is what the audit keeps: the schedule with its slot, the date, and what was
// decided before and now.
func decisionFacts(ctx context.Context, tx *sql.Tx, was, d radio.Decision) (radio.AuditFacts, error) {
	f := radio.AuditFacts{Area: d.Area, Why: d.Reason}
	o, err := scheduleNamed(ctx, tx, d.Schedule)
	if err != nil {
		return f, err
	}
	f.Code, f.Title = o.Code, o.Title
	for _, sl := range o.Slots {
		if sl.ID == d.Slot {
			f.Change("slot", "", sl.Code)
		}
	}
	f.Change("day", "", string(d.Date))
	f.Change("time", "", d.Time)
	if d.Other != "" {
		other, err := scheduleNamed(ctx, tx, d.Other)
		if err != nil {
			return f, err
		}
		f.Change("goes_first_over", "", other.Code)
	}
	f.Change("decision", decisionText(was), decisionText(d))
	return f, nil
}

func decisionText(d radio.Decision) string {
	if d.Do != radio.DecideMove {
		return string(d.Do)
	}
	return strings.Join(strings.Fields(string(d.Do)+" "+string(d.ToDate)+" "+d.To.String()), " ")
}

func scheduleNamed(ctx context.Context, tx *sql.Tx, id radio.ScheduleID) (radio.Schedule, error) {
	found, err := collect(ctx, tx, scanDocument[radio.Schedule], `SELECT doc FROM schedule WHERE id = $1`, string(id))
	if err != nil {
		return radio.Schedule{}, fmt.Errorf("schedule %s: %w", id, err)
	}
	if len(found) == 0 {
		return radio.Schedule{}, fmt.Errorf("schedule %s: %w", id, radio.ErrNotFound)
	}
	return found[0], nil
}

// PutOfferRule keeps how a commune takes what is sent to it from now on.
func (s *Store) PutOfferRule(ctx context.Context, r radio.OfferRule) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, decisionLock); err != nil {
			return err
		}
		var was radio.OfferRule
		err := tx.QueryRowContext(ctx, `SELECT choice, hours FROM offer_rule WHERE area = $1 ORDER BY n DESC LIMIT 1`, string(r.Area)).Scan(&was.Default, &was.Hours)
		if errors.Is(err, sql.ErrNoRows) {
			was.Default, was.Hours = radio.OfferAccept, radio.DefaultOfferHours
		} else if err != nil {
			return fmt.Errorf("rule for offers of area %s: %w", r.Area, err)
		}
		var name, code string
		if err := tx.QueryRowContext(ctx, `SELECT name, code FROM area WHERE id = $1`, string(r.Area)).Scan(&name, &code); err != nil {
			return fmt.Errorf("area %s: %w", r.Area, err)
		}
		if err := putOfferRule(ctx, tx, r); err != nil {
			return err
		}
		f := radio.AuditFacts{Code: code, Title: name, Area: r.Area}
		f.Change("offer_default", string(was.Default), string(r.Default))
		f.Change("deadline_hours", strconv.Itoa(was.Hours), strconv.Itoa(r.Hours))
		return audit(ctx, tx, r.At, string(r.By), "offer.rule", string(r.Area), f)
	})
}

func putOfferRule(ctx context.Context, tx *sql.Tx, r radio.OfferRule) error {
	if err := one(tx.ExecContext(ctx, `INSERT INTO offer_rule (n, area, choice, hours, person, at)
		SELECT COALESCE(MAX(n), 0) + 1, $1, $2, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT) FROM offer_rule`,
		string(r.Area), string(r.Default), r.Hours, string(r.By), int64(r.At))); err != nil {
		return fmt.Errorf("keep the rule for offers of area %s: %w", r.Area, err)
	}
	return nil
}

func putDecision(ctx context.Context, tx *sql.Tx, d radio.Decision) error {
	if err := one(tx.ExecContext(ctx, `INSERT INTO decision (`+decisionColumns+`)
		SELECT COALESCE(MAX(n), 0) + 1, $1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), $8, $9, $10, CAST($11 AS BIGINT) FROM decision`,
		string(d.Area), string(d.Schedule), string(d.Slot), onDate(d), string(d.Other), string(d.Do), int64(d.To), string(d.ToDate), d.Reason, string(d.By), int64(d.At))); err != nil {
		return fmt.Errorf("keep a decision about schedule %s: %w", d.Schedule, err)
	}
	return nil
}
