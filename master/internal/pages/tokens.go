package pages

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// token of a slave, as the admin API has it.
type token struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	Token      string     `json:"token"` // of a new one
}

// tokenPage is the list of a server's tokens; or one that was just made, which is shown this once.
type tokenPage struct {
	Server  row
	Tokens  []token
	Made    *token
	Base    string  // API_BASE for the .env
	Inputs  []input // of the form for another one
	Failure string  // what is wrong beside them
}

// tokenFields are what is said of a new token.
var tokenFields = []field{{Name: "name"}, {Name: "expires_at", Kind: moments}}

func tokenRoutes(handle func(string, handler)) {
	const at = Prefix + "servers/{id}/tokens"
	handle("GET "+at, showTokens)
	handle("POST "+at, createToken)
	handle("POST "+at+"/{tid}/rotate", rotateToken)
	handle("POST "+at+"/{tid}/revoke", revokeToken)
}

func tokensPath(v *visit) string { return "servers/" + url.PathEscape(v.r.PathValue("id")) + "/tokens" }

func tokenPath(v *visit) string { return tokensPath(v) + "/" + url.PathEscape(v.r.PathValue("tid")) }

func showTokens(v *visit) error { return listTokens(v, nil, nil, nil) }

// listTokens shows the tokens; made: the one that was just made; asked: what was entered for another one, and problem why there
// is none, each nil where that is not so.
func listTokens(v *visit, made *token, asked row, problem *Problem) error {
	page := tokenPage{Made: made, Base: v.base()}
	if err := v.get("servers/"+url.PathEscape(v.r.PathValue("id")), &page.Server); err != nil {
		return err
	}
	list, err := pageOf[token](v, tokensPath(v), url.Values{"limit": {"200"}})
	if err != nil {
		return err
	}
	page.Tokens = list.Items
	fill := filling{resource: "tokens", zone: v.Zone, faults: problem.faults(v, "body.")}
	page.Inputs = fill.inputs(tokenFields, "", asked)
	page.Failure = fill.faults.rest()
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	return v.showAs(status, "tokens", page)
}

// createToken shows the token in the answer to the write: nothing that can be opened again holds it.
func createToken(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	asked := readFields(tokenFields, form, "", v.Zone)
	var made token
	_, err = v.call(http.MethodPost, tokensPath(v), asked, &made)
	if problem := refusal(err); problem != nil {
		return listTokens(v, nil, asked, problem)
	}
	if err != nil {
		return err
	}
	return listTokens(v, &made, nil, nil)
}

// Over reports whether the token does not hold any more.
func (t token) Over() bool { return t.ExpiresAt != nil && t.ExpiresAt.Before(time.Now()) }

// overlaps are for how long a token that is rotated may stay valid, in seconds; the first is proposed.
var overlaps = []int{86400, 3600, 0}

// Overlaps are those that the form offers.
func (tokenPage) Overlaps() []int { return overlaps }

// Lasts says how long an overlap is.
func (tokenPage) Lasts(v sheet, seconds int) string {
	if seconds == 0 {
		return v.T("tokens.overlap.none")
	}
	return v.Span(time.Duration(seconds) * time.Second)
}

func rotateToken(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	body := map[string]any{}
	if overlap := form.Get("overlap"); overlap != "" {
		body["overlap_seconds"] = json.Number(overlap)
	}
	var made token
	if _, err := v.call(http.MethodPost, tokenPath(v)+"/rotate", body, &made); err != nil {
		return err
	}
	return listTokens(v, &made, nil, nil)
}

func revokeToken(v *visit) error {
	if _, err := v.call(http.MethodDelete, tokenPath(v), nil, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+tokensPath(v), "said.revoked")
}

// base is where slaves reach this master: what is set, else what this browser uses.
func (v *visit) base() string {
	if v.s.PublicURL != nil {
		return v.s.PublicURL.String()
	}
	scheme := "http"
	if v.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + v.r.Host
}
