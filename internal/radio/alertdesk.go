package radio

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// AlertState is how far an alert has come at the centre. It only goes on.
type AlertState string

// States of an alert at the centre.
const (
	AlertDraft     AlertState = "draft"     // composed; it waits for its signatures
	AlertDropped   AlertState = "dropped"   // never sent
	AlertIssued    AlertState = "issued"    // signed by enough persons, and sent until it ends
	AlertCancelled AlertState = "cancelled" // its tombstone is signed, and sent instead
)

// Form of an alert's signing.
const (
	// AlertSigning is how long the first signature waits for the second. Behind it the
	// first one counts no more, because the instants it signed are too old.
	AlertSigning = 10 * time.Minute
	// MinAlertLife and MinStandingLife are the shortest that are composed: an alert must
	// outlive its signing and a device's reconnect.
	MinAlertLife    = 15 * time.Minute
	MinStandingLife = 24 * time.Hour
	// maxAlertJSON leaves room for two real instants in the 4 KB of a payload (design §7).
	maxAlertJSON = 4<<10 - 32
	// MaxAlertWhy bounds the reason of a cancel in bytes.
	MaxAlertWhy = 500
)

// AlertWish is what a person composes: the alert without id and instants.
type AlertWish struct {
	Area      AreaID          `json:"area"`
	Headline  string          `json:"headline"`
	Text      string          `json:"text"`
	Document  string          `json:"document,omitempty"`
	Drill     bool            `json:"drill,omitempty"`
	Standing  bool            `json:"standing,omitempty"`
	Sounds    []EmergencyRole `json:"sounds"`
	Voice     *Rendition      `json:"voice,omitempty"`
	Repeats   int             `json:"repeats"`
	IntervalS int             `json:"interval_s"`
	// LifeMinutes is how long after its first signature it is valid.
	LifeMinutes int `json:"life_minutes"`
}

// Life is how long it is valid.
func (w AlertWish) Life() time.Duration { return time.Duration(w.LifeMinutes) * time.Minute }

// Spoken is what people read out where no loudspeaker sounds, to villagers, in whatever
// language their own screens are. A drill is called one before and after.
func (w AlertWish) Spoken() string {
	if !w.Drill {
		return w.Text
	}
	const drill = "Đây là diễn tập."
	return drill + " " + w.Text + " " + drill
}

// Cycle is how long one cycle sounds, given the sounds of the set.
func (w AlertWish) Cycle(set []EmergencyAudio) time.Duration {
	var d time.Duration
	for _, role := range w.Sounds {
		for _, e := range set {
			if e.Role == role {
				d += e.Rendition.Duration()
			}
		}
	}
	if w.Voice != nil {
		d += w.Voice.Duration()
	}
	return d
}

// Sounding is how long the whole of it takes on a device.
func (w AlertWish) Sounding(set []EmergencyAudio) time.Duration {
	return time.Duration(w.Repeats)*w.Cycle(set) + time.Duration(max(w.Repeats-1, 0)*w.IntervalS)*time.Second
}

// Alert makes the alert that is signed.
func (w AlertWish) Alert(id AlertID, now Millis) Alert {
	return Alert{ID: id, Area: w.Area, IssuedAt: now, ExpiresAt: now.Add(w.Life()), Headline: w.Headline, Text: w.Text, Document: w.Document,
		Drill: w.Drill, Standing: w.Standing, Sounds: w.Sounds, Voice: w.Voice, Repeats: w.Repeats, IntervalS: w.IntervalS}
}

