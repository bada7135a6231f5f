package web

import (
	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"net/http"
)

type contactsAnswer struct {
	Contacts []radio.AreaContact `json:"contacts"`
}

type contactBody struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// contactRow is an area with whom to call there.
type contactRow struct {
	Area    radio.Area
	Commune string
	Contact radio.AreaContact
	May     bool // change it
	Form    retry
}

type contactsData struct {
	Rows     []contactRow
	Communes []areaChoice
	Lacking  int    // hamlets of the reader's without anybody
	At       string // the page's own address, when a form comes back
}

// contactRows lists the communes and hamlets of the reader's with whom to call there.
func (s *Server) contactRows(r *http.Request) ([]contactRow, radio.AreaTree, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, tree, err
	}
	all, err := s.Contacts.Contacts(r.Context())
	if err != nil {
		return nil, tree, err
	}
	known := map[radio.AreaID]radio.AreaContact{}
	for _, c := range all {
		known[c.Area] = c
	}
	var out []contactRow
	for _, a := range tree.All() {
		chain := tree.Chain(a.ID)
		if a.Kind == radio.Province || !who(r).May(radio.ReadAlerts, chain...) {
			continue
		}
		c, _ := tree.Area(chain[1])
		row := contactRow{Area: a, Commune: c.Name, Contact: known[a.ID], May: who(r).May(radio.WriteContacts, chain...)}
		row.Contact.Area = a.ID
		out = append(out, row)
	}
	// A commune before its hamlets.
	alphabet.SortBy(out, func(x contactRow) []string {
		return []string{x.Commune, string(x.Area.Kind), x.Area.Name, x.Area.Code}
	})
	return out, tree, nil
}

func (s *Server) contactList(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "commune")
	if err != nil {
		return err
	}
	return s.showContacts(w, r, radio.AreaID(q.Get("commune")), retry{})
}

// contactForm names the form of one area.
func contactForm(area radio.AreaID) string { return "contact-" + string(area) }

func (s *Server) showContacts(w http.ResponseWriter, r *http.Request, chosen radio.AreaID, again retry) error {
	rows, tree, err := s.contactRows(r)
	if err != nil {
		return err
	}
	d := contactsData{}
	if again.Sent() {
		d.At = contactsOf(chosen)
	}
	for _, row := range rows {
		if row.Area.Kind == radio.Commune {
			if chosen == "" {
				chosen = row.Area.ID
			}
			d.Communes = append(d.Communes, areaChoice{ID: row.Area.ID, Name: row.Area.Name, Chosen: row.Area.ID == chosen})
		} else if row.Contact.Phone == "" {
			d.Lacking++
		}
	}
	for _, row := range rows {
		if chain := tree.Chain(row.Area.ID); chosen == "" || chain[1] == chosen {
			row.Form = again.Of(contactForm(row.Area.ID))
			d.Rows = append(d.Rows, row)
		}
	}
	return s.show(w, r, again.Status(), "contacts.html", "Đầu mối liên hệ", d)
}

// contactsOf is the address of the contacts of a commune.
func contactsOf(commune radio.AreaID) string { return "/contacts?commune=" + string(commune) }

// saveContact keeps whom to call in the area of the address.
func (s *Server) saveContact(r *http.Request, name, phone string) (radio.AreaContact, error) {
	c, err := radio.AreaContact{Area: radio.AreaID(r.PathValue("area")), Name: name, Phone: phone}.Normal()
	if err != nil {
		return c, err
	}
	c.UpdatedAt = radio.At(s.Now())
	if err := s.Contacts.PutContact(r.Context(), c, string(who(r).ID), c.UpdatedAt); err != nil {
		return c, err
	}
	s.Live.Changed(TopicAlerts)
	return c, nil
}

func (s *Server) contactSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	chain, err := s.ofArea(r)
	if err != nil {
		return err
	}
	area := chain[len(chain)-1]
	_, err = s.saveContact(r, r.PostFormValue("name"), r.PostFormValue("phone"))
	if again, ok := s.again(w, r, contactForm(area), "", err); ok {
		return s.showContacts(w, r, chain[1], again)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, contactsOf(chain[1])+"#"+string(area), http.StatusSeeOther)
	return nil
}

func (s *Server) apiContacts(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	rows, _, err := s.contactRows(r)
	if err != nil {
		return err
	}
	out := []radio.AreaContact{}
	for _, row := range rows {
		if row.Contact.Phone != "" {
			out = append(out, row.Contact)
		}
	}
	return writeJSON(w, http.StatusOK, contactsAnswer{out})
}

func (s *Server) apiContactSave(w http.ResponseWriter, r *http.Request) error {
	var in contactBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.saveContact(r, in.Name, in.Phone)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c)
}
