package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

// LogFiles makes files of the log (export). Each calls begin before the first byte, with
// the instant the file speaks of; what goes wrong before is told as on a page.
type LogFiles interface {
	CSV(ctx context.Context, file LogFile, begin func(knownAt time.Time) (io.Writer, error)) error
	XLSX(ctx context.Context, file LogFile, begin func(knownAt time.Time) (io.Writer, error)) error
}

// LogFile is one file of the log.
type LogFile struct {
	Filter radio.LogFilter
	Zone   *time.Location
	Words  FileWords
	About  [][2]string // the filter in words
	By     string
	Owner  radio.UserID // one file at a time for each
}

// FileWords are the reader's words for the codes of the log.
type FileWords struct{ speech speech }

// English says whether the reader reads English; Vietnamese otherwise.
func (w FileWords) English() bool { return w.speech.language == english }

// Outcome is the word for an outcome.
func (w FileWords) Outcome(o radio.Outcome) string {
	text, err := outcomeText(o)
	if err != nil {
		return string(o)
	}
	return w.speech.say(text)
}

// Reason is the word for a reason.
func (w FileWords) Reason(r radio.Reason) string { return w.speech.say(reasonText(r)) }

// Priority is the legal word for a priority.
func (w FileWords) Priority(p radio.Priority) string { return w.speech.say(priorityText(p)) }

// Origin is the word for who wanted the sound.
func (w FileWords) Origin(o radio.Origin) string { return w.speech.say(originText(o)) }

// Proof is the word for what the device vouches for.
func (w FileWords) Proof(p string) string { return w.speech.say(proofText(p)) }

const (
	csvType  = "text/csv; charset=utf-8"
	xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

func (s *Server) logCSV(w http.ResponseWriter, r *http.Request) error {
	return s.logFile(w, r, s.Files.CSV, csvType, ".csv")
}

func (s *Server) logXLSX(w http.ResponseWriter, r *http.Request) error {
	return s.logFile(w, r, s.Files.XLSX, xlsxType, ".xlsx")
}

// logFile sends what a filter lets through as a file.
func (s *Server) logFile(w http.ResponseWriter, r *http.Request,
	produce func(context.Context, LogFile, func(time.Time) (io.Writer, error)) error, kind, ext string) error {
	q, err := strictQuery(exact(r), slices.DeleteFunc(slices.Clone(logKeys), func(k string) bool { return k == "after" })...)
	if err != nil {
		return err
	}
	s.instants(q)
	f, err := s.seen(r, logFilter(q))
	if err != nil {
		return err
	}
	about, err := s.about(r, f)
	if err != nil {
		return err
	}
	file := LogFile{Filter: f, Zone: s.zone, Words: FileWords{s.pages.speech[languageOf(r)]}, About: about, By: who(r).Name, Owner: who(r).ID}
	return s.download(w, kind, func(knownAt time.Time) string { return s.fileName(r, f, knownAt) + ext },
		func(begin func(time.Time) (io.Writer, error)) error { return produce(r.Context(), file, begin) })
}

// fileName says what the file holds and as of when; Unicode NFC.
func (s *Server) fileName(r *http.Request, f radio.LogFilter, knownAt time.Time) string {
	name := s.say(r, "Nhật ký phát sóng")
	switch {
	case f.From != "" && f.From == f.To:
		name += " " + string(f.From)
	case f.From != "" || f.To != "":
		name += " " + string(f.From) + "–" + string(f.To)
	}
	return norm.NFC.String(name + ", " + s.say(r, "số liệu lúc %s", knownAt.In(s.zone).Format("2006-01-02 15.04")))
}

// disposition names a download: in UTF-8 (RFC 6266, RFC 5987), and for what cannot read
// that in ASCII.
func disposition(name string) string {
	ascii := make([]byte, 0, len(name))
	for _, r := range norm.NFD.String(name) {
		switch {
		case r >= 0x300 && r <= 0x36f:
			// The accents of the letters before.
		case r == 'đ' || r == 'Đ':
			ascii = append(ascii, 'd')
		case r < ' ' || r > '~' || r == '"' || r == '\\':
			ascii = append(ascii, '_')
		default:
			ascii = append(ascii, byte(r))
		}
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, ascii, url.PathEscape(name))
}

// pace is what a reader of a download has to keep up with: a file that nobody takes must
// not hold the log's snapshot, and the turn of others, for ever.
type pace struct {
	patience time.Duration // for the first bytes, and for a link that breaks for a while
	rate     int64         // bytes a second on the average, once patience is used up
	longest  time.Duration // for all of it
}

// filePace: 32 KB/s is what a poor mobile link still manages.
var filePace = pace{patience: time.Minute, rate: 32 << 10, longest: 15 * time.Minute}

// until is when the next bytes have to be taken, after sent bytes since begun.
func (p pace) until(begun time.Time, sent int64) time.Time {
	allowed := p.patience + time.Duration(sent/p.rate)*time.Second
	return begun.Add(min(allowed, p.longest))
}

type pacedWriter struct {
	pace
	to      io.Writer
	control *http.ResponseController
	begun   time.Time
	sent    int64
}

// Write sets the deadline anew each time, never beyond what the pace allows.
func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := fit(w.control.SetWriteDeadline(w.until(w.begun, w.sent))); err != nil {
		return 0, err
	}
	n, err := w.to.Write(b)
	w.sent += int64(n)
	return n, err
}

