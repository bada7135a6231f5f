package radio

import (
	"fmt"
	"slices"
	"time"
)

// MaxCommandDevices bounds one batch.
const MaxCommandDevices = 5000

// Life is how long a command of this kind waits for its device. What acts on the sound
// of this moment must not come when another one has begun; a setting may come late.
func (k CommandKind) Life() time.Duration {
	if k == CommandVolume || k == CommandRestart {
		return MaxCommandLife
	}
	return time.Minute
}

// CommandOrder is what a person orders: one kind of command to devices named, or to all
// that are enrolled in an area.
type CommandOrder struct {
	Do      CommandKind `json:"do"`
	GainDB  float64     `json:"gain_db,omitempty"`
	Airing  AiringID    `json:"airing,omitempty"`
	Area    AreaID      `json:"area,omitempty"`
	Devices []DeviceID  `json:"devices,omitempty"`
	// Confirm is how many devices the person was told it is for; another number by now is
	// a conflict. One device needs none.
	Confirm int `json:"confirm,omitempty"`
}

// Check says what is wrong with an order, for people.
func (o CommandOrder) Check() error {
	var e Invalid
	if !slices.Contains(CommandKinds(), o.Do) {
		e.Add("do", "không có lệnh này", "no such command")
	}
	if !(o.GainDB >= -40 && o.GainDB <= 0) || o.GainDB != 0 && o.Do != CommandVolume {
		e.Add("gain_db", "từ −40 đến 0 dB, chỉ cho lệnh âm lượng", "-40 to 0 dB, for the volume only")
	}
	if o.Airing != "" && (!ValidID(o.Airing) || o.Do != CommandStop && o.Do != CommandSkip) {
		e.Add("airing", "chỉ cho lệnh dừng và bỏ qua", "for stop and skip only")
	}
	switch {
	case (o.Area == "") == (len(o.Devices) == 0):
		e.Add("devices", "hãy chọn một địa bàn, hoặc các cụm loa", "choose an area, or devices")
	case len(o.Devices) > MaxCommandDevices:
		e.Add("devices", fmt.Sprintf("nhiều nhất %d cụm loa một lần", MaxCommandDevices), fmt.Sprintf("at most %d devices at once", MaxCommandDevices))
	}
	if o.Area != "" && !ValidID(o.Area) {
		e.Add("area", "không có địa bàn này", "no such area")
	}
	return e.Err()
}

// CommandBatch is one order as it went out.
type CommandBatch struct {
	ID     BatchID     `json:"id"`
	Do     CommandKind `json:"do"`
	GainDB float64     `json:"gain_db"`
	Airing AiringID    `json:"airing,omitempty"`
	// Area holds all its devices.
	Area      AreaID `json:"area"`
	By        UserID `json:"by"`
	ByName    string `json:"by_name"`
	IssuedAt  Millis `json:"issued_at"`
	ExpiresAt Millis `json:"expires_at"`
	Devices   int    `json:"devices"`
}

// Command is the command to one of its devices.
func (b CommandBatch) Command(id CommandID, d DeviceID) Command {
	return Command{ID: id, Device: d, Do: b.Do, IssuedAt: b.IssuedAt, ExpiresAt: b.ExpiresAt, GainDB: b.GainDB, Airing: b.Airing}
}

// CommandTarget is one command of a batch.
type CommandTarget struct {
	ID     CommandID `json:"id"`
	Device DeviceID  `json:"device"`
}

// CommandResult is what came of one command.
type CommandResult struct {
	CommandTarget
	Code        string `json:"code"`
	Name        string `json:"name"`
	Commune     AreaID `json:"commune"`
	HamletName  string `json:"hamlet_name"`
	CommuneName string `json:"commune_name"`
	// State is the device's last word; "" while there is none.
	State  ReceiptState `json:"state"`
	Reason Reason       `json:"reason,omitempty"`
	At     Millis       `json:"at,omitempty"` // by the device's clock
	Heard  Millis       `json:"heard_at,omitempty"`
}

// runningMost is how long behind the end of its command a device may still be at it.
const runningMost = 2 * time.Minute

// Came is the state with time taken into account: what the device has not begun by the
// end of its command has expired. Its own later word counts more.
func (r CommandResult) Came(expires, now Millis) ReceiptState {
	end := expires
	if r.State == ReceiptRunning {
		end = expires.Add(runningMost)
	}
	if !r.State.Final() && now > end {
		return ReceiptExpired
	}
	return r.State
}

// LiveCommand is a command that has not expired and of which its device has said nothing.
type LiveCommand struct {
	Batch CommandBatch
	CommandTarget
}

// DeviceCommand is a line of one device's page.
type DeviceCommand struct {
	Batch  CommandBatch  `json:"batch"`
	Result CommandResult `json:"result"`
}

// CommonArea is the smallest area that holds all the chains, which begin with the
// province; "" when there is none.
func CommonArea(chains [][]AreaID) (area AreaID) {
	for n := 0; len(chains) > 0 && n < len(chains[0]); n++ {
		for _, c := range chains {
			if n >= len(c) || c[n] != chains[0][n] {
				return area
			}
		}
		area = chains[0][n]
	}
	return area
}
