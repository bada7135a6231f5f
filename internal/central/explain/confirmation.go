package explain

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

// overdue is how long after its planned end word about an airing should have come
// (design §3).
const overdue = 10 * time.Minute

// confirmation tells what was said about it, word by word.
func (k *chain) confirmation(ctx context.Context) error {
	r := k.c.Row
	switch {
	case k.c.Nothing():
		return nil
	case r == nil && !k.c.Past() && k.c.Coming == nil:
		return nil // nothing of it will be in the log
	case r == nil && !k.c.Past():
		k.add(radio.ChainOpen, 0, say("Chưa đến giờ; lượt phát được chốt vào nhật ký 24 giờ trước giờ phát.", "Its time has not come; airings are frozen into the log 24 hours ahead."), radio.RowSource{Row: "plan"})
		return nil
	case r == nil:
		k.add(radio.ChainOpen, 0, say("Nhật ký không có lượt phát nào của khung này.", "The log has no airing of this slot."), radio.RowSource{Row: "airing"})
		return nil
	}
	row, said, err := k.Log.AsRunHistory(ctx, r.Key.Device, r.Airing)
	if err != nil {
		return err
	}
	here := radio.RowSource{Row: "airing", ID: string(row.Airing)}
	if row.FrozenAt != 0 {
		k.add(radio.ChainPasses, row.FrozenAt, say("Chốt vào nhật ký lúc %s, theo bản chương trình %d.", "Frozen into the log at %s, from programme %d.", k.second(row.FrozenAt), row.Revision), here)
	}
	for _, w := range said {
		from := radio.RowSource{Row: "word", ID: string(row.Airing), Version: int64(w.N), Journal: w.Journal, Seq: w.Seq}
		who := say("Máy chủ", "The centre")
		if w.From == radio.WordDevice {
			who = say("Thiết bị", "The device")
		}
		text := say("%s ghi nhận lúc %s: %s.", "%s said at %s: %s.", who, k.second(w.KnownAt), fate(w.Outcome, w.Reason))
		if w.StartedAt == 0 && w.Consumed > 0 {
			text = say("%s ghi nhận lúc %s: %s; phát ít nhất %s trong %s.", "%s said at %s: %s; it sounded at least %s of %s.", who, k.second(w.KnownAt), fate(w.Outcome, w.Reason),
				seconds(radio.SamplesDuration(w.Consumed)), seconds(radio.SamplesDuration(w.Expected)))
		}
		if w.StartedAt != 0 {
			text = say("%s ghi nhận lúc %s: %s; bắt đầu %s, phát %s trong %s.", "%s said at %s: %s; it began at %s and sounded %s of %s.", who, k.second(w.KnownAt), fate(w.Outcome, w.Reason),
				k.second(w.StartedAt), seconds(radio.SamplesDuration(w.Consumed)), seconds(radio.SamplesDuration(w.Expected)))
		}
		v := radio.ChainStops
		switch w.Outcome {
		case radio.Aired:
			v = radio.ChainPasses
		case radio.Partial:
			v = radio.ChainChanges
		case radio.PendingOutcome, radio.Silent:
			v = radio.ChainOpen
		}
		k.add(v, w.KnownAt, text, from)
	}
	if row.Outcome == radio.PendingOutcome {
		k.waits(row, here)
	}
	return nil
}

// waits tells of an airing nobody has said anything final about.
func (k *chain) waits(row radio.AsRun, here radio.RowSource) {
	switch {
	case row.Start > k.c.Now:
		k.add(radio.ChainOpen, 0, say("Chưa đến giờ.", "Its time has not come."), here)
	case k.c.Now > row.End().Add(overdue):
		k.add(radio.ChainOpen, row.Deadline, say("Quá hạn xác nhận: thiết bị chưa nói gì; sau %s sẽ ghi là không có tin.", "Word is overdue: the device has said nothing; after %s it counts as silent.", k.second(row.Deadline)), here)
	default:
		k.add(radio.ChainOpen, 0, say("Đang chờ xác nhận của thiết bị.", "The device's word is awaited."), here)
	}
}
