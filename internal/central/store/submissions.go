package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// maxSubmissions bounds one list.
const maxSubmissions = 500

const submissionQuery = `SELECT s.id, s.bulletin, s.version, s.turn, s.commune, b.code, v.title, v.author, v.seconds
	FROM submission s JOIN bulletin b ON b.id = s.bulletin JOIN bulletin_version v ON v.bulletin = s.bulletin AND v.version = s.version `

func scanSubmission(r *sql.Rows) (s radio.Submission, err error) {
	return s, r.Scan(&s.ID, &s.Bulletin, &s.Version, &s.Turn, &s.Commune, &s.Code, &s.Title, &s.Author, &s.Seconds)
}

// submissions reads submissions with their steps, what waits first (it was only handed in),
// then the newest.
func submissions(ctx context.Context, q querier, where string, limit int, args ...any) ([]radio.Submission, error) {
	out, err := collect(ctx, q, scanSubmission, submissionQuery+where+` ORDER BY CASE WHEN EXISTS (SELECT 1 FROM submission_step x
		WHERE x.submission = s.id AND x.n > 1) THEN 1 ELSE 0 END, s.id DESC LIMIT `+strconv.Itoa(limit), args...)
	if err != nil || len(out) == 0 {
		return out, err
	}
	at := map[radio.SubmissionID]int{}
	marks, ids := make([]string, len(out)), make([]any, len(out))
	for i, s := range out {
		at[s.ID], marks[i], ids[i] = i, `$`+strconv.Itoa(i+1), string(s.ID)
	}
	_, err = collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var id radio.SubmissionID
		var x radio.SubmissionStep
		err := r.Scan(&id, &x.N, &x.Do, &x.By, &x.At, &x.Why, &x.Became)
		if i, ok := at[id]; ok && err == nil {
			out[i].Steps, out[i].State = append(out[i].Steps, x), x.Do.State()
		}
		return struct{}{}, err
	}, `SELECT submission, n, act, person, at, why, became FROM submission_step WHERE submission IN (`+strings.Join(marks, `, `)+`) ORDER BY submission, n`, ids...)
	return out, err
}

// Submissions lists what communes have handed up, what waits first, then the newest, at most 500: of some
// communes, or of all with nil; of one bulletin, or of all with "".
func (s *Store) Submissions(ctx context.Context, communes []radio.AreaID, of radio.BulletinID) ([]radio.Submission, error) {
	where, args := `WHERE ($1 = '' OR s.bulletin = $1)`, []any{string(of)}
	if communes != nil {
		marks := []string{`''`}
		for _, c := range communes {
			args = append(args, string(c))
			marks = append(marks, `$`+strconv.Itoa(len(args)))
		}
		where += ` AND s.commune IN (` + strings.Join(marks, `, `) + `)`
	}
	out, err := submissions(ctx, s.read, where, maxSubmissions, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list submissions: %w", err))
	}
	return out, nil
}

// Submission gives one with its steps.
func (s *Store) Submission(ctx context.Context, id radio.SubmissionID) (radio.Submission, error) {
	out, err := submissions(ctx, s.read, `WHERE s.id = $1`, 1, string(id))
	switch {
	case err != nil:
		return radio.Submission{}, s.kind(fmt.Errorf("submission %s: %w", id, err))
	case len(out) == 0:
		return radio.Submission{}, fmt.Errorf("submission: %w", radio.ErrNotFound)
	}
	return out[0], nil
}

// HandedUpBy lists who made, in the commune, the audio that a bulletin of the province was
// taken with; none when it was not handed up or has another audio by now.
func (s *Store) HandedUpBy(ctx context.Context, taken radio.BulletinID, source radio.SHA256) ([]radio.UserID, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (u radio.UserID, err error) { return u, r.Scan(&u) },
		`SELECT DISTINCT v.created_by FROM submission_step x JOIN submission s ON s.id = x.submission
		JOIN bulletin_version v ON v.bulletin = s.bulletin AND v.version <= s.version WHERE x.became = $1 AND v.source_sha256 = $2`, string(taken), string(source))
	if err != nil {
		return nil, s.kind(fmt.Errorf("who made bulletin %s: %w", taken, err))
	}
	return out, nil
}

// AddSubmission keeps a bulletin's handing up with its first step. ErrConflict when this
// turn of the version was begun meanwhile.
func (s *Store) AddSubmission(ctx context.Context, x radio.Submission) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO submission (id, bulletin, version, turn, commune) VALUES ($1, $2, $3, $4, $5)`,
			string(x.ID), string(x.Bulletin), x.Version, x.Turn, string(x.Commune)); err != nil {
			return fmt.Errorf("hand up bulletin %s: %w", x.Code, err)
		}
		return addSubmissionStep(ctx, tx, x, "")
	})
}

// AddSubmissionStep keeps the last of a submission's steps; with taken, the province's own
// draft, in the same transaction. ErrConflict when somebody else's step came first.
func (s *Store) AddSubmissionStep(ctx context.Context, x radio.Submission, taken *radio.Bulletin) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		code := ""
		if taken != nil {
			if err := addBulletin(ctx, tx, *taken); err != nil {
				return err
			}
			if err := auditBulletin(ctx, tx, taken.CreatedAt, taken.CreatedBy, "add", *taken, radio.AuditFacts{}); err != nil {
				return err
			}
			code = taken.Code
		}
		return addSubmissionStep(ctx, tx, x, code)
	})
}

func addSubmissionStep(ctx context.Context, tx *sql.Tx, x radio.Submission, became string) error {
	last := x.Last()
	if _, err := tx.ExecContext(ctx, `INSERT INTO submission_step (submission, n, act, person, at, why, became) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(x.ID), last.N, string(last.Do), string(last.By), int64(last.At), last.Why, string(last.Became)); err != nil {
		return fmt.Errorf("step %d of submission %s: %w", last.N, x.ID, err)
	}
	f := radio.AuditFacts{Code: x.Code, Title: x.Title, Version: x.Version, Area: x.Commune, Why: last.Why}
	f.Change("became", "", became)
	return audit(ctx, tx, last.At, string(last.By), "submission."+string(last.Do), string(x.ID), f)
}
