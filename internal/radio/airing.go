package radio

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// AiringKey names one item at one planned instant on one device. It does not
// depend on the programme's revision (design §3).
type AiringKey struct {
	Device   DeviceID   `json:"device"`
	Schedule ScheduleID `json:"schedule"`
	Slot     SlotID     `json:"slot"`
	SlotAt   Millis     `json:"slot_at"` // the slot's instant, not the item's start
	Entry    EntryID    `json:"entry"`
	Repeat   int        `json:"repeat"` // 1 for the first time
}

// ID is the first 16 bytes of SHA-256 over the length-prefixed parts: each part is
// preceded by its length as a 32-bit big-endian number; numbers are 8 bytes big-endian.
func (k AiringKey) ID() AiringID {
	h := sha256.New()
	part := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	number := func(v int64) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(v))
		part(n[:])
	}
	part([]byte(k.Device))
	part([]byte(k.Schedule))
	part([]byte(k.Slot))
	number(int64(k.SlotAt))
	part([]byte(k.Entry))
	number(int64(k.Repeat))
	return IDFromBytes[AiringID]([16]byte(h.Sum(nil)[:16]))
}

// Airing is one item at one planned instant on one device, as timetable computes
// it. Future airings are computed, never stored.
type Airing struct {
	AiringKey
	ID       AiringID
	Priority Priority
	Grace    time.Duration
	Kind     ItemKind
	Bulletin BulletinID
	Version  int
	Title    string
	// Instead is the bulletin that was meant, when this one stands in for it.
	Instead BulletinID
	// Offset is the planned start in samples after SlotAt: what stands before it
	// in the slot, and any shift because another slot was still sounding.
	Offset int64
	// Samples that sound; 0 for a kind without a length of its own.
	Samples int64
	// Excluded says why it will not sound as planned ("" = it will): overlap when
	// it could not start within its grace, expired past its validity, unsupported.
	Excluded Reason
}

// Start is the planned instant of the first sample.
func (a Airing) Start() time.Time { return a.SlotAt.Time().Add(SamplesDuration(a.Offset)) }

// End is the planned instant after the last sample.
func (a Airing) End() time.Time { return a.SlotAt.Time().Add(SamplesDuration(a.Offset + a.Samples)) }

// Origin tells who wanted the sound.
type Origin string

const (
	FromSchedule Origin = "schedule"
	FromCommand  Origin = "command"
	FromAlert    Origin = "alert"
	FromLocal    Origin = "local"
)

// Outcome is the one accounted end of an airing (design §3).
type Outcome string

const (
	PendingOutcome Outcome = "pending"   // chưa có xác nhận
	Aired          Outcome = "aired"     // đã phát: ≥ 99.5 % of samples consumed
	Partial        Outcome = "partial"   // phát thiếu
	Preempted      Outcome = "preempted" // bị chèn
	Declined       Outcome = "declined"  // địa phương không nhận
	Refused        Outcome = "refused"   // bị từ chối
	Missed         Outcome = "missed"    // không phát
	Failed         Outcome = "failed"    // lỗi thiết bị
	Cancelled      Outcome = "cancelled" // đã hủy
	Silent         Outcome = "silent"    // không có tin
)

// Outcomes lists every outcome, pending first, in the order reports show them.
func Outcomes() []Outcome {
	return []Outcome{PendingOutcome, Aired, Partial, Preempted, Declined, Refused, Missed, Failed, Cancelled, Silent}
}

// Valid says whether o is one of them.
func (o Outcome) Valid() bool {
	for _, x := range Outcomes() {
		if x == o {
			return true
		}
	}
	return false
}

// Reason says why an outcome is not plainly aired.
type Reason string

