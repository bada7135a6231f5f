package library

import (
	"context"
	"slices"

	"loaxa/internal/radio"
)

// Holders tells which devices have what.
type Holders interface {
	BulletinHolders(ctx context.Context, b radio.BulletinID, version int) ([]radio.BulletinHolder, error)
	// Views is the newest view of every device; it is shared.
	Views(ctx context.Context) ([]radio.DeviceView, error)
}

// Reach says how far a decision about a version has come, in the communes named (nil:
// everywhere). A device counts by its own word, up/reported: of an approved version when
// the audio its programme plays is ready, of a withdrawn one when it runs a programme
// newer than the last that played it. The others are waited for, by name.
func (d *Desk) Reach(ctx context.Context, b radio.Bulletin, communes []radio.AreaID) (radio.BulletinReach, error) {
	reach := radio.BulletinReach{Waiting: []radio.BulletinDevice{}}
	if b.State != radio.Approved && b.State != radio.Withdrawn {
		return reach, nil
	}
	holders, err := d.shelf.BulletinHolders(ctx, b.ID, b.Version)
	if err != nil || len(holders) == 0 {
		return reach, err
	}
	views, err := d.shelf.Views(ctx)
	if err != nil {
		return reach, err
	}
	held := make(map[radio.DeviceID]radio.BulletinHolder, len(holders))
	for _, h := range holders {
		held[h.Device] = h
	}
	for _, v := range views {
		p := v.Place
		h, holds := held[p.Device.ID]
		if !holds || (communes != nil && !slices.Contains(communes, p.Commune().ID)) ||
			(b.State == radio.Approved && h.Last != h.Current) { // its programme plays it no more
			continue
		}
		if followed(b, h, v.Status) {
			reach.Synced++
			continue
		}
		reach.Waiting = append(reach.Waiting, radio.BulletinDevice{
			Device: p.Device.ID, Name: p.Device.Name, Commune: p.Commune().Name, LastSeen: v.State.LastSeen, Alive: v.State.Alive,
		})
	}
	return reach, nil
}

// followed goes by the device's last report; nil when it never said what it runs.
func followed(b radio.Bulletin, h radio.BulletinHolder, said *radio.Status) bool {
	if said == nil {
		return false
	}
	if b.State == radio.Withdrawn {
		return said.Revisions.Programme > h.Last
	}
	return slices.ContainsFunc(said.Audio, func(a radio.AudioStatus) bool {
		return a.Ready && slices.ContainsFunc(b.Renditions, func(r radio.Rendition) bool { return r.SHA256 == a.SHA256 })
	})
}
