// Records what Go's text/template with Sprig makes of path templates, as JSON on standard output:
//
//	go run . > ../../crates/gotemplate/tests/cases/rendered.json
//
// Run by hand when a function is added; the Rust tests read only the recorded file. `go run . compare` reads what the Rust
// side rendered of random templates (`make fuzz` says how) and prints where Go differs; `go run . unicode` writes Go's
// characters. Time stands still: `now` and Sprig's
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
	// Rendered with the sample data instead of none.
	Data bool `json:"data,omitempty"`
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
	if len(os.Args) > 1 && os.Args[1] == "compare" {
		if err := compare(os.Stdin); err != nil {
			log.Fatal(err)
		}
		return
	}
	var cases []Case
	add := func(now string, refused bool, templates []string) {
		for _, text := range templates {
			c := Case{Template: text, Now: now, Refused: refused}
			if out, err := render(text, now, nil); err != nil {
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
	for _, group := range [][]string{control, brokenControl, texts, brokenTexts, values, brokenValues, others, brokenOthers, brokenByVersion} {
		add(morning, false, group)
	}
	for _, text := range withData {
		c := Case{Template: text, Now: morning, Data: true}
		if out, err := render(text, morning, sample()); err != nil {
			c.Error = err.Error()
		} else {
			c.Output = &out
		}
		cases = append(cases, c)
	}
	for _, group := range [][]string{refusedControl, refusedTexts, refusedValues, refusedOthers, byVersion} {
		add(morning, true, group)
	}
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

// The data that the Rust test gives too.
func sample() map[string]interface{} {
	return map[string]interface{}{
		"name": "nightly-1704164400", "namespace": "shop", "schedule": "nightly", "attempt": 1,
		"scheduledTime": time.Date(2024, 1, 2, 3, 0, 0, 0, time.UTC),
		"list":          []interface{}{"b", "a", "c"},
		"ints":          []interface{}{3, 1, 2},
		"dict":          map[string]interface{}{"b": 2, "a": 1, "nested": map[string]interface{}{"x": "y"}},
		"empty":         "", "zero": 0, "pi": 3.25, "yes": true, "none": nil,
	}
}

func render(text, now string, data map[string]interface{}) (string, error) {
	instant, err := time.Parse(time.RFC3339Nano, now)
	if err != nil {
		log.Fatal(err)
	}
	functions := sprig.TxtFuncMap()
	// A time with a monotonic reading, as time.Now gives it: stripped by the same methods.
	functions["now"] = func() time.Time { return instant.Local() }
	functions["ago"] = func(date interface{}) string {
		t := instant
		switch date := date.(type) {
		case time.Time:
			t = date
		case int64:
			t = time.Unix(date, 0)
		case int:
			t = time.Unix(int64(date), 0)
		}
		return instant.Sub(t).Round(time.Second).String()
	}
	rounded := functions["durationRound"].(func(interface{}) string)
	functions["durationRound"] = func(duration interface{}) string {
		if t, ok := duration.(time.Time); ok {
			return rounded(int64(instant.Sub(t)))
		}
		return rounded(duration)
	}
	if data == nil {
		data = map[string]interface{}{}
	}
	parsed, err := template.New("path").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return "", err
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD"), nil
}
