package central

import (
	"context"

	"loaxa/internal/central/library"
	"loaxa/internal/radio"
)

// deskOf fits library's desk to the pages.
type deskOf struct{ *library.Desk }

func (d deskOf) Decide(ctx context.Context, id radio.BulletinID, version int, to radio.BulletinState, by radio.UserID, why string) (radio.Bulletin, error) {
	return d.Desk.Decide(ctx, id, version, radio.Verdict{To: to, Why: why}, by)
}
