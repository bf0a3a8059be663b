package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// erasure is the work of forgetting a user.
type erasure struct {
	ID          int64      `json:"id"`
	UserID      string     `json:"user_id"`
	RequestedBy string     `json:"requested_by"`
	State       string     `json:"state"`
	Rows        int64      `json:"rows"`
	Error       string     `json:"error"`
	CreatedAt   time.Time  `json:"created_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	Progress    float64    `json:"progress"`
}

type privacyPage struct {
	Jobs    []erasure
	UserID  string // as entered
	Sure    bool   // the visitor is asked whether this is the user
	Failure string
	First   bool
	Next    string
}

// showPrivacy lists erasures. Only admins get to see whom somebody wants to be forgotten.
func showPrivacy(v *visit) error {
	return listErasures(v, privacyPage{UserID: v.r.URL.Query().Get("user_id")}, http.StatusOK)
}

func listErasures(v *visit, p privacyPage, status int) error {
	if !v.Me.May("admin") {
		return &Problem{Status: http.StatusForbidden, Detail: v.T("privacy.admins")}
	}
	cursor := v.r.URL.Query().Get("cursor")
	query := url.Values{"limit": {"50"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	list, err := pageOf[erasure](v, "privacy/erasures", query)
	if err != nil {
		return err
	}
	p.Jobs, p.First, p.Next = list.Items, cursor == "", nextPage(v, list.NextCursor)
	return v.showAs(status, "privacy", p)
}

// erase asks once more, says what will be gone, and then orders it.
func erase(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	p := privacyPage{UserID: strings.TrimSpace(form.Get("user_id"))}
	switch {
	case p.UserID == "":
		p.Failure = v.T("privacy.who")
		return listErasures(v, p, http.StatusUnprocessableEntity)
	case !form.Has("sure"):
		p.Sure = true
		return listErasures(v, p, http.StatusOK)
	}
	_, err = v.call(http.MethodPost, "privacy/erasures", map[string]string{"user_id": p.UserID}, nil)
	var problem *Problem
	if errors.As(err, &problem) && refusal(err) != nil {
		p.Failure = problem.Detail
		return listErasures(v, p, problem.Status)
	}
	if err != nil {
		return err
	}
	return v.redirect(Prefix+"privacy", "said.erasing")
}

// endSessionsOf signs a user out everywhere.
func endSessionsOf(v *visit) error {
	path := "users/" + url.PathEscape(v.r.PathValue("id"))
	if _, err := v.call(http.MethodPost, path+"/end-sessions", nil, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+path, "said.sessions_ended")
}
