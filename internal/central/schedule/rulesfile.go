package schedule

import (
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// newestPolicies gives of every place the version that was approved last.
func (b *builder) newestPolicies() []radio.PolicyRule {
	return slices.DeleteFunc(slices.Clone(b.cur.Policies), func(p radio.PolicyRule) bool {
		newest, _ := radio.NewestRule(b.cur.Policies, p.Target)
		return newest.Version > p.Version
	})
}

func (b *builder) buildPolicies() {
	stored := map[radio.Target]radio.PolicyRule{}
	for _, p := range b.newestPolicies() {
		stored[p.Target] = p
	}
	seen := map[radio.Target]Pos{}
	for _, d := range b.f.policies {
		t, province, ok := b.target(d.target)
		if !ok {
			continue
		}
		name := b.targetName(t)
		if at, twice := seen[t]; twice {
			b.problems.add(d.target.at, fmt.Sprintf("quy định cho %s đã có ở %s", name, at), fmt.Sprintf("a policy for %s is already defined at %s", name, at))
			continue
		}
		seen[t] = d.target.at
		b.touched[province.ID] = true
		if !b.fits(d, t) {
			continue
		}
		old, exists := stored[t]
		p := radio.PolicyRule{
			ID: old.ID, Version: old.Version + 1, Target: t, Zone: province.Zone, Label: d.label.s,
			Windows: d.windows, Mourning: d.mourning, Volume: d.volume,
			Exceptions: d.exceptions, MaxSessions: d.maxSessions, MaxMinutes: d.maxMinutes,
			Quiet: d.quiet, Profile: d.bare, Number: d.number.s, Issued: d.issued, Issuer: d.issuer.s, From: d.from, Note: d.note.s,
		}
		if !exists {
			p.ID = radio.NewID[radio.PolicyID]()
		}
		if err := p.Check(); err != nil {
			b.problems.add(d.target.at, "quy định không hợp lệ", err.Error())
			continue
		}
		if exists && old.Desk {
			b.leaveToDesk(name, old, p)
			continue
		}
		was := fieldsIf(exists, func() []field { return policyFields(old) })
		if b.diff.compare("policy", name, p.Label, was, policyFields(p)) {
			b.change.Policies = append(b.change.Policies, p)
		}
	}
	b.policiesSeen = seen
}

// fits says whether a place of that kind may have such rules: those of a province or commune
// say when sound is permitted, those of a hamlet or device only tighten that.
func (b *builder) fits(d policyDecl, t radio.Target) bool {
	small := t.Device != "" || b.areaByID[t.Area].Kind == radio.Hamlet
	switch {
	case d.bare && !small:
		b.problems.add(d.target.at, "thiếu windows (khung giờ; [] nghĩa là không bao giờ được phát)", "missing windows ([] means sound is never permitted)")
	case d.bare && len(d.quiet)+len(d.volume)+len(d.mourning)+d.maxSessions+d.maxMinutes == 0:
		b.problems.add(d.target.at, "không nêu gì: cần windows, quiet, volume, mourning hoặc giới hạn trong ngày", "it says nothing: name windows, quiet, volume, mourning or a cap of the day")
	case small && len(d.exceptions) > 0:
		b.problems.add(d.target.at, "ngày lễ, Tết đặt cho xã hoặc tỉnh; thôn và cụm loa chỉ siết chặt thêm (quiet, volume, mourning)",
			"exceptions are a commune's or the province's; a hamlet or device only tightens them (quiet, volume, mourning)")
	default:
		return true
	}
	return false
}

// leaveToDesk: what was approved at the desk is not undone by files that were written
// before, or by somebody else. It is told, and stays.
func (b *builder) leaveToDesk(name string, old, p radio.PolicyRule) {
	moved := moves(policyFields(old), policyFields(p))
	if len(moved) == 0 {
		b.diff.note(Unchanged, "policy", name, old.Label)
		return
	}
	b.diff.note(Left, "policy", name, old.Name(), moved...)
	b.diff.Notes = append(b.diff.Notes, fmt.Sprintf(
		"quy chế cho %[1]s đã được duyệt trên phần mềm (%[2]s, bản %[3]d): tệp không đổi được; sửa ở trang Quy chế hoạt động, hoặc bỏ khỏi tệp / the rules for %[1]s were approved at the desk (%[2]s, version %[3]d): files do not change them; change them on the page of operating rules, or take them out of the files",
		name, old.Name(), old.Version))
}
