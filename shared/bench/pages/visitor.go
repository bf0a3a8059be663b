package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// visitor asks for pages as who is signed in.
type visitor struct {
	base *url.URL
	http http.Client
}

func signIn(ctx context.Context, base string) (*visitor, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visitor{base: u, http: http.Client{Jar: jar}}
	form := url.Values{"username": {username}, "password": {password}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/admin/sign-in", strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := v.http.Do(req)
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("sign in: %s", res.Status), err)
	}
	return v, nil
}

// page asks for one and reads it whole. What is no page, as a download, is "".
func (v *visitor) page(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base.String()+path, nil)
	if err != nil {
		return "", err
	}
	res, err := v.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		return "", nil
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s is answered %s", path, res.Status)
	}
	return string(body), nil
}

var (
	link   = regexp.MustCompile(`<a [^>]*href="([^"]*)"`)
	varies = regexp.MustCompile(`/\d[^/]*`) // ids and addresses
)

// crawl returns the pages that links lead to from the first, some of each kind.
func (v *visitor) crawl(ctx context.Context, each int) ([]string, error) {
	var found []string
	known, kinds := map[string]bool{}, map[string]int{}
	for todo := []string{"/admin/"}; len(todo) > 0; todo = todo[1:] {
		path := todo[0]
		address, _, _ := strings.Cut(path, "?")
		kind := varies.ReplaceAllString(address, "/#")
		if known[path] || kinds[kind] == each {
			continue
		}
		known[path] = true
		kinds[kind]++
		text, err := v.page(ctx, path)
		if err != nil {
			return nil, err
		}
		if text == "" {
			continue
		}
		found = append(found, path)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, err := v.base.Parse(path)
			if err == nil {
				to, err = to.Parse(strings.ReplaceAll(m[1], "&amp;", "&"))
			}
			if err != nil {
				return nil, fmt.Errorf("%s links to %q: %w", path, m[1], err)
			}
			if strings.HasPrefix(to.Path, "/admin/") {
				todo = append(todo, to.RequestURI())
			}
		}
	}
	return found, nil
}
