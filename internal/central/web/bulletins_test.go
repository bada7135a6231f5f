package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

type field struct{ name, value string }

var goodForm = []field{{"code", "nq57-9"}, {"title", " Bài thứ chín "}, {"field", "3"}, {"author", "Ban biên tập"}, {"unit", "Sở KH&CN"}, {"valid_until", "2025-12-31"}, {"audio", "ÂM THANH"}}

// with replaces or adds fields; a value of "-" takes the field away.
func with(changes ...field) []field {
	form := slices.Clone(goodForm)
	for _, c := range changes {
		form = slices.DeleteFunc(form, func(f field) bool { return f.name == c.name })
		if c.value != "-" {
			form = append([]field{c}, form...)
		}
	}
	return form
}

func multipartForm(t testing.TB, fields []field) (string, []byte) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range fields {
		var part io.Writer
		var err error
		if f.name == "audio" {
			part, err = w.CreateFormFile("audio", "ban-tin.mp3")
		} else {
			part, err = w.CreateFormField(f.name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, f.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), body.Bytes()
}

func (h *house) upload(t testing.TB, path, kind string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", kind)
	r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestUpload(t *testing.T) {
	for _, c := range []struct {
		name   string
		form   []field
		desk   error
		status int
		says   []string // on the page and in JSON
	}{
		{"good", goodForm, nil, 0, nil},
		{"only what is needed", []field{{"title", "T"}, {"field", "1"}, {"audio", "x"}}, nil, 0, nil},
		{"no audio", with(field{"audio", "-"}), nil, 422, []string{"chưa có tệp âm thanh", "no audio part"}},
		{"audio before the words", append([]field{{"audio", "x"}}, with(field{"audio", "-"})...), nil, 422, []string{"tệp âm thanh phải là phần cuối cùng; trước nó chưa có: Tiêu đề, Loại lĩnh vực", "audio must be the last part; missing before it: title, field"}},
		{"audio between the words", []field{{"code", "a"}, {"field", "1"}, {"audio", "x"}, {"title", "T"}}, nil, 422, []string{"trước nó chưa có: Tiêu đề", "missing before it: title"}},
		{"a word after the audio", append(slices.Clone(goodForm), field{"language", "vi"}), nil, 422, []string{"sau nó còn: language", "after it came: language"}},
		{"bad values", with(field{"code", "Mã Số"}, field{"title", ""}, field{"field", "9"}, field{"valid_until", "31/12/2025"}), nil, 422,
			[]string{"mã chỉ gồm", "use 1-64 of a-z", "không được để trống", "must not be empty", "lĩnh vực phải từ 1 đến 6", "one of the six", "ngày phải có dạng", "the date must look like"}},
		{"field that is no number", with(field{"field", "ba"}), nil, 422, []string{"lĩnh vực phải từ 1 đến 6"}},
		{"title too long", with(field{"title", strings.Repeat("ă", 201)}), nil, 422, []string{"dài quá 200 ký tự"}},
		{"endless word", with(field{"author", strings.Repeat("x", maxWord+1)}), nil, 400, []string{"is too long"}},
		{"refused audio", goodForm, fmt.Errorf("upload: %w", refusedAudio{}), 422, []string{"Đây là trang web, không phải âm thanh.", "this is a web page, not audio"}},
		{"the code is taken", goodForm, fmt.Errorf("%w: there is one already", radio.ErrConflict), 409, []string{"đã có bản tin mang", "there is one already"}},
		{"an emergency", with(field{"priority", "emergency"}), nil, 422, []string{"tin khẩn cấp đi bằng lệnh", "emergencies go as alerts"}},
		{"of a hamlet", with(field{"area", string(id[radio.AreaID]('h', 1))}), nil, 422, []string{"bản tin thuộc tỉnh hoặc xã", "the province or a commune"}},
		{"of nowhere", with(field{"area", string(id[radio.AreaID]('z', 1))}), nil, 403, []string{"không có quyền này ở địa bàn đó"}},
		{"valid backwards", with(field{"valid_from", "2026-01-01"}), nil, 422, []string{"hết hiệu lực trước khi có hiệu lực", "ends before it begins"}},
		{"control character", with(field{"title", "a\x00b"}), nil, 422, []string{"ở vị trí 2 không dùng được"}},
		{"long transcript", with(field{"transcript", strings.Repeat("ữ", radio.MaxTranscript)}), nil, 0, nil},
		{"transcript too long", with(field{"transcript", strings.Repeat("x", maxText+1)}), nil, 400, []string{"is too long"}},
		{"an upload that is gone", with(field{"audio", "-"}, field{"upload", id[string]('q', 1)}), nil, 422, []string{"tệp tải lên không còn", "no such upload"}},
		{"no ffmpeg", goodForm, fmt.Errorf("%w: ffmpeg is not installed", radio.ErrUnavailable), 503, []string{"hãy thử lại sau", "ffmpeg"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, body := multipartForm(t, c.form)
			for path, good := range map[string]int{"/bulletins": http.StatusSeeOther, "/api/v1/bulletins": http.StatusCreated} {
				h := newHouse(t)
				h.desk.err = c.desk
				w := h.upload(t, path, kind, bytes.NewReader(body))
				if c.status == 0 {
					want(t, w, good)
					if len(h.desk.uploads) != 1 || h.desk.uploads[0].CreatedBy != lan.ID {
						t.Errorf("uploads %+v", h.desk.uploads)
					}
					continue
				}
				says := c.says
				if path == "/bulletins" { // the form is shown again in the reader's language; English is plain ASCII
					says = slices.DeleteFunc(slices.Clone(says), func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) })
				}
				want(t, w, c.status, says...)
				if len(h.desk.uploads) != 0 {
					t.Error("the desk took it")
				}
			}
		})
	}
}