// Normal brings a wish into its stored form and says what is wrong with it, for people.
// The announcement of a drill is set in where it must be.
func (w AlertWish) Normal(set []EmergencyAudio) (AlertWish, error) {
	var e Invalid
	w.Headline, w.Text, w.Document = strings.TrimSpace(w.Headline), strings.TrimSpace(strings.ReplaceAll(w.Text, "\r\n", "\n")), strings.TrimSpace(w.Document)
	words := func(field, s string, most int, need bool) {
		switch {
		case need && s == "":
			e.Add(field, "không được để trống", "must not be empty")
		case len(s) > most || !utf8.ValidString(s):
			e.Add(field, fmt.Sprintf("dài quá, tối đa %d byte", most), fmt.Sprintf("too long, at most %d bytes", most))
		}
	}
	if !ValidID(w.Area) {
		e.Add("area", "hãy chọn địa bàn", "choose an area")
	}
	words("headline", w.Headline, MaxAlertHeadline, true)
	words("text", w.Text, MaxAlertText, true)
	words("document", w.Document, MaxAlertDocument, false)
	w.Sounds = w.sounds()
	held := map[EmergencyRole]bool{}
	for _, s := range set {
		held[s.Role] = true
	}
	switch {
	case len(w.Sounds) == 0:
		e.Add("sounds", "chọn ít nhất một âm thanh có sẵn: giọng đọc có thể chưa kịp tới", "choose at least one sound of the set: a voice may not have come")
	case len(w.Sounds) > MaxAlertSounds:
		e.Add("sounds", fmt.Sprintf("nhiều nhất %d âm thanh", MaxAlertSounds), fmt.Sprintf("at most %d sounds", MaxAlertSounds))
	}
	for _, s := range w.Sounds {
		if !held[s] {
			e.Add("sounds", fmt.Sprintf("bộ âm thanh khẩn cấp không có %q", clip(string(s))), fmt.Sprintf("the emergency set has no %q", clip(string(s))))
		}
	}
	if w.Drill && w.Standing {
		e.Add("standing", "diễn tập không lưu sẵn trên cụm loa", "a drill is not kept on the devices")
	}
	if w.Repeats < 1 || w.Repeats > MaxAlertRepeats {
		e.Add("repeats", fmt.Sprintf("từ 1 đến %d lần", MaxAlertRepeats), fmt.Sprintf("1 to %d times", MaxAlertRepeats))
	}
	if w.IntervalS < 0 || w.IntervalS > MaxAlertInterval {
		e.Add("interval_s", fmt.Sprintf("từ 0 đến %d giây", MaxAlertInterval), fmt.Sprintf("0 to %d seconds", MaxAlertInterval))
	}
	least, most := MinAlertLife, MaxAlertLife
	if w.Standing {
		least, most = MinStandingLife, MaxStandingLife
	}
	if w.LifeMinutes < int(least/time.Minute) || w.LifeMinutes > int(most/time.Minute) {
		e.Add("life_minutes", fmt.Sprintf("từ %d đến %d phút", int(least/time.Minute), int(most/time.Minute)),
			fmt.Sprintf("%d to %d minutes", int(least/time.Minute), int(most/time.Minute)))
	} else if !w.Standing && w.Sounding(set) > w.Life() {
		e.Add("repeats", "số lần lặp và khoảng nghỉ dài hơn thời gian hiệu lực", "the repeats and their intervals take longer than it is valid")
	}
	if err := e.Err(); err != nil {
		return w, err
	}
	a := w.Alert(NewID[AlertID](), 1)
	if b, err := json.Marshal(a); err != nil || len(b) > maxAlertJSON {
		// JSON writes some characters in six bytes.
		e.Add("text", "dài quá sau khi mã hóa; hãy viết ngắn lại", "too long once it is written as JSON; shorten it")
		return w, e.Err()
	}
	return w, a.Check()
}

// sounds keeps the roles; of a drill the first and the last is the announcement.
func (w AlertWish) sounds() []EmergencyRole {
	if !w.Drill {
		return w.Sounds
	}
	out := []EmergencyRole{RoleDrill}
	for _, s := range w.Sounds {
		if s != RoleDrill {
			out = append(out, s)
		}
	}
	if len(out) > 1 {
		out = append(out, RoleDrill)
	}
	return out
}

// AlertSignature says who has signed an alert or its tombstone.
type AlertSignature struct {
	Person UserID `json:"person"`
	Name   string `json:"name"`
	KID    string `json:"kid"`
	At     Millis `json:"at"`
}

// AlertPaper is what persons sign: the exact bytes, with the signatures so far.
type AlertPaper struct {
	// Envelope is nil before the first signature.
	Envelope   []byte           `json:"-"`
	Signatures []AlertSignature `json:"signatures"`
	// ExpiresAt is what the bytes say; 0 before the first signature.
	ExpiresAt Millis `json:"expires_at,omitempty"`
	// SentAt is when enough had signed and it went out; 0 before.
	SentAt Millis `json:"sent_at,omitempty"`
}

// Stale says that the first signature has waited too long for the second.
func (p AlertPaper) Stale(now Millis) bool {
	return p.SentAt == 0 && len(p.Signatures) > 0 && now.Sub(p.Signatures[0].At) > AlertSigning
}

