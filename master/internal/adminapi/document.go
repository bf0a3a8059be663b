package adminapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/uhdadmin/media-gateway/master/internal/account"
)

// documentPath is where the OpenAPI document is, as .json and as .yaml.
const documentPath = "/api/v1/openapi"

// roleExtension tells programs the role that an operation takes.
const roleExtension = "x-role"

const documentIntro = "Everything that operators do to a fleet of gateways. " +
	"Log in with `POST /api/v1/admin/auth/login`, which sets a cookie, or send `Authorization: Bearer uha_…` with an API key. " +
	"Lists take `limit`, `cursor` and `q` and answer `{items, next_cursor}`. " +
	"An edit with `If-Match` holding the `ETag` that was read answers 412 when somebody else was faster. " +
	"Errors are RFC 9457 problems; `errors` names the fields. " +
	"Servers, library and profiles reach slaves with the next publish; rate limits, stream rules and enforcements at once."

// tagDescriptions say what each group of operations is about.
var tagDescriptions = map[string]string{
	"analytics":        "Who uses how much of what, from sums over telemetry.",
	"api-keys":         "Keys for programs, with a role, scopes and an end.",
	"audit":            "Who did what, from where, with what there was before and after.",
	"auth":             "Logging in and out, and one's own password.",
	"drafts":           "Changes of a profile and of what it selects, worked out step by step before any of it holds.",
	"distributions":    "What became of a snapshot at each host.",
	"enforcements":     "Bans and throttles of an address, user or device. They hold at once.",
	"hindsight":        "What rules would have refused of the requests that there were.",
	"events":           "What has changed, told while somebody listens.",
	"hosts":            "Each gateway: its servers, its agent, what it runs.",
	"location-rules":   "Locations of the operator's own in each server block.",
	"nginx-maps":       "Variables made of other variables.",
	"players":          "Client applications that are let in, and from which version on.",
	"preview":          "What a publish would do, before it does.",
	"privacy":          "Forgetting a user.",
	"profiles":         "What of the library holds for a server; each service type has a default.",
	"proxy-headers":    "Headers set, removed, added or hidden on the way.",
	"quota-usage":      "What has been used of quotas, and what is left.",
	"rate-limit-rules": "Limits of requests and bytes. They hold at once.",
	"rollouts":         "Publishes that take their time: scheduled ones, and those with canaries.",
	"servers":          "Media servers behind gateways, and the tokens of their slaves.",
	"sessions":         "Streams that run now, on all slaves.",
	"settings":         "Values that hold for the whole fleet.",
	"snapshots":        "Publishing: what was configured at a moment, rendered and handed to slaves.",
	"stream-rules":     "How many streams at once. They hold at once.",
	"telemetry":        "What slaves report, and why a request was refused.",
	"uri-rules":        "Paths that skip the checks, or are refused.",
	"users":            "People, with a password and a role.",
}

// describe completes what the document says of an operation: the role that it takes, and the errors that it
// answers.
func describe(op *huma.Operation, role account.Role, in reflect.Type) {
	op.Extensions = map[string]any{roleExtension: string(role)}
	if role != public {
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
		op.Description = strings.TrimSpace(fmt.Sprintf("%s\n\nTakes the role %s.", op.Description, role))
	}
	writes := op.Method != http.MethodGet
	body, _ := in.FieldByName("Body")
	for status, is := range map[int]bool{
		http.StatusNotFound:              strings.Contains(op.Path, "{"),
		http.StatusConflict:              writes && role != public,
		http.StatusPreconditionFailed:    hasHeader(in, "If-Match"),
		http.StatusBadRequest:            body.Type != nil,
		http.StatusRequestEntityTooLarge: body.Type != nil,
		http.StatusUnsupportedMediaType:  body.Type != nil,
		http.StatusUnprocessableEntity:   in.NumField() > 0,
	} {
		if is {
			op.Errors = append(op.Errors, status)
		}
	}
	slices.Sort(op.Errors)
	op.Errors = slices.Compact(op.Errors)
}

func hasHeader(in reflect.Type, name string) bool {
	for _, f := range reflect.VisibleFields(in) {
		if f.Tag.Get("header") == name {
			return true
		}
	}
	return false
}

// serveDocument completes the document, once all operations are registered, and serves it.
func (s *server) serveDocument(router chi.Router) error {
	doc := s.api.OpenAPI()
	doc.Info.Description = documentIntro
	if err := addExamples(doc); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(usedTags(doc))) {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name, Description: tagDescriptions[name]})
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	for _, form := range []struct {
		suffix, contentType string
		text                []byte
	}{{".json", "application/openapi+json", asJSON}, {".yaml", "application/openapi+yaml", asYAML}} {
		router.Get(documentPath+form.suffix, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", form.contentType)
			_, _ = w.Write(form.text) // the client is gone
		})
	}
	return nil
}

// operationsOf are the operations of a path.
func operationsOf(item *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

func usedTags(doc *huma.OpenAPI) map[string]bool {
	used := map[string]bool{}
	for _, item := range doc.Paths {
		for _, op := range operationsOf(item) {
			for _, tag := range op.Tags {
				used[tag] = true
			}
		}
	}
	return used
}
