// Records what `restic forget --dry-run` keeps of histories, as JSON on standard output. Run by `dev/retention-cases/record`, which builds
// it inside restic's module: only there may a program use the packages that write a repository.
//
// Each history is a repository of its own, written by restic's code with the snapshots' times in their zone, and judged by the restic program
// under TZ=zone. All times lie in the past, at places where zones have long been settled.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/restic/chunker"
	"github.com/restic/restic/internal/backend"
	"github.com/restic/restic/internal/backend/local"
	"github.com/restic/restic/internal/repository"
	"github.com/restic/restic/internal/restic"
)

// Policy is what --keep-* say.
type Policy struct {
	Last    int    `json:"last,omitempty"`
	Hourly  int    `json:"hourly,omitempty"`
	Daily   int    `json:"daily,omitempty"`
	Weekly  int    `json:"weekly,omitempty"`
	Monthly int    `json:"monthly,omitempty"`
	Yearly  int    `json:"yearly,omitempty"`
	Within  string `json:"within,omitempty"`
}

// Case is a history, newest first, and why each of it is kept.
type Case struct {
	Zone   string `json:"zone"`
	Policy Policy `json:"policy"`
	Newest int64  `json:"newest"`
	// Seconds by which each is older than the one before it.
	Older []int64 `json:"older"`
	// For each one, after a comma: l, h, d, w, m, y for the rules that keep it, in capitals where it is kept as the oldest; i for within. Empty: removed.
	Keep string `json:"keep"`
}

const password = "retention"

type quiet struct{}

func (quiet) Logf(string, ...interface{}) {}

func main() {
	repository.TestUseLowSecurityKDFParameters(quiet{})
	program := os.Args[1]
	version, err := exec.Command(program, "version").Output()
	check(err)
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"program\":%q,\"cases\":[\n", strings.Fields(string(version))[1])
	all := append(tables(), random(300)...)
	for i, c := range all {
		judge(program, &c)
		line, err := json.Marshal(c)
		check(err)
		out.Write(line)
		if i < len(all)-1 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]}\n")
	_, err = os.Stdout.Write(out.Bytes())
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// judge has restic say what it keeps.
func judge(program string, c *Case) {
	dir, err := os.MkdirTemp("", "retention")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	zone, err := time.LoadLocation(c.Zone)
	check(err)
	times := []time.Time{time.Unix(c.Newest, 0).In(zone)}
	for _, seconds := range c.Older {
		times = append(times, times[len(times)-1].Add(-time.Duration(seconds)*time.Second))
	}
	write(filepath.Join(dir, "repository"), times)

	command := exec.Command(program, append([]string{
		"--repo", filepath.Join(dir, "repository"), "--no-cache", "--json", "forget", "--dry-run", "--group-by", "",
	}, flags(c.Policy)...)...)
	command.Env = append(os.Environ(), "TZ="+c.Zone, "RESTIC_PASSWORD="+password)
	command.Stderr = os.Stderr
	said, err := command.Output()
	check(err)
	var groups []struct {
		Keep, Remove []restic.Snapshot
		Reasons      []struct {
			Snapshot restic.Snapshot
			Matches  []string
		}
	}
	check(json.Unmarshal(said, &groups))
	if len(groups) != 1 || len(groups[0].Keep)+len(groups[0].Remove) != len(times) || len(groups[0].Keep) != len(groups[0].Reasons) {
		log.Fatalf("%v: not what was asked: %s", c, said)
	}
	why := map[int64]string{}
	for _, reason := range groups[0].Reasons {
		for _, match := range reason.Matches {
			letter := strings.TrimPrefix(match, "oldest ")[:1]
			switch {
			case strings.HasPrefix(match, "within "):
				letter = "i"
			case strings.HasPrefix(match, "oldest "):
				letter = strings.ToUpper(letter)
			}
			why[reason.Snapshot.Time.Unix()] += letter
		}
	}
	keep := []string{}
	for _, at := range times {
		keep = append(keep, why[at.Unix()])
	}
	c.Keep = strings.Join(keep, ",")
}

func write(dir string, times []time.Time) {
	ctx := context.Background()
	var store backend.Backend
	store, err := local.Create(ctx, local.Config{Path: dir, Connections: 2})
	check(err)
	repo, err := repository.New(store, repository.Options{})
	check(err)
	polynomial := chunker.Pol(0x3DA3358B4DC173)
	check(repo.Init(ctx, restic.StableRepoVersion, password, &polynomial))
	for _, at := range times {
		snapshot, err := restic.NewSnapshot([]string{"/data"}, nil, "host", at)
		check(err)
		_, err = restic.SaveSnapshot(ctx, repo, snapshot)
		check(err)
	}
	check(store.Close())
}

func flags(p Policy) (all []string) {
	for _, f := range []struct {
		name  string
		count int
	}{{"last", p.Last}, {"hourly", p.Hourly}, {"daily", p.Daily}, {"weekly", p.Weekly}, {"monthly", p.Monthly}, {"yearly", p.Yearly}} {
		if f.count > 0 {
			all = append(all, "--keep-"+f.name, strconv.Itoa(f.count))
		}
	}
	if p.Within != "" {
		all = append(all, "--keep-within", p.Within)
	}
	return all
}

