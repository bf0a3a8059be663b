package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestDocument: each operation says what it is, whom it is for, what it takes and what goes wrong.
func TestDocument(t *testing.T) {
	m := startMaster(t)
	res := m.anonymous(t).do(t, "GET", "/api/v1/openapi.json", nil)
	res.want(t, http.StatusOK)
	var doc struct {
		Tags  []struct{ Name, Description string }
		Paths map[string]map[string]struct {
			Summary, OperationID string
			Security             []map[string][]string
			Responses            map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(res.body, &doc); err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, tag := range doc.Tags {
		tags = append(tags, tag.Name)
		if tag.Description == "" {
			t.Errorf("the tag %s has no description: add one to adminapi/document.go", tag.Name)
		}
	}
	seen := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			what := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || seen[op.OperationID] != "" {
				t.Errorf("%s has the operation id %q of %q", what, op.OperationID, seen[op.OperationID])
			}
			seen[op.OperationID] = what
			if op.Summary == "" {
				t.Errorf("%s has no summary", what)
			}
			errors := []string{"500"}
			if len(op.Security) > 0 {
				errors = append(errors, "401", "403")
			}
			if strings.Contains(path, "{") {
				errors = append(errors, "404")
			}
			for _, status := range errors {
				if op.Responses["default"] == nil && !strings.Contains(string(op.Responses[status]), "application/problem+json") {
					t.Errorf("%s does not tell of %s", what, status)
				}
			}
		}
	}
	for _, op := range operations(t, m) {
		if !slices.Contains(tags, op.tag) {
			t.Errorf("%s has the tag %q, which is none", op.what(), op.tag)
		}
		if op.body && op.example == nil {
			t.Errorf("%s has no example: add one to adminapi/examples.go", op.what())
		}
	}
	yaml := m.anonymous(t).do(t, "GET", "/api/v1/openapi.yaml", nil)
	yaml.want(t, http.StatusOK)
	if !strings.HasPrefix(string(yaml.body), "components:\n") {
		t.Errorf("as YAML it is %.100s", yaml.body)
	}
}

// TestExamples: a master takes every body that the document shows.
func TestExamples(t *testing.T) { onBoth(t, testExamples) }

func testExamples(t *testing.T, m *master) {
	all := operations(t, m)
	for _, op := range all { // which others need
		if op.id == "create-server" {
			m.admin.do(t, "POST", op.path, string(op.example)).want(t, http.StatusCreated)
		}
	}
	for _, op := range all {
		if op.method != "POST" || op.example == nil || op.tag == "auth" || op.id == "create-server" ||
			op.id == "halt-snapshot" { // there are no canaries
			continue
		}
		if op.id == "preview-draft" { // which apply-draft, before it, has ended
			m.admin.do(t, "POST", drafts, `{"name": "another", "service_type": "emby"}`).want(t, http.StatusCreated)
			op.path = strings.Replace(op.path, "/1/", "/2/", 1)
		}
		res := m.admin.do(t, "POST", op.path, string(op.example))
		if res.StatusCode/100 != 2 {
			t.Errorf("%s refuses its example %s: %d %s", op.what(), op.example, res.StatusCode, res.body)
			continue
		}
		row := res.Header.Get("Location")
		if !slices.ContainsFunc(all, func(put operation) bool { // that takes the same body
			return put.method == "PUT" && put.path == op.path+"/1" && bytes.Equal(put.example, op.example)
		}) || row == "" {
			continue
		}
		var sent map[string]any
		if err := json.Unmarshal(op.example, &sent); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"PUT", "PATCH"} {
			got := m.admin.do(t, method, row, string(op.example))
			got.want(t, http.StatusOK)
			for name, value := range sent {
				if answered := got.object(t)[name]; name != "password" && !reflect.DeepEqual(answered, value) {
					t.Errorf("%s %s answers %s %v, the example has %v", method, row, name, answered, value)
				}
			}
		}
	}
}
