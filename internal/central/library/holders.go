package library

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Holders tells which devices have what.
type Holders interface {
	BulletinHolders(ctx context.Context, b radio.BulletinID, version int) ([]radio.BulletinHolder, error)
	Places(ctx context.Context) ([]radio.Place, error)
	DeviceStates(ctx context.Context) ([]radio.DeviceState, error)
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
	states, err := d.shelf.DeviceStates(ctx)
	if err != nil {
		return reach, err
	}
	places, err := d.shelf.Places(ctx)
	if err != nil {
		return reach, err
	}
	said := make(map[radio.DeviceID]radio.DeviceState, len(states))
	for _, s := range states {
		said[s.Device] = s
	}
	held := make(map[radio.DeviceID]radio.BulletinHolder, len(holders))
	for _, h := range holders {
		held[h.Device] = h
	}
	for _, p := range places { // in the order of their codes
		h, holds := held[p.Device.ID]
		if !holds || (communes != nil && !slices.Contains(communes, p.Commune().ID)) ||
			(b.State == radio.Approved && h.Last != h.Current) { // its programme plays it no more
			continue
		}
		s := said[p.Device.ID]
		follows, err := followed(b, h, s)
		switch {
		case err != nil:
			return reach, fmt.Errorf("report of device %s: %w", p.Device.Code, err)
		case follows:
			reach.Synced++
		default:
			reach.Waiting = append(reach.Waiting, radio.BulletinDevice{
				Device: p.Device.ID, Name: p.Device.Name, Commune: p.Commune().Name, LastSeen: s.LastSeen, Alive: s.Alive,
			})
		}
	}
	return reach, nil
}

func followed(b radio.Bulletin, h radio.BulletinHolder, s radio.DeviceState) (bool, error) {
	if len(s.Reported) == 0 {
		return false, nil // never said what it runs
	}
	var report struct {
		Revisions radio.RevisionStatus `json:"revisions"`
		Audio     []radio.AudioStatus  `json:"audio"`
	}
	if err := json.Unmarshal(s.Reported, &report); err != nil {
		return false, err
	}
	if b.State == radio.Withdrawn {
		return report.Revisions.Programme > h.Last, nil
	}
	return slices.ContainsFunc(report.Audio, func(a radio.AudioStatus) bool {
		return a.Ready && slices.ContainsFunc(b.Renditions, func(r radio.Rendition) bool { return r.SHA256 == a.SHA256 })
	}), nil
}
