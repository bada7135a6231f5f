package e2e

import (
	"fmt"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestWithdrawal: a withdrawn bulletin leaves a connected device within a minute, audio
// and all, and the one that is off is named.
func TestWithdrawal(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a", "b"})
	h.serve()
	one := h.upload("mot", "Bản tin một", tone(t, 4, 440))
	two := h.upload("hai", "Bản tin hai", tone(t, 3, 660))
	a, b := h.agent("a", `driver: "null"`), h.agent("b", `driver: "null"`)
	due := dueMinute(5 * time.Minute)
	h.schedule(due, "mot", "hai")
	a.ready(due)
	b.ready(due)
	address := fmt.Sprintf("/api/v1/bulletins/%s/%d", one.ID, one.Version)
	var reach radio.BulletinReach
	h.as(second)
	h.eventually(30*time.Second, "both devices to report the audio", func() bool {
		h.get(address+"/devices", &reach)
		return reach.Synced == 2 && len(reach.Waiting) == 0
	})

	b.stop(t)
	h.post(address+"/decision", map[string]string{"to": "withdrawn", "why": "sai số liệu"}, nil)
	h.eventually(time.Minute, "the connected device to lose the bulletin", func() bool {
		s, ok := a.status()
		if !ok {
			return false
		}
		for _, x := range s.Audio {
			if x.SHA256 == one.Renditions[0].SHA256 {
				return false
			}
		}
		h.get(address+"/devices", &reach)
		return reach.Synced == 1
	})
	if len(reach.Waiting) != 1 || reach.Waiting[0].Name != "Cụm loa b" || reach.Waiting[0].Commune != "Xã thử" || reach.Waiting[0].LastSeen == 0 {
		t.Errorf("waiting for %+v", reach.Waiting)
	}
	h.page(fmt.Sprintf("/bulletins/%s/%d", one.ID, one.Version), "Thu hồi khỏi thiết bị", "Cụm loa b", "sai số liệu")
	if s, ok := a.status(); !ok || len(s.Audio) != 1 || s.Audio[0].SHA256 != two.Renditions[0].SHA256 || !s.Audio[0].Ready {
		t.Errorf("what stays on the device: %+v", s.Audio)
	}
}
