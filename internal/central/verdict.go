package central

import (
	"context"
	"io"

	"loaxa/internal/central/library"
	"loaxa/internal/radio"
)

// deskOf fits library's desk to the pages.
type deskOf struct{ *library.Desk }

func (d deskOf) Upload(ctx context.Context, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error) {
	b, err := d.Create(ctx, form, audio, by)
	if err != nil {
		return b, err
	}
	return d.Submit(ctx, b.ID, b.Version, true, by)
}

func (d deskOf) Decide(ctx context.Context, id radio.BulletinID, version int, to radio.BulletinState, by radio.UserID, why string) (radio.Bulletin, error) {
	return d.Desk.Decide(ctx, id, version, radio.Verdict{To: to, Why: why}, by)
}
