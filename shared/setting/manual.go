package setting

import (
	"fmt"
	"reflect"
	"strings"
)

// Manual lists the variables of a settings struct for --help, in the struct's order: name, default or
// "required", and under it what the variable takes.
func Manual[T any]() string {
	var b strings.Builder
	manual(&b, reflect.TypeFor[T]())
	return b.String()
}

func manual(b *strings.Builder, t reflect.Type) {
	for sf := range t.Fields() {
		if sf.Anonymous {
			manual(b, sf.Type)
			continue
		}
		name, options, _ := strings.Cut(sf.Tag.Get("env"), ",")
		if name == "" {
			continue
		}
		fmt.Fprintf(b, "  %s", name)
		if value := sf.Tag.Get("envDefault"); value != "" {
			fmt.Fprintf(b, " (%s)", value)
		} else if strings.Contains(options, "required") {
			b.WriteString(" (required)")
		}
		fmt.Fprintf(b, "\n      %s\n", sf.Tag.Get("takes"))
	}
}
