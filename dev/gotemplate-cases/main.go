// Records what Go's text/template with Sprig makes of path templates, as JSON on standard output:
//
//	go run . > ../../crates/gotemplate/tests/cases/rendered.json
//
// Run by hand when a function is added; the Rust tests read only the recorded file. Time stands still: `now` and Sprig's
// functions that look at the clock are given the case's own instant, in UTC as in the Go operator's container.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"strings"
	"text/template"
	"time"
	_ "time/tzdata"

	"github.com/Masterminds/sprig/v3"
)

// Case is one template and what became of it.
type Case struct {
	Template string `json:"template"`
	Now      string `json:"now"`
	// Output as Go rendered it; absent when Go failed.
	Output *string `json:"output,omitempty"`
	// Go fails; the words are not compared.
	Error string `json:"error,omitempty"`
	// Go renders it, and this project refuses it on purpose.
	Refused bool `json:"refused,omitempty"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "unicode" {
		if err := writeUnicode(); err != nil {
			log.Fatal(err)
		}
		return
	}
	time.Local = time.UTC
	var cases []Case
	add := func(now string, refused bool, templates []string) {
		for _, text := range templates {
			c := Case{Template: text, Now: now, Refused: refused}
			if out, err := render(text, now); err != nil {
				c.Error = err.Error()
				c.Refused = false
			} else {
				c.Output = &out
			}
			cases = append(cases, c)
		}
	}
	add(morning, false, syntax)
	add(morning, false, functions)
	for _, now := range []string{morning, evening, midnight, noon} {
		var templates []string
		for _, layout := range layouts {
			templates = append(templates, "{{ now | date "+quote(layout)+" }}")
		}
		add(now, false, templates)
	}
	for _, zone := range zones {
		for _, now := range []string{morning, evening, summer} {
			add(now, false, []string{`{{ dateInZone "2006-01-02T15:04:05 MST -0700 -07 Z07:00 -07:00:00 Z070000" now "` + zone + `" }}`})
		}
	}
	add(evening, false, times)
	add(morning, false, broken)
	add(morning, true, refused)
	if err := write(cases); err != nil {
		log.Fatal(err)
	}
}

// One case a line, so that a change reads well.
func write(cases []Case) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for i, c := range cases {
		out.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		if err := encoder.Encode(c); err != nil {
			return err
		}
	}
	out.WriteString("]\n")
	_, err := os.Stdout.Write(out.Bytes())
	return err
}

func quote(text string) string { return "`" + text + "`" }

func render(text, now string) (string, error) {
	instant, err := time.Parse(time.RFC3339Nano, now)
	if err != nil {
		log.Fatal(err)
	}
	functions := sprig.TxtFuncMap()
	// A time with a monotonic reading, as time.Now gives it: stripped by the same methods.
	functions["now"] = func() time.Time { return instant.Local() }
	parsed, err := template.New("path").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, nil); err != nil {
		return "", err
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD"), nil
}
