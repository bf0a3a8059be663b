package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// apiPrefix is where the admin API has its resources.
const apiPrefix = "/api/v1/admin/"

// Problem is an answer of the admin API that is none of success.
type Problem struct {
	Status int
	Title  string
	Detail string
	Errors []FieldError
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Message  string
	Location string // as in body.upstream[0].address
}

func (p *Problem) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Detail) }

// translate puts the problem into the visitor's language.
func (p *Problem) translate(v *visit) {
	english, said := make([]string, len(p.Errors)), make([]string, len(p.Errors))
	for i := range p.Errors {
		e := &p.Errors[i]
		at := strings.TrimPrefix(e.Location, "body.")
		english[i] = at + " " + e.Message
		e.Message = v.Said(e.Message)
		said[i] = at + " " + e.Message
	}
	if p.Detail == strings.Join(english, "; ") { // it only sums them up
		p.Detail = strings.Join(said, "; ")
		return
	}
	p.Detail = v.Said(p.Detail)
}

// answer takes what a handler in this process answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// call asks the admin API in the name of the visitor. path is below apiPrefix, with its query; in becomes the JSON body
// unless it is nil; header has pairs of names and values. The answer is decoded into out unless that is nil. A refusal
// is a *Problem.
func (v *visit) call(method, path string, in, out any, header ...string) (*answer, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, fmt.Errorf("encode %s %s: %w", method, path, err)
		}
	}
	req, err := http.NewRequestWithContext(v.r.Context(), method, apiPrefix+path, &body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.RemoteAddr, req.Host, req.TLS = v.r.RemoteAddr, v.r.Host, v.r.TLS
	req.RequestURI = req.URL.RequestURI()
	if cookies := v.r.Header.Values("Cookie"); len(cookies) > 0 {
		req.Header["Cookie"] = cookies
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	a := &answer{header: http.Header{}}
	v.s.API.ServeHTTP(a, req)
	for _, cookie := range a.header.Values("Set-Cookie") {
		v.w.Header().Add("Set-Cookie", cookie)
	}
	a.WriteHeader(http.StatusOK)
	if a.status >= 300 {
		problem := &Problem{}
		if err := json.Unmarshal(a.body.Bytes(), problem); err != nil {
			problem.Detail = strings.TrimSpace(a.body.String())
		}
		problem.Status = a.status
		problem.translate(v)
		return a, problem
	}
	if out == nil {
		return a, nil
	}
	decoder := json.NewDecoder(&a.body)
	decoder.UseNumber()
	if err := decoder.Decode(out); err != nil {
		return a, fmt.Errorf("decode the answer to %s %s: %w", method, path, err)
	}
	return a, nil
}

// get reads one answer of the admin API into out.
func (v *visit) get(path string, out any) error {
	_, err := v.call(http.MethodGet, path, nil, out)
	return err
}
