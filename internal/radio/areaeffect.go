package radio

import (
	"fmt"
	"slices"
)

// life works out one change.
type life struct {
	c    AreaChange
	plan Plan
	tree AreaTree
	e    AreaEffect
}

// Effect says what the change does to the plan, and refuses with the reason what cannot be
// done to the areas as they stand. It changes nothing. The id of a new area is given once,
// in New.
func (c AreaChange) Effect(plan Plan) (AreaEffect, error) {
	c, err := c.Normal()
	if err != nil {
		return AreaEffect{}, err
	}
	l := &life{c: c, plan: plan, tree: NewAreaTree(plan.Areas)}
	for _, id := range append(slices.Clone(c.Areas), c.Into) {
		if id == "" {
			continue
		}
		a, ok := l.tree.Area(id)
		if !ok {
			return AreaEffect{}, refuseChange("Không có địa bàn mã số %s.", "no area %s", clip(string(id)))
		}
		if a.Ended() {
			in, _ := l.tree.Live(id)
			return AreaEffect{}, refuseChange("%s đã sáp nhập vào %s từ sau ngày %s.", "%s was merged into %s after %s", a.Name, in.Name, a.ValidTo)
		}
	}
	switch c.Kind {
	case RenameArea:
		err = l.rename(c.Areas[0])
	case MergeAreas:
		err = l.merge()
	default:
		err = l.split()
	}
	if err != nil {
		return AreaEffect{}, err
	}
	return l.e, l.depth()
}

func refuseChange(vi, en string, args ...any) error {
	return Refuse(ErrConflict, fmt.Sprintf(vi, args...), fmt.Sprintf(en, args...))
}

// free refuses a code that another area has or had: by it that one is found.
func (l *life) free(code string, self AreaID) error {
	for _, a := range l.plan.Areas {
		if a.Code == code && a.ID != self {
			return refuseChange("Mã %q là mã của %s.", "the code %q is of %s", code, a.Name)
		}
	}
	for _, n := range l.plan.AreaNames {
		if n.Code == code && n.Area != self {
			return refuseChange("Mã %q từng là mã của %s; hãy chọn mã khác.", "the code %q was of %s; choose another", code, n.Name)
		}
	}
	return nil
}

// write notes an area as it is from now on.
func (l *life) write(a Area) {
	if was, ok := l.tree.Area(a.ID); ok && !slices.ContainsFunc(l.e.Was, func(x Area) bool { return x.ID == a.ID }) {
		l.e.Was = append(l.e.Was, was)
	}
	if i := slices.IndexFunc(l.e.Areas, func(x Area) bool { return x.ID == a.ID }); i >= 0 {
		l.e.Areas[i] = a
		return
	}
	l.e.Areas = append(l.e.Areas, a)
}

func (l *life) rename(id AreaID) error {
	a, _ := l.tree.Area(id)
	was := a
	if l.c.Code != "" {
		a.Code = l.c.Code
	}
	if l.c.Name != "" {
		a.Name = l.c.Name
	}
	if a == was {
		if l.c.Kind != RenameArea {
			return nil
		}
		return refuseChange("%s đã mang tên và mã này.", "%s has this name and code already", was.Name)
	}
	if err := l.free(a.Code, id); err != nil {
		return err
	}
	l.write(a)
	l.e.Names = append(l.e.Names, AreaName{Area: id, Code: was.Code, Name: was.Name, Until: dayBefore(l.c.From)})
	l.e.Moved = append(l.e.Moved, id)
	if l.e.Takes.ID == id {
		l.e.Takes = a
	}
	return nil
}

// taker is the area that takes the others: Into with its new name, or a new one.
func (l *life) taker(kind AreaKind, parent AreaID) (Area, error) {
	if l.c.Into != "" {
		a, _ := l.tree.Area(l.c.Into)
		if a.Kind != kind {
			return a, refuseChange("%s không cùng cấp với các địa bàn đã chọn.", "%s is not of the level of the others", a.Name)
		}
		l.e.Takes = a
		return a, l.rename(a.ID)
	}
	if err := l.free(l.c.Code, ""); err != nil {
		return Area{}, err
	}
	a := Area{ID: l.c.New, Code: l.c.Code, Kind: kind, Name: l.c.Name, Parent: parent, ValidFrom: l.c.From}
	l.write(a)
	l.e.Takes = a
	return a, nil
}