func TestUploadHandsOnWhatWasWritten(t *testing.T) {
	h := newHouse(t)
	kind, body := multipartForm(t, with(field{"unit", "So\u031b\u0309 VHTTDL"}))
	want(t, h.upload(t, "/bulletins", kind, bytes.NewReader(body)), http.StatusSeeOther)
	b := h.desk.uploads[0]
	// The last moment of 31 December in Hà Tĩnh is 17:00 UTC.
	until := radio.At(time.Date(2025, 12, 31, 17, 0, 0, 0, time.UTC))
	if b.Code != "nq57-9" || b.Title != "Bài thứ chín" || b.Field != 3 || b.Author != "Ban biên tập" || b.Unit != "Sở VHTTDL" || b.Language != "vi" || b.ValidUntil != until {
		t.Errorf("form %+v", b)
	}
	if string(h.desk.audio[0]) != "ÂM THANH" {
		t.Errorf("audio %q", h.desk.audio[0])
	}
}

// endless gives n bytes without keeping them.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	clear(p[:n])
	e.left -= n
	return int(n), nil
}

func TestUploadTooLarge(t *testing.T) {
	h := newHouse(t)
	kind, body := multipartForm(t, goodForm)
	before, after, _ := bytes.Cut(body, []byte("ÂM THANH"))
	for path, says := range map[string]string{"/bulletins": "tối đa 201 MB", "/api/v1/bulletins": `"code":"too_large"`} {
		w := h.upload(t, path, kind, io.MultiReader(bytes.NewReader(before), &endless{maxUpload}, bytes.NewReader(after)))
		want(t, w, http.StatusRequestEntityTooLarge, says)
	}
	if len(h.desk.uploads) != 0 {
		t.Error("the desk took it")
	}
}

func TestUploadBrokenOff(t *testing.T) {
	kind, body := multipartForm(t, goodForm)
	for name, c := range map[string]struct {
		kind string
		body []byte
	}{
		"in the audio":  {kind, body[:bytes.Index(body, []byte("THANH"))]},
		"in a word":     {kind, body[:bytes.Index(body, []byte("thứ"))]},
		"not multipart": {"application/json", []byte("{}")},
		"no boundary":   {"multipart/form-data", body},
		"other bounds":  {"multipart/form-data; boundary=zzz", body},
		"many fields": func() (c struct {
			kind string
			body []byte
		}) {
			var many []field
			for i := range 30 {
				many = append(many, field{fmt.Sprint("f", i), "x"})
			}
			c.kind, c.body = multipartForm(t, append(many, goodForm...))
			return c
		}(),
	} {
		h := newHouse(t)
		w := h.upload(t, "/api/v1/bulletins", c.kind, bytes.NewReader(c.body))
		if w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if len(h.desk.uploads) != 0 {
			t.Errorf("%s: the desk took it", name)
		}
	}
}

