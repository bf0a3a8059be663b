package pages

import (
	"cmp"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTextsOfBothLanguages: each text is there in both languages, with the same verbs.
func TestTextsOfBothLanguages(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	zh, en := texts.byLanguage["zh"], texts.byLanguage["en"]
	verb := regexp.MustCompile(`%[a-z]`)
	for _, key := range slices.Sorted(maps.Keys(zh)) {
		if en[key] == "" {
			t.Errorf("%s has no English text", key)
		} else if z, e := verb.FindAllString(zh[key], -1), verb.FindAllString(en[key], -1); len(z) != len(e) {
			t.Errorf("%s: verbs %v and %v", key, z, e)
		}
	}
	for key := range en {
		if zh[key] == "" {
			t.Errorf("%s has no Chinese text", key)
		}
	}
}

// TestTextsOfTemplates: what templates and code ask for by a constant key is there.
func TestTextsOfTemplates(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`(?:\.T|\.HTML|"Title"|"Key") \(?"([a-z_.-]+)"`)
	err = fs.WalkDir(templateFiles, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := templateFiles.ReadFile(path)
		for _, m := range asked.FindAllStringSubmatch(string(b), -1) {
			if !texts.has(m[1]) {
				t.Errorf("%s asks for the text %s, which is not there", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources {
		want := []string{r.path + ".title", r.path + ".new", r.path + ".lead"}
		for _, name := range slices.Concat(r.columns, names(r.fields), names(r.filters)) {
			if !texts.has(r.path + "." + name) {
				want = append(want, "field."+name)
			}
		}
		want = append(want, textsOf(slices.Concat(r.fields, r.filters))...)
		for _, key := range want {
			if !texts.has(key) {
				t.Errorf("%s asks for the text %s, which is not there", r.path, key)
			}
		}
	}
}

// textsOf are the texts of the choices and parts of fields.
func textsOf(fields []field) (keys []string) {
	for _, f := range fields {
		for _, value := range f.Options {
			keys = append(keys, "option."+value)
		}
		for _, part := range f.Parts {
			keys = append(keys, "field."+cmp.Or(part.As, part.Name))
		}
		keys = append(keys, textsOf(f.Parts)...)
	}
	return keys
}

// TestLanguage: a choice goes before what the browser asks for, and Chinese before nothing that is known.
func TestLanguage(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ chosen, accepted, want string }{
		{"", "", "zh"},
		{"", "zh-TW,zh;q=0.9", "zh"},
		{"", "en-GB,en;q=0.9,zh;q=0.5", "en"},
		{"", "de-DE", "zh"},
		{"", "de-DE,en;q=0.3", "en"},
		{"en", "zh-CN", "en"},
		{"xx", "zh-CN", "zh"},
		{"", ";;;", "zh"},
	} {
		if got := texts.language(c.chosen, c.accepted); got != c.want {
			t.Errorf("chosen %q, asked for %q: %s, want %s", c.chosen, c.accepted, got, c.want)
		}
	}
}

// TestOwnPath: nobody is sent to another site after signing in.
func TestOwnPath(t *testing.T) {
	for _, path := range []string{
		"", "https://example.com/admin/", "//example.com/admin/", "/\\example.com", "/admin/\\example.com", "/api/v1/x", "javascript:alert(1)",
		"/admin/\r\nSet-Cookie: a=b", "http:/admin/",
	} {
		if got := ownPath(path); got != Prefix {
			t.Errorf("%q leads to %q", path, got)
		}
	}
	for _, path := range []string{"/admin/hosts", "/admin/servers?q=a&cursor=b"} {
		if got := ownPath(path); got != path {
			t.Errorf("%q leads to %q", path, got)
		}
	}
}

// TestNoInlineCode: the Content-Security-Policy refuses inline scripts and styles, so templates may have none.
func TestNoInlineCode(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|javascript:`)
	err := fs.WalkDir(templateFiles, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := templateFiles.ReadFile(path)
		if m := inline.FindString(string(b)); m != "" {
			t.Errorf("%s has %q", path, strings.TrimSpace(m))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