func (l *life) merge() error {
	first, _ := l.tree.Area(l.c.Areas[0])
	if first.Kind != Commune && first.Kind != Hamlet {
		return refuseChange("%s là tỉnh; chỉ xã, phường, thôn, tổ dân phố sáp nhập ở đây.", "%s is a province; communes and hamlets are merged here", first.Name)
	}
	if slices.Contains(l.c.Areas, l.c.Into) {
		return refuseChange("Địa bàn nhận không thể nằm trong số sáp nhập vào nó.", "an area cannot be merged into itself")
	}
	// Hamlets of one commune of today merge, whatever communes they stood in before it.
	home, _ := l.tree.Live(first.Parent)
	beside := func(a Area) error {
		if in, _ := l.tree.Live(a.Parent); a.Kind != first.Kind || in.ID != home.ID {
			return refuseChange("%s và %s không cùng cấp, cùng địa bàn cấp trên.", "%s and %s are not of one level within one area", first.Name, a.Name)
		}
		return nil
	}
	for _, id := range append(slices.Clone(l.c.Areas), l.c.Into) {
		if a, ok := l.tree.Area(id); ok {
			if err := beside(a); err != nil {
				return err
			}
			if a.ValidFrom >= l.c.From {
				return refuseChange("%s chỉ có từ ngày %s.", "%s exists from %s only", a.Name, a.ValidFrom)
			}
		}
	}
	parent := first.Parent
	if slices.ContainsFunc(l.c.Areas, func(id AreaID) bool { a, _ := l.tree.Area(id); return a.Parent != parent }) {
		parent = home.ID
	}
	into, err := l.taker(first.Kind, parent)
	if err != nil {
		return err
	}
	for _, id := range l.c.Areas {
		a, _ := l.tree.Area(id)
		a.Parent, a.ValidTo = into.ID, dayBefore(l.c.From)
		l.write(a)
		l.e.Moved = append(l.e.Moved, id)
	}
	return l.goOn(Area{}, into)
}

func (l *life) split() error {
	if len(l.c.Devices) > 0 {
		return l.splitHamlet()
	}
	from, ok := l.tree.LiveCommune(l.c.Areas[0])
	if !ok {
		return refuseChange("Hãy chọn các thôn, tổ dân phố của một xã.", "choose the hamlets of one commune")
	}
	for _, id := range l.c.Areas {
		a, _ := l.tree.Area(id)
		if of, _ := l.tree.LiveCommune(id); a.Kind != Hamlet || of.ID != from.ID {
			return refuseChange("%s không phải thôn, tổ dân phố của %s.", "%s is no hamlet of %s", a.Name, from.Name)
		}
	}
	if l.c.Into == from.ID {
		return refuseChange("Các thôn đã thuộc %s.", "the hamlets lie in %s already", from.Name)
	}
	left := slices.ContainsFunc(l.plan.Areas, func(a Area) bool {
		of, _ := l.tree.LiveCommune(a.ID)
		return a.Kind == Hamlet && !a.Ended() && of.ID == from.ID && !slices.Contains(l.c.Areas, a.ID)
	})
	if !left {
		return refuseChange("%s không còn thôn nào; hãy ghi là sáp nhập hoặc đổi tên.", "%s would keep no hamlet; record a merger or another name", from.Name)
	}
	into, err := l.taker(Commune, from.Parent)
	if err != nil {
		return err
	}
	for _, id := range l.c.Areas {
		a, _ := l.tree.Area(id)
		a.Parent = into.ID
		l.write(a)
		l.e.Moved = append(l.e.Moved, id)
	}
	return l.goOn(from, into)
}

func (l *life) splitHamlet() error {
	var from Area
	var moved []Device
	for _, d := range l.plan.Devices {
		if !slices.Contains(l.c.Devices, d.ID) {
			continue
		}
		h, ok := l.tree.Live(d.Hamlet)
		if !ok || from.ID != "" && h.ID != from.ID {
			return refuseChange("Các cụm loa phải cùng ở một thôn; cụm %s thì không.", "the devices must stand in one hamlet; %s does not", d.Code)
		}
		from = h
		moved = append(moved, d)
	}
	if len(moved) != len(l.c.Devices) {
		return refuseChange("Có cụm loa không còn trong danh sách; hãy chọn lại.", "%d devices are unknown; choose again", len(l.c.Devices)-len(moved))
	}
	if l.c.Into == from.ID {
		return refuseChange("Các cụm loa đã ở %s.", "the devices stand in %s already", from.Name)
	}
	into, err := l.taker(Hamlet, from.Parent)
	if err != nil {
		return err
	}
	for _, d := range moved {
		d.Hamlet = into.ID
		l.e.Devices = append(l.e.Devices, d)
	}
	return l.goOn(from, into)
}

// depth bounds how many areas may lie inside one another: a device is told of all of them.
func (l *life) depth() error {
	all := l.e.Over(l.plan).Areas
	tree := NewAreaTree(all)
	for _, a := range all {
		chain := tree.Chain(a.ID)
		if len(chain) > maxAreaDepth || len(chain) == 0 || tree.byID[chain[0]].Kind != Province {
			return refuseChange("%s sẽ nằm trong quá nhiều lần sáp nhập (nhiều nhất %d cấp).", "%s would lie in too many mergers, at most %d levels", a.Name, maxAreaDepth)
		}
	}
	return nil
}
