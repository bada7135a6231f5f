package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"loaxa/internal/radio"
)

// WriteText shows a status to a person at a terminal, in Vietnamese with the
// English name of each part.
func WriteText(w io.Writer, s radio.Status) error {
	t := timesOf(s.Zone)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	p := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		// Texts come from the centre and from drivers: no control characters on a terminal.
		fmt.Fprintln(tw, strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				return '?'
			}
			return r
		}, line))
	}
	p("Cụm loa / Device:\t%s (%s)", s.Name, s.Device)
	p("Giờ / Time:\t%s (%s)", t.full(s.At), t.Name)
	p("Phiên bản / Version:\t%s, chạy %s", s.Version, upFor(s.UpMS))
	p("Đồng hồ / Clock:\t%s", clockLine(s.Clock))
	p("Kết nối / Link:\t%s", linkLine(s.Link, t))
	p("Đầu ra / Output:\t%s", outputLine(s.Output))
	p("Lưu trữ / Disk:\tcòn %s / %s, âm thanh %s", size(s.Disk.FreeBytes), size(s.Disk.TotalBytes), size(s.Disk.CacheBytes))
	p("Nhật ký / Journal:\tghi %d, máy chủ đã nhận %d", s.Journal.Head, s.Journal.Acked)
	p("Chương trình / Programme:\tbản %d, hiệu lực đến %s", s.Revisions.Programme, t.clock(s.Revisions.NotAfter))
	p("Khung giờ / Policy:\t%s (bản %d)", s.Policy, s.Revisions.Policy)
	for _, line := range ruleLines(s.Rules) {
		p("\t%s", line)
	}
	for _, a := range s.Alerts {
		p("Khẩn cấp / Alert:\t%s, %s, %d / %d", a.Headline, a.State, a.Cycle, a.Repeats)
	}
	if s.Sounding != nil {
		p("Đang phát / Sounding:\t%s, %s / %s", s.Sounding.Title, length(s.Sounding.Consumed), length(s.Sounding.Samples))
	}
	p("")
	p("Lỗi đang mở / Faults: %d", len(s.Faults))
	for _, f := range s.Faults {
		p("  %s\t%s\t%s", t.clock(f.Since), vi(f.Code), f.Text)
	}
	p("")
	p("Sắp phát / Next: %d", len(s.Next))
	for _, n := range s.Next {
		ready, _ := readiness(s, n)
		p("  %s\t%s\t%s\t%s\t%s", t.clock(n.Start), length(n.Samples), viPriority(n.Priority), ready, n.Title)
	}
	p("")
	p("Âm thanh / Audio: %d", len(s.Audio))
	for _, a := range s.Audio {
		ready, _ := audioLine(s, a)
		p("  %.12s\t%s\t%s", a.SHA256, ready, a.Title)
	}
	p("")
	p("Vừa qua / Last: %d", len(s.Last))
	for _, c := range s.Last {
		p("  %s\t%s\t%s", t.clock(c.Start), ending(c), titleOf(s, c))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("show the status: %w", err)
	}
	return nil
}

func clockLine(c radio.ClockStatus) string {
	s := fmt.Sprintf("%s, nguồn: %s", vi(c.State), vi(c.Source))
	if c.BoundMS >= 0 && c.Source != "assumed" {
		s += fmt.Sprintf(", sai số ≤ %d ms", c.BoundMS)
	}
	if c.OffsetMS != 0 {
		s += fmt.Sprintf(", lệch máy %d ms", c.OffsetMS)
	}
	return s
}

func linkLine(l radio.LinkStatus, t times) string {
	if l.Connected {
		return fmt.Sprintf("có, %s từ %s (lần %d)", l.Broker, t.clock(l.Since), l.Connection)
	}
	s := "KHÔNG; vẫn phát từ bộ nhớ"
	if l.Error != "" {
		s += ": " + l.Error
	}
	return s
}

func outputLine(o radio.OutputStatus) string {
	s := viOutputState(o.State)
	if o.Driver != "" {
		s += fmt.Sprintf(", %s %s", o.Driver, o.Device)
	}
	if o.Error != "" {
		s += ": " + o.Error
	}
	if o.Amplifier != "" {
		s += "; tăng âm " + viAmplifier(o.Amplifier)
	}
	return s
}

func viAmplifier(a radio.AmplifierState) string {
	switch a {
	case radio.AmplifierOn:
		return "bật"
	case radio.AmplifierOff:
		return "tắt"
	case radio.AmplifierSwitching:
		return "đang chuyển"
	}
	return "LỖI"
}

const willCome = "sẽ tải trước giờ phát"

// readiness tells of a coming airing, and whether a person has to see to it.
func readiness(s radio.Status, n radio.NextAiring) (text string, bad bool) {
	switch {
	case n.Excluded != radio.NoReason:
		return "không phát: " + vi(n.Excluded), true
	case n.Ready:
		return "sẵn sàng", false
	case s.AudioWaits(n.Start):
		return willCome, false
	}
	return "CHƯA có âm thanh", true
}

// audioLine tells of an audio, and whether a person has to see to it.
func audioLine(s radio.Status, a radio.AudioStatus) (text string, bad bool) {
	part := fmt.Sprintf("có %s / %s", size(a.Have), size(a.Bytes))
	switch {
	case a.Refused:
		return "TỪ CHỐI, không có chữ ký duyệt hợp lệ: " + a.Error, true
	case a.Ready:
		return "đủ " + size(a.Bytes), false
	case a.Error != "":
		return "lỗi: " + a.Error, true
	case s.AudioWaits(a.Due):
		return willCome + ", " + part, false
	}
	return "thiếu, " + part, true
}

// titleOf: a confirmation holds no title. The programme's audio has it, as long as
// it is there; else the bulletin's id names it.
func titleOf(s radio.Status, c radio.Confirmation) string {
	for _, a := range s.Audio {
		if a.SHA256 == c.SHA256 {
			return a.Title
		}
	}
	for _, a := range s.Alerts {
		if string(a.ID) == string(c.Key.Schedule) {
			return a.Headline
		}
	}
	if c.Bulletin == "" {
		return string(c.Origin)
	}
	return fmt.Sprintf("%s v%d", c.Bulletin, c.Version)
}