func FuzzUpload(f *testing.F) {
	kind, body := multipartForm(f, goodForm)
	f.Add(kind, body)
	f.Add(kind, body[:len(body)/2])
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\n--x--"))
	f.Add("application/x-www-form-urlencoded", []byte("code=a&title=b"))
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		h.desk.uploads, h.desk.audio = nil, nil
		w := h.upload(t, "/api/v1/bulletins", kind, bytes.NewReader(body))
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, b := range h.desk.uploads {
			if err := b.Check(); err != nil {
				t.Fatalf("the desk got what breaks the rules: %v", err)
			}
		}
		if (w.Code == http.StatusCreated) != (len(h.desk.uploads) == 1) {
			t.Fatalf("status %d with %d uploads", w.Code, len(h.desk.uploads))
		}
	})
}

func TestDecision(t *testing.T) {
	for _, c := range []struct {
		name     string
		bulletin int
		version  string
		to, why  string
		desk     error
		status   int
		says     []string
	}{
		{"approve", 2, "1", "approved", "", nil, 0, nil},
		{"reject", 2, "1", "rejected", "sai tên xã", nil, 0, nil},
		{"withdraw", 0, "1", "withdrawn", "hết thời sự", nil, 0, nil},
		{"the author approves", 3, "2", "approved", "", nil, 403, []string{"không được tự duyệt", "cannot approve"}},
		{"approved twice", 0, "1", "approved", "", nil, 409, []string{"đã có quyết định khác", "is approved: it cannot approve"}},
		{"moved meanwhile", 2, "1", "approved", "", fmt.Errorf("%w: state moved", radio.ErrConflict), 409, []string{"đã có quyết định khác", "state moved"}},
		{"no reason", 2, "1", "rejected", "  ", nil, 400, []string{"phải ghi lý do", "say why"}},
		{"endless reason", 2, "1", "rejected", strings.Repeat("ô", maxWhy+1), nil, 422, []string{"dài quá 500 ký tự", "longer than 500"}},
		{"no such state", 2, "1", "shouted", "", nil, 422, []string{"quyết định chỉ là approved (duyệt)", "a decision is one of approved, rejected, withdrawn"}},
		{"pending is no decision", 2, "1", "pending", "", nil, 422, []string{"quyết định chỉ là", "a decision is one of"}},
		{"no state", 2, "1", "", "x", nil, 422, []string{"quyết định chỉ là", "a decision is one of"}},
		{"no such version", 2, "7", "approved", "", nil, 404, []string{"Không tìm thấy"}},
		{"version that is none", 2, "0", "approved", "", nil, 404, []string{"Không tìm thấy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/bulletins/" + id[string]('b', c.bulletin) + "/" + c.version + "/decision"
			h := newHouse(t)
			h.desk.err = c.desk
			w := h.ask(t, http.MethodPost, path, "to="+c.to+"&why="+strings.ReplaceAll(c.why, " ", "+"))
			api := newHouse(t)
			api.desk.err = c.desk
			j := api.ask(t, http.MethodPost, "/api/v1"+path, `{"to":"`+c.to+`","why":"`+c.why+`"}`)
			if c.status != 0 {
				want(t, w, c.status, c.says[:1]...)
				want(t, j, c.status, c.says...)
				return
			}
			want(t, w, http.StatusSeeOther)
			want(t, j, http.StatusOK, `"state":"`+c.to+`"`, string(lan.ID))
			step, _ := radio.DecisionStep(radio.BulletinState(c.to))
			if exp := []string{fmt.Sprintf("%s %s %s %s", step, c.version, lan.ID, c.why)}; !slices.Equal(h.desk.decisions, exp) || !slices.Equal(api.desk.decisions, exp) {
				t.Errorf("decisions %q and %q", h.desk.decisions, api.desk.decisions)
			}
		})
	}
}

func TestAudioToListenTo(t *testing.T) {
	h := newHouse(t)
	path := "/bulletins/" + id[string]('b', 0) + "/1/audio"
	w := h.ask(t, http.MethodGet, path, "")
	want(t, w, http.StatusOK, "an MP3, believe me")
	if w.Header().Get("Content-Type") != "audio/mpeg" || w.Header().Get("ETag") != `"`+string(hash(1))+`"` {
		t.Errorf("header %v", w.Header())
	}
	w = h.ask(t, http.MethodGet, path, "", func(r *http.Request) { r.Header.Set("Range", "bytes=3-5") })
	want(t, w, http.StatusPartialContent)
	if w.Body.String() != "MP3" {
		t.Errorf("range: %q", w.Body)
	}
	h.plan.bulletins[0].Renditions[0].SHA256 = hash(9)
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusNotFound)
	h.plan.bulletins[0].Renditions = nil
	want(t, h.ask(t, http.MethodGet, path, ""), http.StatusNotFound)
}
