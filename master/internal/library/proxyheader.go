package library

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// ProxyHeader changes one header on its way to the media server, or back. Of several about the same one, that
// of the service type wins over that of all, then the one made last.
type ProxyHeader struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	Name        string          `json:"name"`   // of the entry, for people
	Action      string          `json:"action"` // set_request, remove_request, add_response or hide_response
	Header      string          `json:"header"`
	Value       string          `json:"value"` // of set_request and add_response: text with variables
	ServiceType api.ServiceType `json:"service_type"`
	Enabled     bool            `json:"enabled"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// Values of ProxyHeader.Action.
const (
	HeaderSetRequest    = "set_request"
	HeaderRemoveRequest = "remove_request"
	HeaderAddResponse   = "add_response"
	HeaderHideResponse  = "hide_response"
)

const (
	maxHeaderName  = 44 // fits nginx's proxy_headers_hash_bucket_size of 64, its default
	maxHeaderValue = 1000
)

// What the gateway itself lives by, in lower case. The media server must read the same identity as the
// gateway has judged.
var (
	ownRequestHeaders = []string{
		"connection", "upgrade", "transfer-encoding", "content-length", "content-type", "te", "trailer", "expect", "keep-alive", "proxy-connection", "range", "if-range",
		"accept-encoding", "authorization", "x-emby-authorization", "x-emby-token", "x-mediabrowser-token",
	}
	ownResponseHeaders = []string{
		"connection", "upgrade", "transfer-encoding", "content-length", "content-type", "content-encoding", "content-range", "accept-ranges", "trailer", "keep-alive",
		"location", "date", "server", "x-request-id", "status",
	}
)

// NewProxyHeader returns what a request for a new entry is decoded onto.
func NewProxyHeader() ProxyHeader {
	h := ProxyHeader{Enabled: true}
	h.SetDefaults()
	return h
}

// SetDefaults fills what is missing and trims texts.
func (h *ProxyHeader) SetDefaults() {
	h.Name, h.Header, h.Value = strings.TrimSpace(h.Name), strings.TrimSpace(h.Header), strings.TrimSpace(h.Value)
	h.ServiceType = cmp.Or(h.ServiceType, All)
}

// Validate returns fleet.FieldErrors or nil.
func (h *ProxyHeader) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(h.Name, maxName))
	errs.Check("action", field.OneOf(h.Action, HeaderSetRequest, HeaderRemoveRequest, HeaderAddResponse, HeaderHideResponse))
	errs.Check("header", h.checkHeader())
	errs.Check("value", h.checkValue())
	errs.Check("service_type", field.OneOf(h.ServiceType, api.Emby, api.Jellyfin, All))
	return errs.ErrorOrNil()
}

// OfRequest tells a change on the way to the media server from one on the way back.
func (h *ProxyHeader) OfRequest() bool {
	return h.Action == HeaderSetRequest || h.Action == HeaderRemoveRequest
}

func (h *ProxyHeader) checkHeader() error {
	if err := field.HeaderName(h.Header); err != nil {
		return err
	}
	own := ownResponseHeaders
	if h.OfRequest() {
		own = ownRequestHeaders
	}
	name := strings.ToLower(h.Header)
	if len(name) > maxHeaderName {
		return fmt.Errorf("has %d characters, at most %d are allowed", len(name), maxHeaderName)
	}
	if slices.Contains(own, name) {
		return fmt.Errorf("is %s, which is the gateway's own: choose another", h.Header)
	}
	if strings.HasPrefix(name, "x-uhd-") {
		return errors.New("begins with X-UHD-, which is the gateway's own: choose another")
	}
	return nil
}

func (h *ProxyHeader) checkValue() error {
	sets := h.Action == HeaderSetRequest || h.Action == HeaderAddResponse
	switch {
	case sets && h.Value == "":
		return errors.New("must be what the header says; to take it away use remove_request or hide_response")
	case !sets && h.Value != "":
		return errors.New("must be empty where a header is taken away")
	case len(h.Value) > maxHeaderValue:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(h.Value), maxHeaderValue)
	}
	return CheckText(h.Value, field.ASCII)
}

// References are the names of the value maps that the header uses.
func (h *ProxyHeader) References() []string { return MapsIn(h.Value) }
