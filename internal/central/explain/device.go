package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// before and after an airing, in which what a device notes of itself may bear on it.
	before = 10 * time.Minute
	after  = 5 * time.Minute
	// mostEvents bounds the links of one airing that come from a journal.
	mostEvents = 12
	// faultPages bounds how many pages of a device's closed faults are looked through.
	faultPages = 10
	faultPage  = 200
)

// revision tells which programme the device held, and whether the airing stood in it.
func (k *chain) revision(ctx context.Context) error {
	if r := k.c.Row; r != nil && r.Origin != radio.FromSchedule {
		return nil // no programme names it
	}
	d := k.c.Place.Device
	if !k.c.Past() {
		return k.willHold()
	}
	when := k.c.Start
	newest, err := k.Devices.IssuedAt(ctx, d.ID, "programme", when)
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		return err
	}
	i, held, err := k.document(ctx, "programme")
	gone := errors.Is(err, radio.ErrNotFound)
	switch {
	case gone && newest.Revision == 0 && len(held) == 0 && k.old():
		k.add(radio.ChainOpen, 0, say("Máy chủ giữ mỗi bản chương trình %d ngày: bản của lúc đó không còn.", "Programmes are kept for %d days: the one of then is gone.", keptDays), radio.RowSource{Row: "programme"})
		return nil
	case gone && newest.Revision == 0 && len(held) == 0:
		k.add(radio.ChainOpen, 0, say("Máy chủ không có chương trình nào gửi cho cụm loa trước lúc đó.", "No programme had been sent to the device by then."), radio.RowSource{Row: "programme"})
		return nil
	case err != nil && !gone:
		return err
	}
	sources := append([]radio.RowSource{{Row: "programme", ID: string(d.ID), Version: i.Revision}}, held...)
	switch {
	case len(held) == 0:
		k.add(radio.ChainOpen, i.IssuedAt, say("Bản chương trình mới nhất đã gửi khi đó là %d (lúc %s); nhật ký thiết bị không nói đã dùng bản nào.",
			"The newest programme sent by then was %d (at %s); the device's journal does not say which one it ran.", i.Revision, k.second(i.IssuedAt)), sources...)
	case newest.Revision > i.Revision && i.Revision != 0:
		sources = append(sources, radio.RowSource{Row: "programme", ID: string(d.ID), Version: newest.Revision})
		v := radio.ChainChanges
		if r := k.c.Row; r != nil && r.Reason == radio.ReasonNotSynced {
			v = radio.ChainStops
		}
		k.add(v, newest.IssuedAt, say("Thiết bị còn dùng bản chương trình %d, chưa nhận bản %d đã gửi lúc %s.", "The device still ran programme %d; it had not received programme %d, sent at %s.",
			i.Revision, newest.Revision, k.second(newest.IssuedAt)), sources...)
	case gone: // its own journal names the revision, of which nothing else is left
		k.add(radio.ChainOpen, 0, say("Thiết bị dùng bản chương trình %d. Máy chủ giữ mỗi bản %d ngày: nội dung bản này không còn.", "The device ran programme %d. Programmes are kept for %d days: what stood in it is gone.",
			i.Revision, keptDays), sources...)
	default:
		k.add(radio.ChainPasses, i.IssuedAt, say("Thiết bị dùng bản chương trình %d, gửi lúc %s.", "The device ran programme %d, sent at %s.", i.Revision, k.second(i.IssuedAt)), sources...)
	}
	return k.contains(i, sources)
}

// keptDays is how long documents are kept, in words.
const keptDays = int(radio.KeepIssued / (24 * time.Hour))

// old says whether documents of then may have been dropped because of their age.
func (k *chain) old() bool { return k.c.Start < k.c.Now.Add(-radio.KeepIssued) }

// contains tells whether the slot stands in a programme.
func (k *chain) contains(i radio.Issued, from []radio.RowSource) error {
	if k.c.Slot == "" || len(i.Payload) == 0 {
		return nil
	}
	var p radio.Programme
	if err := json.Unmarshal(i.Payload, &p); err != nil {
		return fmt.Errorf("read programme %d: %w", i.Revision, err)
	}
	if slices.ContainsFunc(p.Slots, func(s radio.ProgrammeSlot) bool { return s.Slot == k.c.Slot }) {
		return nil
	}
	k.add(radio.ChainStops, 0, say("Khung phát này không có trong bản chương trình đó.", "That programme does not hold this slot."), from...)
	return nil
}

