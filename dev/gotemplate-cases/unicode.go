package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"unicode"
)

// Writes Go's own idea of characters, one property a line, so that both sides agree whatever Unicode version each
// language is at. Ranges are hexadecimal; `case` has the range and what to add for upper, lower and title case, where
// alternating pairs (upper, lower, upper, ...) are marked by `~`.
func writeUnicode() error {
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "# Unicode %s as Go has it; written by `go run . unicode`\n", unicode.Version)
	for _, property := range []struct {
		name string
		has  func(rune) bool
	}{
		{"letter", unicode.IsLetter}, {"upper", unicode.IsUpper}, {"lower", unicode.IsLower}, {"title", unicode.IsTitle},
		{"digit", unicode.IsDigit}, {"number", unicode.IsNumber}, {"punct", unicode.IsPunct}, {"print", strconv.IsPrint},
	} {
		fmt.Fprint(out, property.name)
		start := rune(-1)
		for r := rune(0); r <= unicode.MaxRune+1; r++ {
			has := r <= unicode.MaxRune && property.has(r)
			switch {
			case has && start < 0:
				start = r
			case !has && start == r-1 && start >= 0:
				fmt.Fprintf(out, " %x", start)
				start = -1
			case !has && start >= 0:
				fmt.Fprintf(out, " %x-%x", start, r-1)
				start = -1
			}
		}
		fmt.Fprintln(out)
	}
	for _, r := range unicode.CaseRanges {
		fmt.Fprintf(out, "case %x-%x", r.Lo, r.Hi)
		for _, delta := range r.Delta {
			if delta > unicode.MaxRune {
				fmt.Fprint(out, " ~")
			} else {
				fmt.Fprintf(out, " %d", delta)
			}
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}
