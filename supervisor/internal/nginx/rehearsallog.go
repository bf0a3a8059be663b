package nginx

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// An entry of the error log may span lines: Lua's errors come with a stack, and nginx puts the
	// request it was about behind that.
	logEntry = regexp.MustCompile(`(?m)^(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|nginx:) \[`)
	logError = regexp.MustCompile(`^\S+(?: \S+)? \[(?:error|crit|alert|emerg)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)`)
)

func (m *mirror) errorLog() string { return filepath.Join(m.private.root, "run", "error.log") }

func (m *mirror) stderrLog() string { return filepath.Join(m.private.root, "run", "stderr.log") }

// logLine returns the first line of the private nginx's first entry of level error or worse, one about a
// request to host where there is one; with the paths that an operator knows.
func (m *mirror) logLine(host string) string {
	first := ""
	for _, name := range []string{m.errorLog(), m.stderrLog()} {
		b, _ := os.ReadFile(name)
		for _, entry := range logEntries(string(b)) {
			match := logError.FindStringSubmatch(entry)
			if match == nil {
				continue
			}
			if first == "" {
				first = match[1]
			}
			if host != "" && strings.Contains(entry, `host: "`+host+`"`) {
				return m.restore(match[1])
			}
		}
	}
	return m.restore(first)
}

func logEntries(log string) []string {
	var entries []string
	starts := logEntry.FindAllStringIndex(log, -1)
	for i, start := range starts {
		end := len(log)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		entries = append(entries, log[start[0]:end])
	}
	return entries
}

// restore drops the private root from paths; Lua may have cut off how they start.
func (m *mirror) restore(text string) string {
	return strings.ReplaceAll(text, strings.TrimPrefix(m.private.root, m.real.root)+"/", "/")
}