// willHold tells, of what is to come, whether the device has what it needs.
func (k *chain) willHold() error {
	v, d := k.view, k.c.Place.Device
	issued := v.Issued["programme"]
	from := radio.RowSource{Row: "programme", ID: string(d.ID), Version: issued.Revision}
	report := radio.RowSource{Row: "report", ID: string(d.ID)}
	switch {
	case d.Enrolled == 0: // told by device
	case v.Status == nil:
		k.add(radio.ChainOpen, 0, say("Thiết bị chưa gửi báo cáo nào: không biết đã nhận chương trình chưa.", "The device has sent no report: nobody knows which programme it holds."), from)
	case v.Status.Revisions.Programme < issued.Revision:
		k.add(radio.ChainChanges, v.Status.At, say("Thiết bị đang dùng bản chương trình %d, chưa nhận bản %d (báo cáo lúc %s).", "The device holds programme %d, not yet %d (reported at %s).",
			v.Status.Revisions.Programme, issued.Revision, k.second(v.Status.At)), from, report)
	default:
		k.add(radio.ChainPasses, v.Status.At, say("Thiết bị đã nhận bản chương trình mới nhất, %d.", "The device holds the newest programme, %d.", v.Status.Revisions.Programme), from, report)
	}
	if c := k.c.Coming; c != nil && v.Status != nil && c.Outcome == "" {
		k.audio(c, report)
	}
	return nil
}

// audio tells whether the sound of a coming airing is on the device.
func (k *chain) audio(c *radio.PreviewRow, report radio.RowSource) {
	var mine []radio.SHA256
	for _, b := range k.plan.Bulletins {
		if b.ID == c.Bulletin && b.Version == c.Version {
			for _, r := range b.Renditions {
				mine = append(mine, r.SHA256)
			}
		}
	}
	for _, a := range k.view.Status.Audio {
		switch {
		case !slices.Contains(mine, a.SHA256):
			continue
		case a.Refused:
			k.add(radio.ChainStops, k.view.Status.At, say("Thiết bị không nhận âm thanh này: %s.", "The device refuses this audio: %s.", a.Error), report)
		case a.Ready:
			k.add(radio.ChainPasses, k.view.Status.At, say("Âm thanh đã có trên thiết bị.", "The audio is on the device."), report)
		case k.view.Status.AudioWaits(c.Start):
			k.add(radio.ChainOpen, k.view.Status.At, say("Thiết bị sẽ tải âm thanh này trước giờ phát: có %d trong %d kB.", "The device fetches this audio before the airing: it has %d of %d kB.", a.Have/1000, a.Bytes/1000), report)
		default:
			k.add(radio.ChainOpen, k.view.Status.At, say("Âm thanh chưa đủ trên thiết bị: %d trong %d kB.", "The audio is not all on the device: %d of %d kB.", a.Have/1000, a.Bytes/1000), report)
		}
		return
	}
}

// device tells what happened on the device around it, and what people ordered it.
func (k *chain) device(ctx context.Context) error {
	d := k.c.Place.Device
	from := radio.RowSource{Row: "report", ID: string(d.ID)}
	switch since := max(d.Retired, d.Revoked); {
	case d.Enrolled == 0 && since > k.c.Start && k.c.Past(): // it still stood in use then
		if d.Retired != 0 {
			k.add(radio.ChainPasses, d.Retired, say("Về sau, từ %s, cụm loa ngừng sử dụng.", "Later, at %s, the device was taken out of use.", k.minute(d.Retired)), from)
			break
		}
		k.add(radio.ChainPasses, d.Revoked, say("Về sau, từ %s, danh tính của thiết bị bị thu hồi.", "Later, at %s, the device's identity was taken away.", k.minute(d.Revoked)), from)
	case d.Enrolled == 0 && d.Retired != 0:
		k.add(radio.ChainStops, d.Retired, say("Cụm loa đã ngừng sử dụng từ %s.", "The device was taken out of use at %s.", k.minute(d.Retired)), from)
	case d.Enrolled == 0 && d.Revoked != 0:
		k.add(radio.ChainStops, d.Revoked, say("Danh tính của thiết bị bị thu hồi từ %s: chưa phát được gì cho đến khi đăng ký lại.", "The device's identity was taken away at %s: it plays nothing until it is enrolled again.", k.minute(d.Revoked)), from)
	case d.Enrolled == 0:
		k.add(radio.ChainStops, 0, say("Cụm loa chưa đăng ký: chưa phát được gì.", "The device is not enrolled yet: it plays nothing."), from)
	case d.Enrolled > k.c.Start && k.c.Row == nil:
		k.add(radio.ChainStops, d.Enrolled, say("Cụm loa đến %s mới đăng ký.", "The device was enrolled only at %s.", k.minute(d.Enrolled)), from)
	}
	if !k.c.Past() {
		return k.openFaults(ctx)
	}
	if err := k.events(ctx); err != nil {
		return err
	}
	if err := k.faultsThen(ctx); err != nil {
		return err
	}
	return k.orders(ctx)
}

