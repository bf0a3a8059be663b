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

// madeOf says which quota has made an enforcement.
func (v *visit) madeOf(automatic row) string {
	return v.T("enforcement.made", v.Option(plain(automatic["reason"])), v.Option(plain(automatic["period_type"])), plain(automatic["rule_id"]))
}
