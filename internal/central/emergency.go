package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"loaxa/audio"
	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// emergencyRole is one sound of the set that comes with the program.
type emergencyRole struct {
	Role       radio.EmergencyRole `json:"role"`
	Renditions []radio.Rendition   `json:"renditions"`
}

func emergencyRoles() (fs.FS, []emergencyRole, error) {
	fsys, err := audio.Emergency()
	if err != nil {
		return nil, nil, fmt.Errorf("emergency set: %w", err)
	}
	b, err := fs.ReadFile(fsys, "set.json")
	if err != nil {
		return nil, nil, fmt.Errorf("emergency set: %w", err)
	}
	var roles []emergencyRole
	if err := json.Unmarshal(b, &roles); err != nil {
		return nil, nil, fmt.Errorf("emergency set: %w", err)
	}
	return fsys, roles, nil
}

// emergencySet is what the settings of every device name: the light rendition of each
// role.
func emergencySet() ([]radio.EmergencyAudio, error) {
	_, roles, err := emergencyRoles()
	var set []radio.EmergencyAudio
	for _, r := range roles {
		for _, x := range r.Renditions {
			if x.Kbps == radio.LightKbps {
				set = append(set, radio.EmergencyAudio{Role: r.Role, Rendition: x})
			}
		}
	}
	return set, err
}

// emergencyAudio is every rendition of the set, for the keyring to list.
func emergencyAudio() ([]radio.EmergencyAudio, error) {
	_, roles, err := emergencyRoles()
	var all []radio.EmergencyAudio
	for _, r := range roles {
		for _, x := range r.Renditions {
			all = append(all, radio.EmergencyAudio{Role: r.Role, Rendition: x})
		}
	}
	return all, err
}

// keepEmergency puts the set's files among the audio that devices fetch. They belong to
// the program: at every start they are there again.
func keepEmergency(ctx context.Context, files *library.Files) error {
	fsys, roles, err := emergencyRoles()
	if err != nil {
		return err
	}
	for _, r := range roles {
		for _, x := range r.Renditions {
			if f, size, err := files.Open(x.SHA256); err == nil {
				if err := f.Close(); err != nil {
					return fmt.Errorf("emergency set: %w", err)
				}
				if size == x.Bytes {
					continue
				}
			}
			f, err := fsys.Open(string(x.SHA256) + ".mp3")
			if err != nil {
				return fmt.Errorf("emergency set: %w", err)
			}
			if err := errors.Join(files.Keep(ctx, library.Kept{SHA256: x.SHA256}, f), f.Close()); err != nil {
				return fmt.Errorf("emergency set: %w", err)
			}
		}
	}
	return nil
}

// audioInUse keeps the emergency set from being swept: no bulletin refers to it.
type audioInUse struct{ *store.Store }

func (a audioInUse) AudioInUse(ctx context.Context) (renditions, originals []radio.SHA256, err error) {
	if renditions, originals, err = a.Store.AudioInUse(ctx); err != nil {
		return nil, nil, err
	}
	_, roles, err := emergencyRoles()
	for _, r := range roles {
		for _, x := range r.Renditions {
			renditions = append(renditions, x.SHA256)
		}
	}
	return renditions, originals, err
}