// events are the records of the journal around the airing.
func (k *chain) events(ctx context.Context) error {
	d := k.c.Place.Device.ID
	last, err := k.lastEvents(ctx, k.c.Start)
	if err != nil {
		return err
	}
	found, err := k.Devices.DeviceEvents(ctx, d, k.c.Start.Add(-before), max(k.c.End, k.c.Start).Add(after))
	if err != nil {
		return err
	}
	same := func(h radio.Heard) bool {
		return slices.ContainsFunc(found, func(x radio.Heard) bool { return x.Journal == h.Journal && x.Record.Seq == h.Record.Seq })
	}
	for _, h := range last {
		if h.Record.Booted != nil && !same(h) {
			k.add(radio.ChainPasses, h.Record.At, say("Thiết bị khởi động lần gần nhất lúc %s.", "The device had last started at %s.", k.second(h.Record.At)), journalRow(h))
		}
		if h.Record.Step != nil && h.Record.Step.To == "untrusted" && !same(h) {
			k.add(radio.ChainChanges, h.Record.At, say("Đồng hồ không tin cậy từ %s.", "Its clock had not been trusted since %s.", k.second(h.Record.At)), journalRow(h))
		}
	}
	if k.c.Nothing() && len(found) == 0 && len(last) == 0 {
		k.add(radio.ChainOpen, 0, say("Nhật ký thiết bị không có gì quanh lúc đó.", "The device's journal holds nothing around then."), radio.RowSource{Row: "journal", ID: string(d)})
	}
	for _, h := range found[:min(len(found), mostEvents)] {
		if v, text, ok := k.event(h); ok {
			k.add(v, h.Record.At, text, journalRow(h))
		}
	}
	if n := len(found) - mostEvents; n > 0 {
		k.add(radio.ChainOpen, 0, say("Và %d việc khác trong nhật ký thiết bị.", "And %d more in the device's journal.", n), radio.RowSource{Row: "journal", ID: string(d)})
	}
	return nil
}

func journalRow(h radio.Heard) radio.RowSource {
	return radio.RowSource{Row: "journal", Journal: h.Journal, Seq: h.Record.Seq}
}

// event puts one record into words; ok is false for what does not bear on an airing.
func (k *chain) event(h radio.Heard) (v radio.ChainVerdict, text words, ok bool) {
	r, at := h.Record, k.second(h.Record.At)
	switch {
	case r.Booted != nil:
		why := say("khởi động", "started")
		if r.Booted.Why == "crash" {
			why = say("khởi động lại sau khi phần mềm hỏng", "started again after a crash")
		}
		v = radio.ChainPasses
		if r.At > k.c.Start {
			v = radio.ChainChanges // it was off for a part of the airing
		}
		return v, say("Thiết bị %s lúc %s.", "The device %s at %s.", why, at), true
	case r.Revision != nil && r.Revision.Document == "programme":
		return radio.ChainPasses, say("Chương trình %d có hiệu lực trên thiết bị lúc %s.", "Programme %d became active on the device at %s.", r.Revision.Revision, at), true
	case r.Revision != nil && r.Revision.Document == "policy":
		return radio.ChainPasses, say("Bản quy định khung giờ %d có hiệu lực trên thiết bị lúc %s.", "Policy %d became active on the device at %s.", r.Revision.Revision, at), true
	case r.Fault != nil && r.Fault.Open:
		return radio.ChainChanges, say("Thiết bị báo lỗi “%s” lúc %s: %s", "The device reported a fault “%s” at %s: %s", r.Fault.Code, at, r.Fault.Text), true
	case r.Fault != nil:
		return radio.ChainPasses, say("Lỗi “%s” hết lúc %s.", "The fault “%s” was over at %s.", r.Fault.Code, at), true
	case r.Step != nil && r.Step.To == "untrusted":
		return radio.ChainChanges, say("Đồng hồ thiết bị không còn tin cậy từ %s.", "The device's clock was no longer trusted from %s.", at), true
	case r.Step != nil && r.Step.StepMS != 0:
		return radio.ChainPasses, say("Đồng hồ thiết bị nhảy %d ms lúc %s.", "The device's clock stepped by %d ms at %s.", r.Step.StepMS, at), true
	case r.Step != nil:
		return radio.ChainPasses, say("Đồng hồ thiết bị đổi trạng thái lúc %s.", "The device's clock changed its state at %s.", at), true
	case r.Security != nil:
		return radio.ChainOpen, say("Thiết bị từ chối thứ không có bằng chứng (%s) lúc %s.", "The device refused something unproven (%s) at %s.", r.Security.What, at), true
	}
	return "", words{}, false
}

