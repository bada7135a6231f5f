// Package alert is the room of emergencies (phát khẩn cấp): what a person composes
// becomes an alert when enough persons have signed its very bytes (trust tells how many
// are enough), and is then sent until every device of the area has answered, it has
// ended, or its tombstone is signed by the same rule. It receives drafts, signatures and
// cancels from web and cmd (identity has persons sign), receipts by way of store, and hellos from dispatch; it hands
// signed bytes to broker and the reach board to web. Nothing of it is jittered.
package alert

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Drafts keeps what is composed.
type Drafts interface {
	Alert(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error)
	Alerts(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error)
	// ComposeAlert keeps version 1 of a draft or the next one, without signatures.
	ComposeAlert(ctx context.Context, a radio.AlertRecord, by radio.UserID, at radio.Millis) error
	DropAlert(ctx context.Context, a radio.AlertRecord, by radio.UserID, at radio.Millis) error
}

// Papers keeps what is signed. seen is how many had signed when the newest did: another
// number in the meantime is a conflict.
type Papers interface {
	SignAlert(ctx context.Context, a radio.AlertRecord, seen int, targets []radio.AlertTarget) error
	SignTomb(ctx context.Context, a radio.AlertRecord, seen int) error
	// StandingAlerts lists what devices must still be told.
	StandingAlerts(ctx context.Context, now radio.Millis) ([]radio.AlertRecord, error)
	// ForgetAlert drops one alert that was over before an instant; more says whether there
	// may be others.
	ForgetAlert(ctx context.Context, before radio.Millis) (more bool, err error)
}

// Heard knows what devices have said.
type Heard interface {
	AlertTargets(ctx context.Context, id radio.AlertID) ([]radio.AlertTarget, error)
	ReceiptSteps(ctx context.Context, id string, device radio.DeviceID) ([]radio.Receipt, error)
	AlertCycles(ctx context.Context, a radio.AlertRecord) ([]radio.AlertCycle, error)
}

// Map knows where areas and devices stand.
type Map interface {
	Areas(ctx context.Context) ([]radio.Area, error)
	Places(ctx context.Context) ([]radio.Place, error)
	Place(ctx context.Context, d radio.DeviceID) (radio.Place, error)
}

// Keyring is what the root has signed.
type Keyring interface {
	Keyring() (envelope []byte, content trust.Keyring)
}

// Signers has persons sign, with what they have typed or their passkey has answered.
type Signers interface {
	Ways(ctx context.Context, by radio.UserID, may string, chain []radio.AreaID) (radio.SignWays, error)
	Ask(ctx context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error)
	Sign(ctx context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (sig trust.Signature, at radio.Millis, err error)
}

// Voices makes uploads ready and gives them back.
type Voices interface {
	// Voice prepares spoken words in the light rendition and keeps them.
	Voice(ctx context.Context, source io.Reader) (radio.Rendition, error)
	// Bytes are those of a voice kept; ErrNotFound when it is not.
	Bytes(h radio.SHA256) ([]byte, error)
}

// Publisher hands a message to the broker. An error means that it may not arrive.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
}

// Rooms are the neighbours of a Desk.
type Rooms struct {
	Drafts    Drafts
	Papers    Papers
	Heard     Heard
	Map       Map
	Keys      Keyring
	Signers   Signers
	Voices    Voices
	Publisher Publisher
	// Set is the emergency set of every device.
	Set []radio.EmergencyAudio
	// Away says that a device is known to have no connection; nil: nobody knows.
	Away func(radio.DeviceID) bool
	// Changed tells open pages; it may be nil.
	Changed func()
}

// Desk is safe for concurrent use.
type Desk struct {
	rooms Rooms
	now   func() time.Time
	log   *slog.Logger

	wake chan struct{}

	mu sync.Mutex
	// standing is what Run read last; loaded says that it has.
	standing []radio.AlertRecord
	loaded   bool
	// missed are devices to which their hello did not bring what they are owed.
	missed map[flightKey][]waiting
	voiced map[voiceKey]time.Time

	boards boards
	heard  atomic.Int64 // counts Heard
	signed *radio.Quota
}

// mostSigned are the alerts, and drills, that one person signs in an hour. A night of
// floods takes a few an hour; whoever has stolen a session and a key's password is stopped,
// and an alert is drowned by no others. Cancelling is not counted: it silences.
const mostSigned = 30

// New stores what it is given; nothing is sent before Run.
func New(rooms Rooms, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{rooms: rooms, now: now, log: log.With("component", "alert"), wake: make(chan struct{}, 1),
		missed: map[flightKey][]waiting{}, voiced: map[voiceKey]time.Time{},
		signed: &radio.Quota{Most: mostSigned, Per: time.Hour, VI: "ký phát khẩn cấp", EN: "signing alerts"}}
}

// refusal is a no with its reason for people, in both screen languages.
type refusal struct {
	kind   error
	en, vi string
}

func (r refusal) Error() string      { return r.kind.Error() + ": " + r.en }
func (r refusal) Unwrap() error      { return r.kind }
func (r refusal) Vietnamese() string { return r.vi }

// Set is the emergency set that alerts choose from.
func (d *Desk) Set() []radio.EmergencyAudio { return d.rooms.Set }

func (d *Desk) changed() {
	if d.rooms.Changed != nil {
		d.rooms.Changed()
	}
}

// chain is where an area stands, the province first.
func (d *Desk) chain(ctx context.Context, area radio.AreaID) ([]radio.AreaID, error) {
	areas, err := d.rooms.Map.Areas(ctx)
	if err != nil {
		return nil, err
	}
	chain := radio.NewAreaTree(areas).Chain(area)
	if len(chain) == 0 {
		var e radio.Invalid
		e.Add("area", "không có địa bàn này", "there is no such area")
		return nil, e.Err()
	}
	return chain, nil
}

// former are the communes of a chain that were merged into another.
func (d *Desk) former(ctx context.Context, chain []radio.AreaID) ([]radio.AreaID, error) {
	areas, err := d.rooms.Map.Areas(ctx)
	if err != nil {
		return nil, err
	}
	tree := radio.NewAreaTree(areas)
	var out []radio.AreaID
	for _, id := range chain {
		if a, ok := tree.Area(id); ok && a.Kind == radio.Commune && a.Ended() {
			out = append(out, id)
		}
	}
	return out, nil
}

// may refuses who has no right to a in the area.
func may(by radio.Person, a radio.Action, chain []radio.AreaID) error {
	if by.May(a, chain...) {
		return nil
	}
	return refusal{radio.ErrForbidden, fmt.Sprintf("no right to %s there", a), "Tài khoản không có quyền này ở địa bàn đó."}
}
