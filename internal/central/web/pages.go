package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// view is what every template gets: typed data, never a map.
type view[T any] struct {
	Title  string
	Nav    string
	Person radio.Person
	Data   T
}

// pages holds the parsed templates and the assets under their hashed names.
type pages struct {
	templates map[string]*template.Template
	assets    map[string][]byte
}

// parsePages reads every template with the layout; one that is broken stops the
// start, not a reader.
func parsePages(zone *time.Location) (pages, error) {
	p := pages{templates: map[string]*template.Template{}, assets: map[string][]byte{}}
	links := map[string]string{}
	static, err := fs.Glob(assets, "static/*")
	if err != nil {
		return p, err
	}
	for _, name := range static {
		b, err := assets.ReadFile(name)
		if err != nil {
			return p, err
		}
		sum := sha256.Sum256(b)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(path.Base(name), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		p.assets[hashed] = b
		links[path.Base(name)] = "/static/" + hashed
	}
	funcs := template.FuncMap{
		"asset": func(name string) (string, error) {
			if l, ok := links[name]; ok {
				return l, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"at":      func(m radio.Millis) string { return formatAt(m, zone, "15:04:05 02/01/2006") },
		"clock":   func(m radio.Millis) string { return formatAt(m, zone, "15:04:05") },
		"day":     func(d radio.Date) string { return formatDay(d) },
		"seconds": func(samples int64) string { return fmt.Sprintf("%.1f", float64(samples)/radio.SampleRate) },
		"outcome": outcomeText,
		"reason":  reasonText,
		"state":   stateText,
		"prio":    priorityText,
		"clocks":  clockText,
		"zone":    func() string { return zone.String() },
		"comma":   func(l []string) string { return strings.Join(l, ", ") },
	}
	names, err := fs.Glob(assets, "templates/*.html")
	if err != nil {
		return p, err
	}
	for _, name := range names {
		base := path.Base(name)
		if base == "layout.html" {
			continue
		}
		t, err := template.New(base).Funcs(funcs).ParseFS(assets, "templates/layout.html", name)
		if err != nil {
			return p, fmt.Errorf("template %s: %w", base, err)
		}
		p.templates[base] = t
	}
	return p, nil
}

// render writes a whole page or none: a template that fails half-way is an error.
func (p pages) render(w http.ResponseWriter, name string, data any) error {
	t, ok := p.templates[name]
	if !ok {
		return fmt.Errorf("no template %s", name)
	}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, "layout", data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, ok := s.pages.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

func formatAt(m radio.Millis, zone *time.Location, layout string) string {
	if m == 0 {
		return "–"
	}
	return m.Time().In(zone).Format(layout)
}

func formatDay(d radio.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}

// outcomeText gives the words of the screen for an outcome (domain §4).
func outcomeText(o radio.Outcome) (string, error) {
	t, ok := map[radio.Outcome]string{
		radio.PendingOutcome: "Chờ xác nhận", radio.Aired: "Đã phát", radio.Partial: "Phát thiếu", radio.Preempted: "Bị chèn",
		radio.Declined: "Địa phương không nhận", radio.Refused: "Bị từ chối", radio.Missed: "Không phát", radio.Failed: "Lỗi thiết bị",
		radio.Cancelled: "Đã hủy", radio.Silent: "Không có tin",
	}[o]
	if !ok {
		return "", errors.New("an outcome without words: " + string(o))
	}
	return t, nil
}

func reasonText(r radio.Reason) string {
	t, ok := map[radio.Reason]string{
		radio.NoReason: "", radio.ReasonLate: "trễ", radio.ReasonClock: "đồng hồ chưa tin cậy", radio.ReasonNoAudio: "chưa có âm thanh đúng",
		radio.ReasonNotSynced: "thiết bị chưa đồng bộ lịch", radio.ReasonOverlap: "trùng lịch", radio.ReasonOff: "thiết bị tắt",
		radio.ReasonSignature: "chữ ký không đúng", radio.ReasonPolicy: "ngoài khung giờ được phép", radio.ReasonExpired: "hết hạn",
		radio.ReasonUnsupported: "thiết bị chưa hỗ trợ", radio.ReasonOutput: "lỗi đường ra âm thanh", radio.ReasonDecoder: "lỗi giải mã",
		radio.ReasonStopped: "bị dừng", radio.ReasonWithdrawn: "đã thu hồi", radio.ReasonPriority: "nhường nội dung ưu tiên hơn",
	}[r]
	if !ok {
		return string(r) // a newer device's reason: better shown raw than hidden
	}
	return t
}

func stateText(s radio.BulletinState) string {
	return map[radio.BulletinState]string{radio.Pending: "Chờ duyệt", radio.Approved: "Đã duyệt", radio.Rejected: "Từ chối", radio.Withdrawn: "Thu hồi"}[s]
}

func priorityText(p radio.Priority) string {
	return map[radio.Priority]string{radio.Emergency: "Khẩn cấp", radio.Prior: "Ưu tiên", radio.Normal: "Thông thường"}[p]
}

func clockText(c radio.ClockStamp) string {
	state := map[string]string{"trusted": "tin cậy", "holdover": "tạm giữ", "untrusted": "chưa tin cậy"}[c.State]
	if c.Source == "assumed" {
		return "GIẢ ĐỊNH (chỉ dùng thử)"
	}
	return state + " (" + c.Source + ")"
}
