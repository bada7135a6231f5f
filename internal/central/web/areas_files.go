package web

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"loaxa/internal/radio"
)

// placesData is the page that takes a table of places.
type placesData struct {
	Shown    bool
	Result   radio.PlaceImport
	Bad      int          // how many problems there are
	Problems []problemRow // the first of them
	Moved    []placeMove  // the first lines that change something
	More     int          // how many more there are
}

// placeMove is one line that changes something, in the reader's words.
type placeMove struct {
	radio.PlaceLine
	Fields []string
}

// tableLine is the place of a problem in a CSV file.
var tableLine = regexp.MustCompile(`:(\d+):(\d+)$`)

// placeProblems are the problems of a table, by line and column as a spreadsheet counts.
func (s *Server) placeProblems(r *http.Request, problems []radio.Problem) []problemRow {
	out := s.problemRows(r, problems[:min(len(problems), maxPlaceLines)])
	for i := range out {
		if m := tableLine.FindStringSubmatch(problems[i].Field); m != nil {
			out[i].Place = s.say(r, "Dòng %s, cột %s", m[1], m[2])
		}
	}
	return out
}

// placeFields names what moves in a line of a table.
func placeFields(name string) string {
	return word(map[string]string{"name": "Tên", "parent": "Mã cấp trên", "zone": "Múi giờ", "hamlet": "Mã thôn, tổ dân phố", "rendition": "Tốc độ (kbit/s)",
		"position": "Tọa độ", "phone": "Điện thoại"}, name)
}

// moved are the lines that change something.
func (s *Server) moved(r *http.Request, d *placesData) {
	for _, l := range d.Result.Lines {
		if l.Action != "created" && l.Action != "changed" {
			continue
		}
		if len(d.Moved) == maxPlaceLines {
			d.More++
			continue
		}
		m := placeMove{PlaceLine: l}
		for _, f := range l.Fields {
			name, values, _ := strings.Cut(f, ": ")
			m.Fields = append(m.Fields, s.say(r, placeFields(name))+": "+values)
		}
		d.Moved = append(d.Moved, m)
	}
}

func (s *Server) placesForm(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "places.html", "Nhập địa bàn và cụm loa từ tệp", placesData{})
}

// placesImport reads a table: step is check, or write.
func (s *Server) placesImport(w http.ResponseWriter, r *http.Request) error {
	name, data, err := readFile(r, "file")
	if err != nil {
		return err
	}
	d := placesData{Shown: true}
	status := http.StatusOK
	d.Result, err = s.importPlaces(r, name, data)
	var invalid *radio.Invalid
	if errors.As(err, &invalid) {
		d.Bad, d.Problems, status, err = len(invalid.Problems), s.placeProblems(r, invalid.Problems), http.StatusUnprocessableEntity, nil
	}
	if err != nil {
		return err
	}
	s.moved(r, &d)
	return s.show(w, r, status, "places.html", "Nhập địa bàn và cụm loa từ tệp", d)
}

func (s *Server) importPlaces(r *http.Request, name string, data []byte) (radio.PlaceImport, error) {
	step := r.PathValue("step")
	if step != "check" && step != "write" {
		return radio.PlaceImport{}, notFound("step")
	}
	p, err := s.AreaFiles.Import(r.Context(), name, data, who(r).ID, step == "check")
	if err == nil && p.Written {
		s.forgetAreas()
		s.Live.Changed(TopicDevices)
	}
	return p, err
}

// maxPlaceLines bounds the page; the answer to a program holds all.
const maxPlaceLines = 300

func (s *Server) apiPlaces(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	name, data, err := readFile(r, "file")
	if err != nil {
		return err
	}
	p, err := s.importPlaces(r, name, data)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}
