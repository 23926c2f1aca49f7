// Records the ticks that robfig/cron v3's standard parser gives, as JSON on standard output:
//
//	go run . > ../../crates/planner/tests/cases/cron.json
//
// Run by hand; the Rust tests read only the recorded file. Time zones are Go's own copy; the instants are at places where
// zones have long been settled.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

// Case is an expression with its next ticks after a time.
type Case struct {
	Schedule string   `json:"schedule"`
	TimeZone string   `json:"timeZone,omitempty"`
	After    string   `json:"after"`
	Ticks    []string `json:"ticks"`
	Error    string   `json:"error,omitempty"`
	// robfig/cron never answers.
	Hangs bool `json:"hangs,omitempty"`
	// robfig/cron takes it, and this project refuses it on purpose.
	Refused bool `json:"refused,omitempty"`
}

func main() {
	time.Local = time.UTC
	var cases []Case
	for _, expression := range expressions {
		for _, after := range instants {
			cases = append(cases, record(expression, "", after))
		}
	}
	for _, zone := range zones {
		for _, expression := range local {
			for _, after := range changes[zone] {
				cases = append(cases, record(expression, zone, after))
			}
		}
	}
	for _, expression := range prefixed {
		cases = append(cases, record(expression, "", instants[0]))
	}
	for _, expression := range broken {
		cases = append(cases, record(expression, "", instants[0]))
	}
	for _, expression := range refused {
		c := record(expression, "", instants[0])
		c.Refused = true
		cases = append(cases, c)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for i, c := range cases {
		out.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		if err := encoder.Encode(c); err != nil {
			log.Fatal(err)
		}
	}
	out.WriteString("]\n")
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		log.Fatal(err)
	}
}

// record asks for three ticks. CronJob, and the Go operator, put spec.timeZone before the expression as TZ=.
func record(expression, zone, after string) (c Case) {
	c = Case{Schedule: expression, TimeZone: zone, After: after, Ticks: []string{}}
	defer func() {
		if r := recover(); r != nil {
			c.Error = fmt.Sprint("panic: ", r)
		}
	}()
	text := expression
	if zone != "" {
		text = "TZ=" + zone + " " + expression
	}
	schedule, err := cron.ParseStandard(text)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	at, err := time.Parse(time.RFC3339Nano, after)
	if err != nil {
		log.Fatal(err)
	}
	ticks := make(chan []string, 1)
	go func() {
		found := []string{}
		for range 3 {
			if at = schedule.Next(at); at.IsZero() {
				break
			}
			found = append(found, at.UTC().Format(time.RFC3339))
		}
		ticks <- found
	}()
	select {
	case c.Ticks = <-ticks:
	case <-time.After(2 * time.Second):
		c.Hangs = true
	}
	return c
}
