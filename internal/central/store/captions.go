package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"loaxa/internal/radio"
)

// placeCaption and itemCaption are the parts of a row that many rows share. They are
// copies: what they speak of may change or go.
type placeCaption struct {
	Province    radio.AreaID `json:"province,omitempty"`
	Hamlet      radio.AreaID `json:"hamlet,omitempty"`
	DeviceCode  string       `json:"device_code,omitempty"`
	DeviceName  string       `json:"device_name,omitempty"`
	CommuneName string       `json:"commune_name,omitempty"`
	HamletName  string       `json:"hamlet_name,omitempty"`
}

type itemCaption struct {
	Schedule      radio.ScheduleID `json:"schedule,omitempty"`
	Slot          radio.SlotID     `json:"slot,omitempty"`
	Entry         radio.EntryID    `json:"entry,omitempty"`
	Priority      radio.Priority   `json:"priority,omitempty"`
	Version       int              `json:"version,omitempty"`
	Title         string           `json:"title,omitempty"`
	Author        string           `json:"author,omitempty"`
	Unit          string           `json:"unit,omitempty"`
	SHA256        radio.SHA256     `json:"sha256,omitempty"`
	ScheduleCode  string           `json:"schedule_code,omitempty"`
	ScheduleTitle string           `json:"schedule_title,omitempty"`
	Instead       radio.BulletinID `json:"instead,omitempty"`
	InsteadTitle  string           `json:"instead_title,omitempty"`
}

// caption is a stored caption, read as both kinds: the row that names it knows which.
type caption struct {
	place placeCaption
	item  itemCaption
}

// errCaption: a caption is not there, or cannot be read.
var errCaption = fmt.Errorf("%w: a caption of the log", radio.ErrNotFound)

func readCaption(body []byte) (caption, error) {
	var c caption
	if err := errors.Join(json.Unmarshal(body, &c.place), json.Unmarshal(body, &c.item)); err != nil {
		return c, fmt.Errorf("%w: %v", errCaption, err)
	}
	return c, nil
}

// captionSet holds captions by their id, the hash of their text.
type captionSet map[string]string

func (s captionSet) add(v any) (string, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	id := hex.EncodeToString(sum[:16])
	s[id] = string(body)
	return id, nil
}

func (s captionSet) rows() [][]any {
	var out [][]any
	for id, body := range s {
		out = append(out, []any{id, body})
	}
	return out
}

// maxCaptions bounds what captionCache holds: a few thousand devices and what a province
// airs in some weeks.
const maxCaptions = 20_000

// captionCache remembers captions that were read. A caption is named by its own hash,
// so what is held under an id is right for ever, also when the transaction that read
// it is rolled back.
type captionCache struct {
	mu   sync.Mutex
	held map[string]caption
}

func (c *captionCache) get(ids map[string]bool) (found map[string]caption, missing []string) {
	found = make(map[string]caption, len(ids))
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range ids {
		if v, ok := c.held[id]; ok {
			found[id] = v
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing
}

func (c *captionCache) put(read map[string]caption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held)+len(read) > maxCaptions {
		clear(c.held)
	}
	maps.Copy(c.held, read)
}

// readCaptions reads captions by their ids.
func (s *Store) readCaptions(ctx context.Context, q querier, ids map[string]bool) (map[string]caption, error) {
	found, missing := s.captions.get(ids)
	if len(missing) == 0 {
		return found, nil
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	// CROSS JOIN keeps the order on SQLite: each id is looked up in the key.
	query := `SELECT c.id, c.body FROM json_each($1) k CROSS JOIN caption c WHERE c.id = k.value`
	if s.eng.name() == "postgres" {
		query = `SELECT c.id, c.body FROM json_array_elements_text($1::json) k (id) JOIN caption c ON c.id = k.id`
	}
	read := make(map[string]caption, len(missing))
	_, err = collect(ctx, q, func(rows *sql.Rows) (struct{}, error) {
		var id string
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return struct{}{}, err
		}
		v, err := readCaption(body)
		read[id] = v
		return struct{}{}, err
	}, query, string(list))
	if err != nil {
		return nil, fmt.Errorf("read captions: %w", err)
	}
	s.captions.put(read)
	maps.Copy(found, read)
	return found, nil
}
