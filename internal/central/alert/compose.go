package alert

import (
	"context"
	"io"

	"loaxa/internal/radio"
)

// Find gives one alert.
func (d *Desk) Find(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	return d.rooms.Drafts.Alert(ctx, id)
}

// List gives alerts, the newest first, behind the one named.
func (d *Desk) List(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error) {
	return d.rooms.Drafts.Alerts(ctx, after, limit)
}

// Compose makes a draft. Nothing of it is sent before it is signed.
func (d *Desk) Compose(ctx context.Context, by radio.Person, w radio.AlertWish) (radio.AlertRecord, error) {
	w, err := d.wish(ctx, by, w)
	if err != nil {
		return radio.AlertRecord{}, err
	}
	a := radio.AlertRecord{ID: radio.NewID[radio.AlertID](), Version: 1, State: radio.AlertDraft, Wish: w,
		ComposedBy: by.ID, ComposedName: by.Name, ComposedAt: radio.At(d.now())}
	if err := d.rooms.Drafts.ComposeAlert(ctx, a, by.ID, a.ComposedAt); err != nil {
		return radio.AlertRecord{}, err
	}
	d.changed()
	return d.Find(ctx, a.ID)
}

// Change makes the next version of a draft; version names the one that was read. What
// was signed of it counts no more.
func (d *Desk) Change(ctx context.Context, by radio.Person, id radio.AlertID, version int, w radio.AlertWish) (radio.AlertRecord, error) {
	a, err := d.draft(ctx, by, id, version)
	if err != nil {
		return a, err
	}
	if a.Wish, err = d.wish(ctx, by, w); err != nil {
		return a, err
	}
	a.Version++
	if err := d.rooms.Drafts.ComposeAlert(ctx, a, by.ID, radio.At(d.now())); err != nil {
		return a, err
	}
	d.changed()
	return d.Find(ctx, id)
}

// Drop takes a draft out of the way for good.
func (d *Desk) Drop(ctx context.Context, by radio.Person, id radio.AlertID, version int) error {
	a, err := d.draft(ctx, by, id, version)
	if err != nil {
		return err
	}
	if err := d.rooms.Drafts.DropAlert(ctx, a, by.ID, radio.At(d.now())); err != nil {
		return err
	}
	d.changed()
	return nil
}

// Voice prepares the spoken words of an alert, which its wish then names.
func (d *Desk) Voice(ctx context.Context, source io.Reader) (radio.Rendition, error) {
	return d.rooms.Voices.Voice(ctx, source)
}

// wish judges what is composed, in its area and with a voice that is here.
func (d *Desk) wish(ctx context.Context, by radio.Person, w radio.AlertWish) (radio.AlertWish, error) {
	w, err := w.Normal(d.rooms.Set)
	if err != nil {
		return w, err
	}
	chain, err := d.chain(ctx, w.Area)
	if err != nil {
		return w, err
	}
	if err := may(by, radio.WriteAlerts, chain); err != nil {
		return w, err
	}
	if w.Voice != nil {
		voice, err := d.rooms.Voices.Bytes(w.Voice.SHA256)
		if err != nil {
			return w, err
		}
		if int64(len(voice)) != w.Voice.Bytes {
			var e radio.Invalid
			e.Add("voice", "không phải giọng đọc đã tải lên", "not the voice that was uploaded")
			return w, e.Err()
		}
	}
	return w, nil
}

// draft finds a draft that by may change.
func (d *Desk) draft(ctx context.Context, by radio.Person, id radio.AlertID, version int) (radio.AlertRecord, error) {
	a, err := d.Find(ctx, id)
	if err != nil {
		return a, err
	}
	chain, err := d.chain(ctx, a.Wish.Area)
	if err != nil {
		return a, err
	}
	if err := may(by, radio.WriteAlerts, chain); err != nil {
		return a, err
	}
	return a, isDraft(a, version)
}

// isDraft refuses what is no draft any more, or was changed since it was read.
func isDraft(a radio.AlertRecord, version int) error {
	switch {
	case a.State == radio.AlertDropped:
		return refusal{radio.ErrConflict, "the draft was dropped", "Bản nháp này đã bị bỏ."}
	case a.State != radio.AlertDraft:
		return refusal{radio.ErrConflict, "the alert has been sent already", "Thông báo khẩn cấp này đã được phát đi."}
	case a.Version != version:
		return refusal{radio.ErrConflict, "the draft was changed meanwhile: read it again", "Bản nháp vừa bị sửa. Hãy mở lại và đọc kỹ nội dung mới."}
	}
	return nil
}
