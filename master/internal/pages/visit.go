package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/account"
)

// Cookies that remember what a visitor prefers. They hold no secret.
const (
	cookieLanguage = "uhd_lang"  // zh or en
	cookieTheme    = "uhd_theme" // light or dark; absent: as the system has it
	cookieZone     = "uhd_tz"    // the browser's time zone, as in Asia/Shanghai
	cookieNotice   = "uhd_said"  // a text's key that the next page shows once
)

// visit is one request for a page, and who makes it.
type visit struct {
	s      *server
	w      http.ResponseWriter
	r      *http.Request
	Lang   string // zh or en
	Theme  string // light, dark or "" for the system's
	Zone   *time.Location
	Me     visitor // zero before sign-in
	Notice string  // what the page before has done; "" for nothing
}

// visitor is who is signed in.
type visitor struct {
	Name string       `json:"name"`
	Role account.Role `json:"role"`
}

// May reports whether the visitor has at least the role: viewer, operator or admin.
func (m visitor) May(role string) bool { return m.Role.May(account.Role(role)) }

// handler answers a visit. What it returns as an error becomes a page of its own.
type handler func(v *visit) error

type access int

const (
	public access = iota
	signedIn
)

// page makes a handler of HTTP from one of pages.
func (s *server) page(who access, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{s: s, w: w, r: r}
		v.readPreferences()
		err := error(nil)
		if who == signedIn {
			err = v.get("auth/me", &v.Me)
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// fail shows why there is no page.
func (v *visit) fail(err error) {
	var problem *Problem
	switch {
	case errors.Is(err, context.Canceled):
		return
	case !errors.As(err, &problem):
		v.s.Log.ErrorContext(v.r.Context(), "Page failed", "path", v.r.URL.Path, "error", err)
		problem = &Problem{Status: http.StatusInternalServerError, Detail: v.T("problem.internal")}
	case problem.Status == http.StatusUnauthorized:
		next := ""
		if v.r.Method == http.MethodGet {
			next = "?next=" + url.QueryEscape(v.r.URL.RequestURI())
		}
		http.Redirect(v.w, v.r, Prefix+"sign-in"+next, http.StatusSeeOther)
		return
	}
	v.render(problem.Status, "problem", problem)
}

// redirect ends a write: the browser asks for path, a page of ours, and shows the notice there once.
func (v *visit) redirect(path, notice string) error {
	if notice != "" {
		v.setCookie(cookieNotice, url.QueryEscape(notice), 60)
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

func (v *visit) setCookie(name, value string, seconds int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: Prefix, MaxAge: seconds, Secure: v.s.Secure, HttpOnly: name == cookieNotice, SameSite: http.SameSiteLaxMode,
	})
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (v *visit) readPreferences() {
	v.Lang = v.s.texts.language(v.cookie(cookieLanguage), v.r.Header.Get("Accept-Language"))
	if theme := v.cookie(cookieTheme); theme == "light" || theme == "dark" {
		v.Theme = theme
	}
	v.Zone = time.UTC
	if name, err := url.QueryUnescape(v.cookie(cookieZone)); err == nil && name != "" && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			v.Zone = zone
		}
	}
	if notice := v.cookie(cookieNotice); notice != "" && v.r.Method == http.MethodGet {
		if key, err := url.QueryUnescape(notice); err == nil && v.s.texts.has(key) {
			v.Notice = v.T(key)
		}
		v.setCookie(cookieNotice, "", -1)
	}
}

// setPreferences keeps the language or the theme that a visitor chose.
func setPreferences(v *visit) error {
	if lang := v.r.PostFormValue("lang"); v.s.texts.language(lang, "") == lang {
		v.setCookie(cookieLanguage, lang, yearOfSeconds)
	}
	switch theme := v.r.PostFormValue("theme"); theme {
	case "light", "dark":
		v.setCookie(cookieTheme, theme, yearOfSeconds)
	case "system":
		v.setCookie(cookieTheme, "", -1)
	}
	return v.redirect(ownPath(v.r.PostFormValue("next")), "")
}

const yearOfSeconds = 365 * 24 * 60 * 60

// ownPath returns path when it is one of our pages, else the first page: nobody is sent elsewhere by a link.
func ownPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Prefix) || strings.ContainsAny(path, "\\\r\n") {
		return Prefix
	}
	return u.RequestURI()
}
