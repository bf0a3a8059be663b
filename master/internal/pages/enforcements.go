package pages

import "time"

// State of an enforcement: holds, lifted, pardoned (of one that a quota has made) or expired; also the end of its text's key.
func (l listing) State(e row) string {
	until, ends := moment(e["effective_until"])
	switch {
	case ends && until.Before(time.Now()):
		return "expired"
	case e["enabled"] == true:
		return "holds"
	case rowOf(e["automatic"]) != nil:
		return "pardoned"
	}
	return "lifted"
}

// enforcementState says whether an enforcement holds, and which quota has made it.
func (v *visit) enforcementState(e row) string {
	said := v.T("enforcement." + listing{}.State(e))
	if made := rowOf(e["automatic"]); made != nil {
		said += " · " + v.T("enforcement.by_rule", plain(made["rule_id"]))
	}
	return said
}
