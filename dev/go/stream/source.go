package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// source makes the same bytes for the same seed, whatever the sizes they are asked for in.
type source interface{ fill([]byte) }

func newSource(kind string, seed uint64) (source, error) {
	switch kind {
	case "random":
		return &random{state: splitMix(seed)}, nil
	case "text":
		return &text{state: splitMix(seed)}, nil
	}
	return nil, fmt.Errorf("%q is no kind of bytes: random or text", kind)
}

// splitMix is the generator of that name (Steele, Lea and Flood, 2014): fast, and good enough that no compressor finds anything.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

type random struct {
	state splitMix
	rest  []byte // of the last word, when it did not fit
}

func (r *random) fill(to []byte) {
	n := copy(to, r.rest)
	r.rest, to = r.rest[n:], to[n:]
	for ; len(to) >= 8; to = to[8:] {
		binary.LittleEndian.PutUint64(to, r.state.next())
	}
	if len(to) > 0 {
		word := binary.LittleEndian.AppendUint64(nil, r.state.next())
		r.rest = word[copy(to, word):]
	}
}

type text struct {
	state splitMix
	row   uint64
	rest  []byte // of the last row, when it did not fit
	line  []byte
}

var words = []string{
	"amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kernel", "lagoon", "meadow", "nectar",
	"orchid", "pebble", "quartz", "river", "saddle", "timber", "umber", "valley", "willow", "xenon", "yarrow", "zephyr", "copper", "garnet",
	"lantern", "marble", "prairie", "thicket",
}

// fill writes rows as a dump has them: ever new numbers, and words, names and dates that come back.
func (t *text) fill(to []byte) {
	for len(to) > 0 {
		if len(t.rest) == 0 {
			t.line = t.appendRow(t.line[:0])
			t.rest = t.line
		}
		n := copy(to, t.rest)
		t.rest, to = t.rest[n:], to[n:]
	}
}

func (t *text) appendRow(line []byte) []byte {
	if t.row%100 == 0 {
		line = append(line, "INSERT INTO `orders` (`id`,`customer`,`email`,`state`,`amount`,`created`,`note`) VALUES\n"...)
	}
	t.row++
	a, b := t.state.next(), t.state.next()
	line = strconv.AppendUint(append(line, '('), t.row, 10)
	line = strconv.AppendUint(append(line, ','), a%1_000_000, 10)
	line = append(append(append(line, ",'"...), words[a>>20&31]...), '.')
	line = append(append(line, words[a>>25&31]...), "@example.com','"...)
	line = append(append(line, [...]string{"new", "paid", "sent", "closed"}[a>>30&3]...), "',"...)
	line = strconv.AppendUint(line, a>>32%90_000, 10)
	line = strconv.AppendUint(append(line, '.'), 10+b%90, 10)
	line = strconv.AppendUint(append(line, ",'2026-0"...), 1+b>>8%9, 10)
	line = strconv.AppendUint(append(line, '-'), 10+b>>16%18, 10)
	line = append(line, "','"...)
	for shift := 24; shift < 64; shift += 5 {
		line = append(append(line, words[b>>shift&31]...), ' ')
	}
	if t.row%100 == 0 {
		return append(line, "');\n"...)
	}
	return append(line, "'),\n"...)
}