// AlertRecord is an alert at the centre: what was composed, who signed, what was sent.
type AlertRecord struct {
	ID      AlertID    `json:"id"`
	Version int        `json:"version"` // one higher with every change; a change drops the signatures
	State   AlertState `json:"state"`
	Wish    AlertWish  `json:"wish"`

	ComposedBy   UserID `json:"composed_by"`
	ComposedName string `json:"composed_by_name"`
	ComposedAt   Millis `json:"composed_at"`

	Paper AlertPaper `json:"alert"`
	// Tomb is the tombstone; Why is the reason given for it.
	Tomb AlertPaper `json:"tombstone"`
	Why  string     `json:"why,omitempty"`
}

// Active says that devices must still be told: it is out and neither expired nor
// cancelled.
func (r AlertRecord) Active(now Millis) bool {
	return r.State == AlertIssued && now < r.Paper.ExpiresAt
}

// Mourned says that devices must still be told that it is cancelled.
func (r AlertRecord) Mourned(now Millis) bool {
	return r.State == AlertCancelled && now < r.Paper.ExpiresAt
}

// AlertTarget is a device that an alert was for when it went out. Names are copied: the
// board outlives what becomes of the device.
type AlertTarget struct {
	Device      DeviceID `json:"device"`
	Code        string   `json:"code"`
	Name        string   `json:"name"`
	Hamlet      AreaID   `json:"hamlet"`
	HamletName  string   `json:"hamlet_name"`
	Commune     AreaID   `json:"commune"`
	CommuneName string   `json:"commune_name"`
}

// TargetOf copies a place.
func TargetOf(p Place) AlertTarget {
	return AlertTarget{Device: p.Device.ID, Code: p.Device.Code, Name: p.Device.Name, Hamlet: p.Hamlet().ID, HamletName: p.Hamlet().Name,
		Commune: p.Commune().ID, CommuneName: p.Commune().Name}
}

// AlertCycle is one cycle of an alert on one device, as it stands in the log.
type AlertCycle struct {
	Device    DeviceID `json:"-"`
	Cycle     int      `json:"cycle"`
	Outcome   Outcome  `json:"outcome"`
	Reason    Reason   `json:"reason,omitempty"`
	StartedAt Millis   `json:"started_at,omitempty"`
	Consumed  int64    `json:"consumed"`
	Expected  int64    `json:"expected"`
}

// AreaContact is whom to call in an area when its loudspeakers are silent: of a hamlet,
// its head (trưởng thôn, tổ trưởng tổ dân phố).
type AreaContact struct {
	Area      AreaID `json:"area"`
	Name      string `json:"name"`
	Phone     string `json:"phone"`
	UpdatedAt Millis `json:"updated_at,omitempty"`
}

// ContactChange is whom to call in an area from now on; Was is who it was thought to be.
type ContactChange struct {
	Code     string // of the area
	Was, Now AreaContact
}

// Normal brings a contact into its stored form; both empty takes it away.
func (c AreaContact) Normal() (AreaContact, error) {
	var e Invalid
	c.Name, c.Phone = strings.TrimSpace(c.Name), strings.TrimSpace(c.Phone)
	if (c.Name == "") != (c.Phone == "") {
		e.Add("phone", "ghi cả họ tên và số điện thoại, hoặc để trống cả hai", "give both name and phone number, or neither")
	}
	if len(c.Name) > 200 || !utf8.ValidString(c.Name) {
		e.Add("name", "dài quá, tối đa 200 byte", "too long, at most 200 bytes")
	}
	digits := 0
	for _, r := range c.Phone {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+ .-()", r):
			digits = 99
		}
	}
	if c.Phone != "" && (digits < 3 || digits > 15) || len(c.Phone) > 40 {
		e.Add("phone", "không phải số điện thoại", "not a phone number")
	}
	return c, e.Err()
}

// PersonKeyRow is a person's signing key as the centre keeps it; Sealed is its private
// half, encrypted with the person's password, and empty for a passkey.
type PersonKeyRow struct {
	KID       string   `json:"kid"`
	Person    UserID   `json:"person"`
	Scope     AreaID   `json:"scope"`
	May       []string `json:"may"`
	JWK       []byte   `json:"-"`
	Sealed    []byte   `json:"-"`
	CreatedBy string   `json:"created_by"`
	CreatedAt Millis   `json:"created_at"`
	RevokedAt Millis   `json:"revoked_at,omitempty"`
	NotAfter  Millis   `json:"not_after,omitempty"` // 0: no end
}
