package pages

import (
	"net/url"
	"strconv"
)

// pages is where a page of a list stands that was read whole, for the template "pages".
type pages struct {
	Page, Of int
	Previous string // query of the page before; "" for none
	Next     string
}

// pageThrough returns the part of a list that the visitor's parameter page asks for.
func pageThrough[T any](v *visit, rows []T, perPage int) ([]T, pages) {
	query := v.r.URL.Query()
	at, _ := strconv.Atoi(query.Get("page"))
	p := pages{Of: max(1, (len(rows)+perPage-1)/perPage)}
	p.Page = min(max(at, 1), p.Of)
	if p.Page > 1 {
		p.Previous = pageQuery(query, p.Page-1)
	}
	if p.Page < p.Of {
		p.Next = pageQuery(query, p.Page+1)
	}
	return rows[(p.Page-1)*perPage : min(p.Page*perPage, len(rows))], p
}

func pageQuery(query url.Values, page int) string {
	query.Set("page", strconv.Itoa(page))
	return "?" + query.Encode()
}
