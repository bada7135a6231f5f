package web

import (
	"context"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// airingData is one airing with its whole history.
type airingData struct {
	Row    radio.LogRow
	Words  []radio.Word
	Proofs []radio.LogProof
	Steps  []radio.AirStep
}

// Trail tells who scheduled, approved and stopped what sounded (report).
type Trail interface {
	Steps(ctx context.Context, row radio.AsRun) ([]radio.AirStep, error)
}

// Proof is what is known of a word's place in the device's journal; nil for a word of the
// centre.
func (d airingData) Proof(w radio.Word) *radio.LogProof {
	for i, p := range d.Proofs {
		if p.Journal == w.Journal && p.Seq == w.Seq {
			return &d.Proofs[i]
		}
	}
	return nil
}

// Late is by how many milliseconds it began after its planned start.
func (d airingData) Late() int64 { return int64(d.Row.StartedAt - d.Row.Start) }

func (s *Server) history(r *http.Request) (radio.LogRow, []radio.Word, error) {
	return s.Log.History(r.Context(), radio.DeviceID(r.PathValue("device")), radio.AiringID(r.PathValue("airing")))
}

func (s *Server) airing(r *http.Request) (airingData, error) {
	row, words, err := s.history(r)
	if err != nil {
		return airingData{}, err
	}
	proofs, err := s.Log.Proofs(r.Context(), row.Key.Device, words)
	if err != nil {
		return airingData{}, err
	}
	steps, err := s.Trail.Steps(r.Context(), row.AsRun)
	return airingData{row, words, proofs, steps}, err
}

func (s *Server) logHistory(w http.ResponseWriter, r *http.Request) error {
	d, err := s.airing(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "history.html", "Một lượt phát", d)
}

// clockState is the word for the state of a device's clock.
func (sp speech) clockState(state string) string {
	return sp.say(word(map[string]string{"trusted": "tin cậy", "holdover": "tự giữ giờ", "untrusted": "KHÔNG tin cậy", radio.ClockAssumed: "GIẢ ĐỊNH, chỉ để thử"}, state))
}

// actText is what somebody did so that it sounded, or did not.
func actText(a radio.AirAct) string {
	return word(map[radio.AirAct]string{
		radio.ActBulletinMade: "Soạn bản tin", radio.ActBulletinApproved: "Duyệt bản tin", radio.ActBulletinWithdrawn: "Thu hồi bản tin",
		radio.ActScheduleWritten: "Soạn lịch phát", radio.ActSchedulePublished: "Phát hành lịch phát", radio.ActScheduleWithdrawn: "Thu hồi lịch phát",
		radio.ActCommuneDecided: "Địa phương trả lời", radio.ActProgrammeIssued: "Máy chủ ký chương trình của cụm loa", radio.ActAlertComposed: "Soạn thông báo khẩn cấp", radio.ActAlertSigned: "Ký thông báo khẩn cấp",
		radio.ActAlertCancelled: "Ký lệnh hủy phát khẩn cấp", radio.ActCommanded: "Ra lệnh từ xa", radio.ActLocalStart: "Phát tại cụm loa, bằng mã PIN",
		radio.ActLocalStop: "Dừng tại cụm loa, bằng mã PIN",
	}, a)
}

// Page is where the thing of a step is shown, "" for what has none.
func (d airingData) Page(s radio.AirStep) string {
	if s.ID == "" {
		return ""
	}
	for prefix, where := range map[string]string{"bulletin": "/bulletins/", "schedule": "/schedules/", "alert": "/alerts/"} {
		if strings.HasPrefix(string(s.Act), prefix) {
			return where + s.ID
		}
	}
	return ""
}