// kindWords names the troubles as the centre judges them.
var kindWords = map[radio.FaultKind]words{
	radio.FaultOffline: {"mất kết nối", "offline"}, radio.FaultNotReady: {"chưa sẵn sàng", "not ready"}, radio.FaultSilent: {"không có xác nhận", "no confirmations"},
	radio.FaultClock: {"đồng hồ không tin cậy", "clock not trusted"}, radio.FaultOutput: {"lỗi đầu ra âm thanh", "sound output failed"}, radio.FaultDisk: {"sắp hết bộ nhớ", "disk nearly full"},
	radio.FaultReported: {"thiết bị báo lỗi", "a fault the device reports"}, radio.FaultCloned: {"nghi nhân bản danh tính", "identity perhaps cloned"},
	radio.FaultRefused: {"máy chủ không tạo được tài liệu", "the centre cannot make its documents"}, radio.FaultEmergency: {"thiếu âm thanh khẩn cấp", "emergency sounds missing"},
	radio.FaultCertificate: {"chứng thư sắp hết hạn", "certificate ends soon"}, radio.FaultCentre: {"máy chủ", "the centre"},
}

func faultOf(f radio.Fault) words {
	w, ok := kindWords[f.Kind]
	if !ok {
		w = words{string(f.Kind), string(f.Kind)}
	}
	if f.Code != "" {
		w = say("%s (%s)", "%s (%s)", w, f.Code)
	}
	return w
}

// faultsThen are the troubles the centre had found and that held during the airing.
func (k *chain) faultsThen(ctx context.Context) error {
	end := max(k.c.End, k.c.Start)
	for _, closed := range []bool{false, true} {
		after := radio.FaultID("")
		for range faultPages {
			page, err := k.Devices.Faults(ctx, radio.FaultFilter{Device: k.c.Place.Device.ID, Closed: closed}, after, faultPage)
			if err != nil {
				return err
			}
			for _, f := range page.Faults {
				if f.Device == "" || f.OpenedAt > end || f.ClosedAt != 0 && f.ClosedAt < k.c.Start {
					continue
				}
				until := say("đến nay", "until now")
				if f.ClosedAt != 0 {
					until = say("đến %s", "until %s", k.second(f.ClosedAt))
				}
				k.add(radio.ChainChanges, f.OpenedAt, say("Máy chủ ghi nhận: %s, từ %s %s.", "The centre noted: %s, from %s %s.", faultOf(f), k.second(f.OpenedAt), until), radio.RowSource{Row: "fault", ID: string(f.ID)})
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return nil
}

// openFaults may keep what is to come from sounding.
func (k *chain) openFaults(ctx context.Context) error {
	page, err := k.Devices.Faults(ctx, radio.FaultFilter{Device: k.c.Place.Device.ID}, "", faultPage)
	for _, f := range page.Faults {
		if f.Device != "" {
			k.add(radio.ChainOpen, f.OpenedAt, say("Hiện đang có lỗi: %s, từ %s.", "A fault is open now: %s, since %s.", faultOf(f), k.second(f.OpenedAt)), radio.RowSource{Row: "fault", ID: string(f.ID)})
		}
	}
	return err
}

// orders are what people did to it while it sounded.
func (k *chain) orders(ctx context.Context) error {
	if r := k.c.Row; r == nil || r.Origin == radio.FromCommand {
		return nil // told as its own origin
	}
	acts, err := k.acts(ctx)
	for _, a := range acts {
		switch a.Act {
		case radio.ActCommanded:
			k.add(radio.ChainStops, a.At, say("%s ra lệnh dừng từ xa lúc %s.", "%s ordered it from afar to stop at %s.", person(a), k.second(a.At)), radio.RowSource{Row: "command", ID: a.ID})
		case radio.ActAlertCancelled:
			k.add(radio.ChainStops, a.At, say("%s ký lệnh hủy lúc %s.", "%s signed its cancellation at %s.", person(a), k.second(a.At)), radio.RowSource{Row: "alert", ID: a.ID})
		case radio.ActLocalStop:
			k.add(radio.ChainStops, a.At, say("Có người dừng tại cụm loa, bằng mã PIN, lúc %s.", "Somebody with the PIN stopped it at the device at %s.", k.second(a.At)), radio.RowSource{Row: "airing", ID: string(k.c.Row.Airing)})
		case radio.ActLocalStart:
			k.add(radio.ChainPasses, a.At, say("Có người phát tại cụm loa, bằng mã PIN, lúc %s.", "Somebody with the PIN started it at the device at %s.", k.second(a.At)), radio.RowSource{Row: "airing", ID: string(k.c.Row.Airing)})
		}
	}
	return err
}