// fit lets connections pass that know no deadline, or cannot be flushed.
func fit(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// logNames are the names of what the reader of a part of the log may know: what stands
// in other communes keeps its id for a name, whatever the address asks for.
func (s *Server) logNames(r *http.Request, f radio.LogFilter) (names, error) {
	all, err := s.names(r)
	if err != nil || f.Communes == nil {
		return all, err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if !f.Allows(p.Commune().ID) {
			delete(all, string(p.Device.ID))
			delete(all, string(p.Commune().ID))
			delete(all, string(p.Hamlet().ID))
		}
	}
	return all, nil
}

// about says a filter in words, for the file.
func (s *Server) about(r *http.Request, f radio.LogFilter) ([][2]string, error) {
	names, err := s.logNames(r, f)
	if err != nil {
		return nil, err
	}
	words := FileWords{s.pages.speech[languageOf(r)]}
	var out [][2]string
	add := func(label, value string) {
		if value != "" {
			out = append(out, [2]string{label, value})
		}
	}
	known := func(id string) string {
		if id == "" {
			return ""
		}
		return names.of(id)
	}
	add(s.say(r, "Từ ngày"), formatDay(f.From))
	add(s.say(r, "Đến ngày"), formatDay(f.To))
	add(s.say(r, "Khung giờ"), f.Slot)
	add(s.say(r, "Xã/phường"), known(string(f.Commune)))
	add(s.say(r, "Cụm loa"), known(string(f.Device)))
	title, err := s.titleInLog(r, f)
	if err != nil {
		return nil, err
	}
	add(s.say(r, "Bản tin"), title)
	add(s.say(r, "Đợt tuyên truyền"), known(string(f.Campaign)))
	if f.Outcome != "" {
		add(s.say(r, "Kết quả"), words.speech.choice(f.Outcome))
	}
	if f.Priority != "" {
		add(s.say(r, "Mức ưu tiên"), words.Priority(f.Priority))
	}
	if f.Origin != "" {
		add(s.say(r, "Nguồn phát"), words.Origin(f.Origin))
	}
	if f.KnownAt > 0 {
		add(s.say(r, "Số liệu đã biết đến"), formatAt(f.KnownAt, s.zone, "15:04 02/01/2006"))
	}
	if f.Communes != nil {
		add(s.say(r, "Phạm vi"), s.say(r, "%d xã/phường của tài khoản", len(f.Communes)))
	}
	return out, nil
}

// choice is the word for what a filter may ask of outcomes.
func (sp speech) choice(o radio.Outcome) string {
	switch o {
	case radio.NotAired:
		return sp.say("Chưa phát (mọi kết quả khác “Đã phát”)")
	case radio.Lacking:
		return sp.say("Phát thiếu hoặc không phát")
	case radio.Unplanned:
		return sp.say("Ngoài kế hoạch")
	}
	return FileWords{sp}.Outcome(o)
}