const (
	NoReason          Reason = ""
	ReasonLate        Reason = "late"        // beyond the grace, or joined late
	ReasonClock       Reason = "clock"       // the clock was not trusted
	ReasonNoAudio     Reason = "no_audio"    // no verified audio at its instant, or damaged
	ReasonNotSynced   Reason = "not_synced"  // another revision was active
	ReasonOverlap     Reason = "overlap"     // another slot sounded beyond the grace
	ReasonOff         Reason = "off"         // the device or its player was off
	ReasonSignature   Reason = "signature"   // a signature did not hold
	ReasonPolicy      Reason = "policy"      // outside the permitted hours, or above a cap of the day
	ReasonExpired     Reason = "expired"     // past the validity of bulletin or programme
	ReasonNotYet      Reason = "not_yet"     // before the validity of the bulletin
	ReasonUnsupported Reason = "unsupported" // an item kind this agent does not know
	ReasonOutput      Reason = "output"      // the sound device failed
	ReasonDecoder     Reason = "decoder"     // the audio could not be decoded
	ReasonStopped     Reason = "stopped"     // a person stopped it
	ReasonWithdrawn   Reason = "withdrawn"   // taken out of the programme
	ReasonPriority    Reason = "priority"    // something that outranks it sounded
	ReasonCommune     Reason = "commune"     // the commune has declined it
	ReasonHeld        Reason = "held"        // the commune holds what it has not accepted, and has not accepted this
	ReasonMoved       Reason = "moved"       // the commune has moved it to another time
)

// Ending tells how the sounding of one item came to its end.
type Ending string

const (
	EndComplete  Ending = "complete"  // the last sample was handed out and drained
	EndPriority  Ending = "priority"  // cut by what outranks it
	EndPolicy    Ending = "policy"    // faded at the boundary of the permitted hours
	EndStopped   Ending = "stopped"   // a person stopped it, or the agent was stopped
	EndLocal     Ending = "local"     // a person with the PIN stopped it at the device
	EndCancelled Ending = "cancelled" // the tombstone of its alert came
	EndWithdrawn Ending = "withdrawn" // the programme no longer holds it
	EndUnproven  Ending = "unproven"  // no approval of it holds any more, nor the signatures of its alert
	EndOutput    Ending = "output"    // the sound device failed, stalled or vanished
	EndDecoder   Ending = "decoder"   // the decoder gave an error
	EndAudio     Ending = "audio"     // the cache did not give verified bytes
	EndPower     Ending = "power"     // found after a restart: only the checkpoint is known
	// EndLacking: a cycle of an alert was over, but sounds it was to have are unknown here.
	EndLacking Ending = "lacking"
)

// Decide is the one total table from what sounded to an outcome (design §3).
// expected and consumed count samples; joined is true when playout began inside
// the item because it was late. What reached 99.5 % is aired however it ended, but for
// EndLacking: there expected is not all of it.
func Decide(expected, consumed int64, joined bool, end Ending) (Outcome, Reason) {
	if end != EndLacking && expected > 0 && consumed*1000 >= expected*995 {
		return Aired, NoReason
	}
	none := consumed <= 0
	cut := func(whenNone Outcome, why Reason) (Outcome, Reason) {
		if none {
			return whenNone, why
		}
		return Partial, why
	}
	switch end {
	case EndPriority:
		return Preempted, ReasonPriority
	case EndPolicy:
		return cut(Refused, ReasonPolicy)
	case EndStopped:
		return cut(Cancelled, ReasonStopped)
	case EndLocal:
		return cut(Cancelled, ReasonLocalStop)
	case EndCancelled:
		return cut(Cancelled, ReasonCancelled)
	case EndWithdrawn:
		return cut(Refused, ReasonWithdrawn)
	case EndUnproven:
		return cut(Refused, ReasonSignature)
	case EndOutput:
		return cut(Failed, ReasonOutput)
	case EndDecoder:
		return cut(Failed, ReasonDecoder)
	case EndAudio, EndLacking:
		return cut(Missed, ReasonNoAudio)
	case EndPower:
		return cut(Missed, ReasonOff)
	case EndComplete:
		if joined {
			return cut(Missed, ReasonLate)
		}
		// The stream ended in order, yet samples lack: the device swallowed them.
		return cut(Failed, ReasonOutput)
	}
	return cut(Failed, ReasonOutput)
}