// tables puts policies one by one to one history of two years, with pauses and bursts.
func tables() (cases []Case) {
	at := time.Date(2021, 12, 30, 23, 10, 0, 0, time.UTC)
	var times []int64
	for day := 0; day < 740; day += 1 + day%9 {
		times = append(times, at.AddDate(0, 0, -day).Unix())
		if day%5 == 0 {
			times = append(times, at.AddDate(0, 0, -day).Add(-90*time.Minute).Unix(), at.AddDate(0, 0, -day).Add(-20*time.Minute).Unix())
		}
	}
	for _, p := range []Policy{
		{Last: 1}, {Last: 10}, {Last: 15}, {Last: 99}, {Last: 500},
		{Hourly: 1}, {Hourly: 20}, {Hourly: 400}, {Daily: 1}, {Daily: 3}, {Daily: 10}, {Daily: 30}, {Daily: 900},
		{Last: 5, Daily: 5}, {Last: 2, Daily: 10}, {Weekly: 1}, {Weekly: 2}, {Weekly: 4}, {Weekly: 60}, {Weekly: 300},
		{Daily: 3, Weekly: 4}, {Monthly: 1}, {Monthly: 6}, {Monthly: 25}, {Monthly: 90}, {Daily: 2, Weekly: 2, Monthly: 6},
		{Yearly: 1}, {Yearly: 2}, {Yearly: 3}, {Yearly: 10}, {Daily: 7, Weekly: 2, Monthly: 3, Yearly: 10},
		{Last: 2, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 3},
		{Within: "1h"}, {Within: "1d"}, {Within: "2d"}, {Within: "7d"}, {Within: "1m"}, {Within: "1m14d"}, {Within: "1y1d1m"}, {Within: "13d23h"},
		{Within: "2m2h"}, {Within: "1y2m3d3h"}, {Within: "99y"}, {Within: "1d", Last: 3}, {Within: "1m", Monthly: 30, Yearly: 1},
	} {
		cases = append(cases, history("Europe/Berlin", p, times))
	}
	return cases
}

func history(zone string, p Policy, times []int64) Case {
	sort.Slice(times, func(i, j int) bool { return times[i] > times[j] })
	c := Case{Zone: zone, Policy: p, Newest: times[0], Older: []int64{}}
	for i := 1; i < len(times); i++ {
		if times[i] != times[i-1] {
			c.Older = append(c.Older, times[i-1]-times[i])
		}
	}
	return c
}

// Zones, and the times around which histories lie: changes of their clocks, ends of years, leap days.
var around = map[string][]string{
	"UTC":                 {"2020-03-01T01:00:00Z", "2021-01-03T12:00:00Z", "2022-06-15T00:00:00Z"},
	"Europe/Berlin":       {"2021-03-28T01:00:00Z", "2021-10-31T01:00:00Z", "2021-01-01T00:00:00Z", "2020-02-29T12:00:00Z"},
	"America/New_York":    {"2022-03-13T07:00:00Z", "2022-11-06T06:00:00Z", "2021-01-01T05:00:00Z"},
	"America/Sao_Paulo":   {"2018-11-04T03:00:00Z", "2018-02-18T02:00:00Z"},
	"Australia/Lord_Howe": {"2021-04-03T15:00:00Z", "2021-10-02T15:30:00Z"},
	"Asia/Kathmandu":      {"2022-01-01T00:00:00Z"},
	"Pacific/Apia":        {"2011-12-30T10:00:00Z", "2019-04-06T14:00:00Z"},
	"Asia/Beirut":         {"2021-03-27T22:00:00Z", "2021-10-30T21:00:00Z"},
}

// What comes later is the future to nobody who runs this, and is left to zones that are still being changed.
var settled = time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)

func random(count int) (cases []Case) {
	var zones []string
	for zone := range around {
		zones = append(zones, zone)
	}
	sort.Strings(zones)
	for seed := range count {
		r := rand.New(rand.NewSource(int64(seed)))
		zone := zones[seed%len(zones)]
		middle, err := time.Parse(time.RFC3339, around[zone][r.Intn(len(around[zone]))])
		check(err)
		n := 1 + r.Intn(70)
		// Minutes, hours, half days, days, weeks or months lie between them.
		pause := []int64{600, 1800, 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}[r.Intn(7)]
		at := min(middle.Unix()+int64(r.Intn(n))*pause, settled.Unix())
		var times []int64
		for range n {
			times = append(times, at)
			at -= pause
			switch r.Intn(6) {
			case 0:
				at -= r.Int63n(pause * 8)
			case 1, 2:
				at += r.Int63n(pause - 1)
			}
		}
		cases = append(cases, history(zone, policy(r), times))
	}
	return cases
}

func policy(r *rand.Rand) (p Policy) {
	some := func(most int) int {
		if r.Intn(5) < 3 {
			return 0
		}
		return 1 + r.Intn(most)
	}
	for p == (Policy{}) {
		p = Policy{Last: some(6), Hourly: some(30), Daily: some(20), Weekly: some(9), Monthly: some(14), Yearly: some(4)}
		if r.Intn(3) == 0 {
			for _, unit := range []struct {
				name string
				most int
			}{{"y", 2}, {"m", 15}, {"d", 45}, {"h", 60}} {
				if n := some(unit.most); n > 0 {
					p.Within += fmt.Sprint(n, unit.name)
				}
			}
		}
	}
	return p
}
