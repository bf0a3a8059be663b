package pages

import (
	"errors"
	"net/http"
	"net/url"
)

// signInForm is what the sign-in page shows again after a failure.
type signInForm struct {
	Username string
	Next     string
	Failure  string
}

func showSignIn(v *visit) error {
	return v.show("sign-in", signInForm{Next: ownPath(v.r.URL.Query().Get("next"))})
}

func signIn(v *visit) error {
	form := signInForm{Username: v.r.PostFormValue("username"), Next: ownPath(v.r.PostFormValue("next"))}
	answer, err := v.call(http.MethodPost, "auth/login", map[string]string{
		"username": form.Username, "password": v.r.PostFormValue("password"),
	}, nil)
	var problem *Problem
	switch {
	case err == nil:
		return v.redirect(form.Next, "")
	case !errors.As(err, &problem) || problem.Status >= http.StatusInternalServerError:
		return err
	case problem.Status == http.StatusTooManyRequests:
		form.Failure = v.T("sign_in.throttled", answer.Header().Get("Retry-After"))
	default:
		form.Failure = v.T("sign_in.wrong")
	}
	return v.showAs(problem.Status, "sign-in", form)
}

func signOut(v *visit) error {
	if _, err := v.call(http.MethodPost, "auth/logout", nil, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+"sign-in", "sign_in.out")
}

// accountForm is what the account page says after a change of the password failed.
type accountForm struct{ Failure string }

func showAccount(v *visit) error { return v.show("account", accountForm{}) }

func changePassword(v *visit) error {
	form := v.r.PostFormValue
	if form("new") != form("again") {
		return v.showAs(http.StatusUnprocessableEntity, "account", accountForm{v.T("account.differ")})
	}
	_, err := v.call(http.MethodPost, "auth/password", map[string]string{"current": form("current"), "password": form("new")}, nil)
	var problem *Problem
	if errors.As(err, &problem) && problem.Status < http.StatusInternalServerError && problem.Status != http.StatusUnauthorized {
		return v.showAs(problem.Status, "account", accountForm{problem.Detail})
	}
	if err != nil {
		return err
	}
	return v.redirect(Prefix+"account", "account.changed")
}

func endSessions(v *visit) error {
	if _, err := v.call(http.MethodPost, "auth/end-sessions", nil, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+"sign-in?next="+url.QueryEscape(Prefix+"account"), "account.ended")
}
