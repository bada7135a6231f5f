package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

const (
	bulletinsAPage = 50
	maxWhy         = 500 // characters of the reason of a decision
)

type bulletinsData struct {
	Bulletins []bulletinRow
	Waiting   int // for a decision
	Pager     pager
	Fields    []fieldChoice
}

type bulletinRow struct {
	radio.Bulletin
	Own   bool // uploaded by the reader, who cannot approve it
	Notes []string
}

type fieldChoice struct {
	Value int
	Name  string
}

// bulletinList shows what waits for a decision first, then the newest.
func (s *Server) bulletinList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.Bulletins(r.Context())
	if err != nil {
		return err
	}
	var d bulletinsData
	order := func(b radio.Bulletin) int {
		if b.State == radio.Pending {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b radio.Bulletin) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.Code, b.Code))
	})
	for d.Waiting < len(all) && all[d.Waiting].State == radio.Pending {
		d.Waiting++
	}
	shown, pager := part(r, all, bulletinsAPage)
	d.Pager = pager
	for _, b := range shown {
		row := bulletinRow{Bulletin: b, Own: b.CreatedBy == who(r).ID}
		for _, code := range b.Warnings {
			row.Notes = append(row.Notes, warningText(code))
		}
		d.Bulletins = append(d.Bulletins, row)
	}
	for f := radio.Field(1); f.Valid(); f++ {
		d.Fields = append(d.Fields, fieldChoice{int(f), f.Name()})
	}
	return s.show(w, r, http.StatusOK, "bulletins.html", "Bản tin", d)
}

func (s *Server) bulletinUpload(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.upload(r); err != nil {
		return err
	}
	http.Redirect(w, r, "/bulletins", http.StatusSeeOther)
	return nil
}

// version names the bulletin version in an address.
func version(r *http.Request) (radio.BulletinID, int, error) {
	id := radio.BulletinID(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || n < 1 || !radio.ValidID(id) {
		return id, 0, notFound("bulletin")
	}
	return id, n, nil
}

func (s *Server) bulletinDecide(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	if _, err := s.decide(r, radio.BulletinState(r.PostFormValue("to")), r.PostFormValue("why")); err != nil {
		return err
	}
	http.Redirect(w, r, "/bulletins", http.StatusSeeOther)
	return nil
}

// decide hands a decision to the desk and finds the words for its refusals.
func (s *Server) decide(r *http.Request, to radio.BulletinState, why string) (radio.Bulletin, error) {
	id, n, err := version(r)
	if err != nil {
		return radio.Bulletin{}, err
	}
	if why = tidy(why); len([]rune(why)) > maxWhy {
		var e radio.Invalid
		e.Add("why", "dài quá "+strconv.Itoa(maxWhy)+" ký tự", "longer than "+strconv.Itoa(maxWhy)+" characters")
		return radio.Bulletin{}, e.Err()
	}
	if !slices.Contains([]radio.BulletinState{radio.Approved, radio.Rejected, radio.Withdrawn}, to) {
		var e radio.Invalid
		e.Add("to", "quyết định chỉ là approved (duyệt), rejected (từ chối) hoặc withdrawn (thu hồi)", "a decision is one of approved, rejected, withdrawn")
		return radio.Bulletin{}, e.Err()
	}
	b, err := s.Desk.Decide(r.Context(), id, n, to, who(r).ID, why)
	switch {
	case errors.Is(err, radio.ErrForbidden):
		return b, told{err, "Người tải bản tin lên không được tự duyệt bản tin đó."}
	case errors.Is(err, radio.ErrConflict):
		return b, told{err, "Bản tin đã có quyết định khác. Hãy mở lại trang Bản tin để xem trạng thái mới."}
	case errors.Is(err, radio.ErrInvalid):
		return b, told{err, "Quyết định chưa hợp lệ: từ chối hoặc thu hồi thì phải ghi lý do."}
	}
	return b, err
}

func (s *Server) bulletinAudio(w http.ResponseWriter, r *http.Request) error {
	id, n, err := version(r)
	if err != nil {
		return err
	}
	b, err := s.Plan.Bulletin(r.Context(), id, n)
	if err != nil {
		return err
	}
	rendition, ok := b.Rendition(radio.MainKbps)
	if !ok {
		return notFound("audio")
	}
	file, _, err := s.Audio.Open(rendition.SHA256)
	if err != nil {
		return err
	}
	defer func() {
		if err := file.Close(); err != nil {
			s.Logger.Warn("close audio", "sha256", rendition.SHA256, "error", err)
		}
	}()
	w.Header().Set("Content-Type", "audio/mpeg")
	w.Header().Set("ETag", `"`+string(rendition.SHA256)+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}

// ofBulletin is the area whose desk the bulletin in the address belongs to.
func (s *Server) ofBulletin(r *http.Request) ([]radio.AreaID, error) {
	id, n, err := version(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.Plan.Bulletin(r.Context(), id, n); err != nil {
		return nil, err
	}
	return s.provinceChain(r)
}

// bulletinRoutes are the desk for bulletins.
func (s *Server) bulletinRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /bulletins", as: page, do: s.bulletinList, may: radio.ReadBulletins},
		{pattern: "POST /bulletins", as: page, do: s.bulletinUpload, body: maxUpload, may: radio.WriteBulletins},
		{pattern: "POST /bulletins/{id}/{version}/decision", as: page, do: s.bulletinDecide, may: radio.DecideBulletins, of: s.ofBulletin},
		{pattern: "GET /bulletins/{id}/{version}/audio", as: page, do: s.bulletinAudio, may: radio.ReadBulletins, of: s.ofBulletin},
		{pattern: "GET /api/v1/bulletins", as: api, do: s.apiBulletins, may: radio.ReadBulletins, doc: doc{Summary: "Bulletins, the newest version of each", Out: bulletinsAnswer{}}},
		{pattern: "POST /api/v1/bulletins", as: api, do: s.apiUpload, body: maxUpload, may: radio.WriteBulletins, doc: doc{Summary: "Upload a bulletin (multipart/form-data; the audio is the last part)", Out: radio.Bulletin{}, Status: http.StatusCreated}},
		{pattern: "POST /api/v1/bulletins/{id}/{version}/decision", as: api, do: s.apiDecide, may: radio.DecideBulletins, of: s.ofBulletin, doc: doc{Summary: "Approve, reject or withdraw", In: decisionBody{}, Out: radio.Bulletin{}}},
	}
}
