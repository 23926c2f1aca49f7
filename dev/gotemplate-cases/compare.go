package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// What becomes of a template in Go.
type result struct {
	output string
	err    error
}

// Reads cases, one a line, and prints those that Go renders otherwise, or not at all.
func compare(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	count, different := 0, 0
	for lines.Scan() {
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		if c.Output == nil {
			continue
		}
		count++
		done := make(chan result, 1)
		go func() {
			output, err := render(c.Template, c.Now, sample())
			done <- result{output, err}
		}()
		select {
		case r := <-done:
			if r.err != nil || r.output != *c.Output {
				different++
				fmt.Printf("%q\n  here %q\n  Go   %q %v\n", c.Template, *c.Output, r.output, r.err)
			}
		case <-time.After(10 * time.Second):
			different++
			fmt.Printf("%q\n  takes Go too long\n", c.Template)
		}
	}
	fmt.Printf("%d of %d differ\n", different, count)
	return lines.Err()
}
