package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"loaxa/internal/radio"
)

// Explainer tells why a device sounded or will sound, or not, and what is likely wrong
// with it (explain).
type Explainer interface {
	Explain(ctx context.Context, d radio.DeviceID, at radio.Millis) (radio.Explanation, error)
	Diagnose(ctx context.Context, d radio.DeviceID) (radio.Diagnosis, error)
}

// whyData is the page that explains one device at one instant.
type whyData struct {
	weekData // what can be chosen, and what was
	When     string
	X        *radio.Explanation // nil before a device is chosen
	Earlier  string             // addresses of the airings around
	Later    string
}

var whyKeys = []string{"device", "commune", "at"}

// whyPath is where an instant of a device is explained; of a commune the device is to be
// chosen still.
func whyPath(commune radio.AreaID, device radio.DeviceID, at radio.Millis) string {
	q := url.Values{"at": {at.Time().Format(time.RFC3339Nano)}}
	if device != "" {
		q.Set("device", string(device))
	} else {
		q.Set("commune", string(commune))
	}
	return "/explain?" + q.Encode()
}

// instantOf reads an instant as forms send it, by the local clock, or as programs do
// (RFC 3339); now without one.
func (s *Server) instantOf(text string) (radio.Millis, error) {
	if text == "" {
		return radio.At(s.Now()), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return radio.At(t), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, text, s.zone); err == nil {
			return radio.At(t), nil
		}
	}
	var e radio.Invalid
	e.Add("at", "thời điểm phải có dạng 2026-12-31T05:00 (giờ địa phương) hoặc 2026-12-31T05:00:00+07:00", "the instant must look like 2026-12-31T05:00 (local time) or 2026-12-31T05:00:00+07:00")
	return 0, e.Err()
}

// explained answers for one device; who may not read about devices is not told of its
// health.
func (s *Server) explained(r *http.Request, d radio.DeviceID, at radio.Millis) (radio.Explanation, error) {
	chain, err := s.ofPreview(r)
	if err != nil {
		return radio.Explanation{}, err
	}
	x, err := s.Why.Explain(r.Context(), d, at)
	if !who(r).May(radio.ReadDevices, chain...) {
		x.Diagnosis = nil
	}
	return x, err
}

func (s *Server) whyPage(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, whyKeys...)
	if err != nil {
		return err
	}
	d := whyData{}
	if d.Commune, d.Device, err = targetOf(q); err != nil {
		return err
	}
	at, err := s.instantOf(q.Get("at"))
	if err != nil {
		return err
	}
	// A form's own instant has minutes; what came by a link may be more exact.
	d.When = at.Time().In(s.zone).Format("2006-01-02T15:04:05")
	if at%60_000 == 0 {
		d.When = at.Time().In(s.zone).Format("2006-01-02T15:04")
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	d.choose(who(r), places)
	if d.Device != "" {
		x, err := s.explained(r, d.Device, at)
		if err != nil {
			return err
		}
		d.X = &x
		if x.Before != nil {
			d.Earlier = whyPath("", d.Device, x.Before.Start)
		}
		if x.After != nil {
			d.Later = whyPath("", d.Device, x.After.Start)
		}
	}
	return s.show(w, r, http.StatusOK, "explain.html", "Vì sao phát, vì sao không", d)
}

func (s *Server) apiExplain(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "device", "at")
	if err != nil {
		return err
	}
	_, device, err := targetOf(q)
	if err != nil {
		return err
	}
	if device == "" {
		var e radio.Invalid
		e.Add("device", "chọn một cụm loa", "name a device")
		return e.Err()
	}
	at, err := s.instantOf(q.Get("at"))
	if err != nil {
		return err
	}
	x, err := s.explained(r, device, at)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}

func (s *Server) apiDiagnosis(w http.ResponseWriter, r *http.Request) error {
	x, err := s.Why.Diagnose(r.Context(), radio.DeviceID(r.PathValue("device")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}

// chainText names a kind of link.
func chainText(k radio.ChainKind) string {
	return word(map[radio.ChainKind]string{
		radio.ChainPlace: "Nơi đặt", radio.ChainSchedule: "Lịch phát", radio.ChainBulletin: "Bản tin", radio.ChainPriority: "Mức ưu tiên",
		radio.ChainDecision: "Quyết định của địa phương", radio.ChainPolicy: "Quy định khung giờ", radio.ChainRevision: "Chương trình trên thiết bị",
		radio.ChainDevice: "Ở thiết bị", radio.ChainConfirmation: "Lời xác nhận",
	}, k)
}

// verdictText says in a word what a link does.
func verdictText(v radio.ChainVerdict) string {
	return word(map[radio.ChainVerdict]string{
		radio.ChainPasses: "cho qua", radio.ChainChanges: "làm khác đi", radio.ChainStops: "chặn lại", radio.ChainOpen: "chưa rõ",
	}, v)
}

// verdictTag is the color of a link.
func verdictTag(v radio.ChainVerdict) string {
	return map[radio.ChainVerdict]string{radio.ChainPasses: "aired", radio.ChainChanges: "partial", radio.ChainStops: "missed"}[v]
}

// signTag is the color of a sign.
func signTag(v radio.SignState) string {
	return map[radio.SignState]string{radio.SignFine: "aired", radio.SignBad: "missed"}[v]
}

// rowText names the kind of row a link is read from.
func rowText(row string) string {
	return word(map[string]string{
		"area": "địa bàn", "schedule": "lịch phát", "bulletin": "bản tin", "policy": "quy định khung giờ", "programme": "chương trình", "journal": "nhật ký thiết bị",
		"fault": "lỗi đã ghi", "command": "lệnh", "alert": "khẩn cấp", "airing": "nhật ký phát sóng", "word": "lời xác nhận", "report": "báo cáo của thiết bị", "plan": "kế hoạch",
		"decision": "câu trả lời của địa phương", "offer_rule": "mặc định khi chưa trả lời", "area_change": "thay đổi địa bàn",
		"archive": "kho lưu trữ",
	}, row)
}

// whyRoutes are what explains.
func (s *Server) whyRoutes() []route {
	return []route{
		{pattern: "GET /explain", as: s.page, do: s.whyPage, may: radio.ReadLog, of: s.ofPreview},
		{pattern: "GET /api/v1/explain", as: s.api, do: s.apiExplain, may: radio.ReadLog, of: s.ofPreview,
			doc: doc{Summary: "Why a device sounded, sounds or will sound at an instant, or not: the chain of rules with the rows behind each link", Out: radio.Explanation{}, Query: []string{"device", "at"}}},
		{pattern: "GET /api/v1/devices/{device}/diagnosis", as: s.api, do: s.apiDiagnosis, may: radio.ReadDevices, of: s.ofDevice,
			doc: doc{Summary: "What is likely wrong with a cluster, and what to do about it", Out: radio.Diagnosis{}}},
	}
}
