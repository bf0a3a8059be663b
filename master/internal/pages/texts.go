package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"golang.org/x/text/language"
)

//go:embed texts
var textFiles embed.FS

// languages of the pages; the first is for browsers that ask for none of them.
var languages = []string{"zh", "en"}

// texts are what pages say, by language and key. A text may have the verbs of fmt.
type texts struct {
	byLanguage map[string]map[string]string
	matcher    language.Matcher
	errors     map[string]catalogue // of the API's English errors, by language
}

func readTexts() (*texts, error) {
	t := &texts{
		byLanguage: map[string]map[string]string{},
		matcher:    language.NewMatcher([]language.Tag{language.Chinese, language.English}),
		errors:     map[string]catalogue{},
	}
	var err error
	if t.errors["zh"], err = readCatalogue("zh"); err != nil {
		return nil, err
	}
	for _, lang := range languages {
		all := map[string]string{}
		dir := path.Join("texts", lang)
		files, err := textFiles.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		for _, f := range files {
			b, err := textFiles.ReadFile(path.Join(dir, f.Name()))
			if err != nil {
				return nil, fmt.Errorf("read texts: %w", err)
			}
			part := map[string]string{}
			if err := json.Unmarshal(b, &part); err != nil {
				return nil, fmt.Errorf("read texts: %s/%s: %w", dir, f.Name(), err)
			}
			maps.Copy(all, part)
		}
		t.byLanguage[lang] = all
	}
	return t, nil
}

// language returns the visitor's: the chosen one, else the best that the browser asks for.
func (t *texts) language(chosen, accepted string) string {
	if slices.Contains(languages, chosen) {
		return chosen
	}
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(wanted) == 0 {
		return languages[0]
	}
	_, i, confidence := t.matcher.Match(wanted...)
	if confidence == language.No {
		return languages[0]
	}
	return languages[i]
}

func (t *texts) has(key string) bool { return t.byLanguage[languages[0]][key] != "" }

// T returns the text of that key in the visitor's language, with the arguments in its verbs. A key without a text
// is shown as it is; a test finds those.
func (v *visit) T(key string, args ...any) string {
	text, ok := v.s.texts.byLanguage[v.Lang][key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Has reports whether there is a text of that key.
func (v *visit) Has(key string) bool { return v.s.texts.has(key) }

// Said returns what the admin API has said, in English, in the visitor's language as far as there are words for it.
func (v *visit) Said(english string) string { return v.s.texts.errors[v.Lang].translate(english) }
