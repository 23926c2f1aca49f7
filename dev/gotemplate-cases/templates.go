package main

const (
	morning  = "2024-01-02T03:04:05.060708009Z"
	evening  = "2031-11-25T21:59:58.120000000Z"
	midnight = "2000-02-29T00:00:00Z"
	noon     = "1999-12-31T12:30:00.999999999Z"
	summer   = "2024-07-15T23:30:00Z"
)

var syntax = []string{
	``, `/plain`, `/ä/ö`, "/a\nb", `/}}`, `/{x}`, `/{ {x} }`,
	`/backups/mysql-{{ now | date "2006.01.02-15:04:05" }}.sql`,
	`{{ now | date "20060102-150405" | printf "/%s.backup" }}`,
	`{{now|date "2006"}}`, `{{ now|date "2006"|upper }}`, "{{ now\n | date\t\"2006\"\r\n }}",
	`{{"a"}}{{"b"}}`, "{{`a\\n\"b`}}", "{{`a\r\nb`}}", `{{"\t\x41\u00e4\U0001F600\101\\\""}}`,
	`{{1}}`, `{{-1}}`, `{{+1}}`, `{{0x1F}}`, `{{0o17}}`, `{{017}}`, `{{0b101}}`, `{{1_000}}`, `{{1e3}}`, `{{1.5}}`, `{{.5}}`, `{{1.}}`,
	`{{'a'}}`, `{{'ä'}}`, `{{'\n'}}`, `{{'\''}}`, `{{'\x41'}}`,
	`{{1000000.0}}`, `{{999999.0}}`, `{{123456.7}}`, `{{1234567.8}}`, `{{1e20}}`, `{{1e21}}`, `{{1e22}}`, `{{0.0001}}`, `{{0.00001}}`, `{{123456789.0}}`, `{{-0.0}}`, `{{2.50}}`, `{{1.5e-7}}`,
	`{{true}}`, `{{false}}`,
	`a {{- "b" -}} c`, `a {{- "b" }} c`, `a {{ "b" -}} c`, "a \n\t{{- 3 -}}\r\n c", `a{{-3}}b`, `a {{- -3 -}} b`, `{{ "x" -}}   {{- "y" }}`,
	`a{{/* c */}}b`, `a {{- /* c */ -}} b`, "a{{/* c\nd */}}b", `a {{- /* c */}} b`, `{{/**/}}x`, `a {{/* {{ x }} */ -}} b`,
	`{{ ("a") }}`, `{{ (("a")) }}`, `{{ printf "%s" ("a" | upper) }}`, `{{ ("a" | upper) | lower }}`, `{{upper("a")}}`, `{{ upper ("a")|lower }}`,
	`{{ printf "%s-%s" "a" ("b" | upper) | lower }}`, `{{ print (now.Year) }}`, `{{ (now).Year }}`, `{{ (now.UTC).Year }}`,
	`{{ now.Year }}-{{ now.Month }}`, `{{ now.UTC.Format "2006" }}`, `{{ "2006" | now.UTC.Format }}`, `{{ now.UTC.Format ("2006" | printf "%s-01") }}`,
	`{{ print now.Year now.Day }}`, `{{ now.Year | print }}`, `{{ (now | date "2006") | trunc 2 }}`, `{{ now.UTC }}`, `{{ now.UTC.String }}`,
	`{{ .5 | print }}`, `{{ print 'a' }}`, `{{ print 1 2 }}`, `{{ "}}" }}`, "{{ `}}` }}", `{{ "{{" }}`, `{{ '}' }}`,
}

var functions = []string{
	`{{ print }}`, `{{ print "a" "b" }}`, `{{ print 1 2 "a" 3 4 }}`, `{{ print true 1.5 "x" }}`, `{{ println "a" 1 }}`, `{{ println }}`,
	`{{ printf "x" }}`, `{{ printf "%s" "a" }}`, `{{ printf "%v" "a" }}`, `{{ printf "%q" "a\"b\\c\n\x01ä" }}`, `{{ printf "%x" "hello" }}`, `{{ printf "%X" "hällo" }}`,
	`{{ printf "%5s|" "a" }}`, `{{ printf "%-5s|" "a" }}`, `{{ printf "%.2s" "äöü" }}`, `{{ printf "%5.1s|" "äöü" }}`, `{{ printf "%.3x" "hello" }}`, `{{ printf "%8q|" "a" }}`, `{{ printf "%.1q" "ab" }}`,
	`{{ printf "%-5s|%5s" "ä" "ö" }}`,
	`{{ printf "%d" 42 }}`, `{{ printf "%5d|" 42 }}`, `{{ printf "%-5d|" 42 }}`, `{{ printf "%05d" 42 }}`, `{{ printf "%05d" -42 }}`, `{{ printf "%+d" 42 }}`, `{{ printf "% d" 42 }}`, `{{ printf "%+05d" 42 }}`, `{{ printf "%-05d|" 42 }}`,
	`{{ printf "%.3d" 7 }}`, `{{ printf "%6.3d|" -7 }}`, `{{ printf "%06.3d|" 7 }}`, `{{ printf "%.0d|" 0 }}`, `{{ printf "%3.0d|" 0 }}`, `{{ printf "%.d" 5 }}`,
	`{{ printf "%x" 255 }}`, `{{ printf "%X" 255 }}`, `{{ printf "%08x" 255 }}`, `{{ printf "%x" -255 }}`, `{{ printf "%o" 8 }}`, `{{ printf "%b" 5 }}`, `{{ printf "%c" 65 }}`, `{{ printf "%c" 'ä' }}`, `{{ printf "%3c|" 65 }}`,
	`{{ printf "%v %v %v" 1 true 1.5 }}`, `{{ printf "%t" true }}`, `{{ printf "%6t|" true }}`, `{{ printf "%05d" now.Year }}`, `{{ printf "%02d" now.Month }}`, `{{ printf "%s" now.Month }}`, `{{ printf "%v %d" now.Weekday now.Weekday }}`, `{{ printf "%.3s" now.Month }}`, `{{ printf "%10v|" now.Month }}`,
	`{{ printf "%f" 1.5 }}`, `{{ printf "%.2f" 1.005 }}`, `{{ printf "%8.2f|" 3.14159 }}`, `{{ printf "%08.2f" -3.14159 }}`, `{{ printf "%+.1f" 2.25 }}`, `{{ printf "%e" 123456.789 }}`, `{{ printf "%.2e" 0.000123 }}`, `{{ printf "%g" 1e21 }}`, `{{ printf "%g" 100000.0 }}`, `{{ printf "%g" 1e20 }}`, `{{ printf "%.0f" 2.5 }}`, `{{ printf "%-8.1f|" 2.5 }}`, `{{ printf "%F" 1.5 }}`, `{{ printf "%v" 1e6 }}`,
	`{{ printf "%d%%" 5 }}`, `{{ printf "%s" now.UTC }}`, `{{ printf "%v" (now.AddDate 0 0 0) }}`, `{{ printf "%d" now.Unix }}`,
	`{{ upper "aÄé" | lower }}`, `{{ upper "abcäöü" }}`, `{{ lower "ABCÄÖÜΣ" }}`, `{{ trim "  a b\t\n" }}`, `{{ trimAll "$x" "$$5x00x$" }}`, `{{ trimall "-" "--a--" }}`, `{{ trimAll "" "a" }}`,
	`{{ trimPrefix "a" "aab" }}`, `{{ trimPrefix "x" "aab" }}`, `{{ trimSuffix ".sql" "a.sql" }}`, `{{ trimSuffix "x" "a" }}`, `{{ nospace " a b\tc " }}`,
	`{{ contains "b" "abc" }}`, `{{ hasPrefix "a" "abc" }}`, `{{ hasSuffix "a" "abc" }}`,
	`{{ replace "-" "_" "a-b-c" }}`, `{{ replace "" "-" "abc" }}`, `{{ replace "" "-" "" }}`, `{{ "a b" | replace " " "" }}`, `{{ replace "aa" "a" "aaaa" }}`, `{{ replace "x" "y" "" }}`,
	`{{ repeat 3 "ab" }}`, `{{ repeat 0 "ab" }}`, `{{ trunc 3 "abcdef" }}`, `{{ trunc -3 "abcdef" }}`, `{{ trunc 10 "abc" }}`, `{{ trunc -10 "abc" }}`, `{{ trunc 0 "abc" }}`, `{{ trunc -3 "abc" }}`, `{{ trunc 3.0 "abcdef" }}`, `{{ trunc 2 "äö" }}`,
	`{{ substr 0 3 "abcdef" }}`, `{{ substr 2 4 "abcdef" }}`, `{{ substr 2 -1 "abcdef" }}`, `{{ substr -1 2 "abcdef" }}`, `{{ substr 2 100 "abcdef" }}`, `{{ substr 3 3 "abcdef" }}`, `{{ substr -5 0 "abc" }}`,
	`{{ len "äb" }}`, `{{ plural "one" "many" 1 }}`, `{{ plural "one" "many" 2 }}`, `{{ len "abc" | plural "a" "b" }}`,
	`{{ quote "a" }}`, `{{ quote "a" 1 true }}`, `{{ quote "a\"b" }}`, `{{ quote }}`, `{{ squote "a" 1 }}`, `{{ squote "it's" }}`, `{{ quote now.Month }}`, `{{ cat "a" "b" 1 }}`, `{{ cat " a " "b" }}`, `{{ cat }}`, `{{ toString 5 }}`, `{{ toString true | quote }}`, `{{ toString 1.5 }}`, `{{ toString now.Weekday }}`,
	`{{ default "x" "" }}`, `{{ default "x" "y" }}`, `{{ "" | default "x" }}`, `{{ default "x" 0 }}`, `{{ default 5 1 }}`, `{{ default "x" false }}`, `{{ default "x" }}`, `{{ default "x" 0.0 }}`, `{{ now.Month | default 3 }}`,
	`{{ empty "" }}`, `{{ empty 1 }}`, `{{ empty now }}`, `{{ coalesce "" 0 "c" }}`, `{{ ternary "a" "b" true }}`, `{{ ternary "a" "b" false }}`, `{{ eq 1 2 | ternary "a" "b" }}`, `{{ all 1 "a" }}`, `{{ all 1 "" }}`, `{{ any "" 0 }}`, `{{ any "" 1 }}`, `{{ all }}`, `{{ any }}`,
	`{{ eq 1 1 }}`, `{{ eq "a" "b" }}`, `{{ eq 1 2 3 1 }}`, `{{ ne 1 2 }}`, `{{ lt 1 2 }}`, `{{ le 2 2 }}`, `{{ gt "b" "a" }}`, `{{ ge 1.5 2.5 }}`, `{{ eq true true }}`, `{{ eq 1 now.Day }}`, `{{ lt now.Hour 12 | ternary "am" "pm" }}`, `{{ eq (add 1 1) 2 }}`, `{{ eq now.Month 1 }}`, `{{ eq 'a' 97 }}`,
	`{{ and true false }}`, `{{ and 1 "a" }}`, `{{ and 0 "a" }}`, `{{ or 0 "a" }}`, `{{ or "" 0 }}`, `{{ or "x" (fail "no") }}`, `{{ and "" (fail "no") }}`, `{{ "z" | or "" }}`, `{{ "z" | and "a" }}`, `{{ not true }}`, `{{ not "" }}`, `{{ not 0 }}`, `{{ and "a" }}`,
	`{{ add }}`, `{{ add 1 2 3 }}`, `{{ add 1 -2 }}`, `{{ add1 5 }}`, `{{ sub 5 7 }}`, `{{ mul 2 3 4 }}`, `{{ div 7 2 }}`, `{{ div -7 2 }}`, `{{ mod 7 3 }}`, `{{ mod -7 3 }}`, `{{ max 1 5 3 }}`, `{{ min 4 2 3 }}`, `{{ biggest 1 2 }}`, `{{ add "5" 1 }}`, `{{ add 1.9 1 }}`, `{{ add true 1 }}`, `{{ int 3.7 }}`, `{{ int -3.7 }}`, `{{ int "42" }}`, `{{ int64 "-42" }}`, `{{ int "0" }}`, `{{ atoi "007" }}`, `{{ atoi "x" }}`, `{{ atoi "-5" }}`, `{{ atoi "+5" }}`, `{{ atoi "" }}`, `{{ atoi "1_0" }}`, `{{ atoi "99999999999999999999" }}`, `{{ atoi "-99999999999999999999" }}`, `{{ atoi "-" }}`, `{{ atoi "9223372036854775807" }}`,
	`{{ add 9223372036854775807 1 }}`, `{{ now.YearDay | add 1 }}`, `{{ now | date "01" | atoi | add 1 | printf "%02d" }}`, `{{ trunc (int (add 1 1)) "abc" }}`,
	`{{ div (now.Unix) 86400 }}`, `{{ now.Unix | toString | trunc 4 }}`, `{{ mod now.YearDay 7 }}`,
}

var layouts = []string{
	"2006.01.02-15:04:05", "20060102-150405", "06-1-2", "_2 Jan 2006", "Jan _2 15:04:05", "January", "Jan", "Janet", "JanX", "Jan2", "Monday", "Mon", "Month", "Mon_", "MonDay", "MST", "MSTx",
	"002", "__2", "_2006", "__2006", "_2_2006", "2", "02", "022", "1", "01", "11", "15", "3PM", "03pm", "3", "03", "4", "04", "5", "05", "PM pm", "Pm pM", "P", "p",
	"-0700", "-07:00", "-07", "-070000", "-07:00:00", "Z0700", "Z07:00", "Z07", "Z070000", "Z07:00:00", "Z", "-", "-7", "Z7",
	".0", ".000", ".000000000", ".0000000000", ".9", ".999", ".999999999", ",000", ",999", "05.000", "05.999", "05,000", "05.00x", "05.001", "05.0009", "05.99", "05.9x", ".", ",", ".x", ".10",
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "Mon, 02 Jan 2006 15:04:05 MST", "Monday, 02-Jan-06 15:04:05 MST", "3:04PM", "Jan _2 15:04:05.000000",
	"", "abc", "YYYY-MM-DD", "yyyyMMdd", "0", "00", "07", "006", "0066", "200", "20062006", "2006006", "6", "7", "8", "9", "10", "12", "13", "16", "20", "21", "ä2006ö", "%Y", "dd/mm", "2006/01/02", "Monday January", "MondayJanuary", "MonJan", "JanMon", "January2006", "15h04m05s", "_", "__", "_1", "___2", "2_2",
}

var zones = []string{"UTC", "", "Local", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Marquesas", "Etc/GMT+5", "America/St_Johns", "Europe/Dublin"}

var times = []string{
	`{{ now.Unix }}`, `{{ now.UnixMilli }}`, `{{ now.UnixMicro }}`, `{{ now.UnixNano }}`, `{{ now.Year }} {{ now.Month }} {{ now.Day }} {{ now.Weekday }} {{ now.YearDay }} {{ now.Hour }} {{ now.Minute }} {{ now.Second }} {{ now.Nanosecond }}`, `{{ now.IsZero }}`, `{{ now.Month.String }}`, `{{ now.Weekday.String | lower }}`,
	`{{ now.Local.Format "MST" }}`, `{{ unixEpoch now }}`, `{{ now | unixEpoch }}`, `{{ htmlDate now }}`, `{{ now | htmlDate }}`, `{{ htmlDateInZone now "Asia/Tokyo" }}`, `{{ date "2006" 0 }}`, `{{ date "2006-01-02 15:04" 1700000000 }}`, `{{ date "2006-01-02" now.Unix }}`, `{{ date_in_zone "15" now "Asia/Tokyo" }}`, `{{ dateInZone "15" 0 "Asia/Tokyo" }}`, `{{ date "2006" -1 }}`, `{{ "2006" | now.Format }}`,
	`{{ now | date_modify "-24h" | date "2006-01-02" }}`, `{{ now | dateModify "1h30m" | date "15:04" }}`, `{{ (now | mustDateModify "-1.5h").Unix }}`, `{{ (date_modify "500ms" now).UnixMilli }}`, `{{ must_date_modify "0" now | unixEpoch }}`, `{{ (date_modify "-36h" now).Weekday }}`,
	`{{ (now.AddDate 0 0 -1).Format "2006-01-02" }}`, `{{ (now.AddDate 0 3 6).Format "2006-01-02" }}`, `{{ (now.AddDate 1 -12 0).Format "2006-01-02" }}`, `{{ (now.AddDate 0 1 31).Format "2006-01-02" }}`, `{{ (now.AddDate -31 -9 5) }}`, `{{ now.AddDate 0 0 0 | date "20060102" }}`,
	`{{ (now.Add 3600000000000).Format "15" }}`, `{{ (now.Add -1).UnixNano }}`, `{{ now.Truncate 3600000000000 }}`, `{{ now.Truncate 86400000000000 }}`, `{{ now.Round 3600000000000 }}`, `{{ now.Round 1000000000 }}`, `{{ now.Truncate 0 }}`, `{{ now.Truncate 604800000000000 | date "2006-01-02" }}`, `{{ now.Round 240000000000 }}`, `{{ now.Truncate -5 }}`, `{{ (now.Truncate 7).UnixNano }}`,
	`{{ duration "90" }}`, `{{ duration "3723" }}`, `{{ duration "0" }}`, `{{ duration "-5" }}`, `{{ duration (int64 86400) }}`, `{{ "59" | duration }}`,
	`{{ now.UTC.Format "2006-01-02T15:04:05.000Z07:00" }}`, `{{ now.UTC.AddDate 0 0 1 }}`, `{{ now.Local }}`,
}

// Go fails on these too.
var broken = []string{
	`{{`, `{{ now`, `}}{{`, `{{ }}`, `{{ | now }}`, `{{ now || date "2006" }}`, `{{ "a }}`, "{{ `a }}", `{{ 'a }}`, `{{ '' }}`, `{{ 'ab' }}`, `{{ "\q" }}`, `{{ "a" | "b" }}`, `{{ 1 | 2 }}`, `{{ ( now }}`, `{{ now ) }}`, `{{ () }}`, `{{ nope }}`, `{{ now | nope }}`, `{{ end }}`, `{{ else }}`, `{{ if }}`, `{{ /* x */ }}`, `{{/* x }}`, `{{/* x */ y }}`, `{{ a+b }}`, `{{ 1a }}`, `{{ 1__0 }}`, `{{ 0x }}`, `{{ nil }}`, `{{ $x }}`, `{{ now. }}`, `{{ now."a" }}`, `{{ now .Year }}`, `{{ "a".Len }}`, `{{ 1.Year }}`, `{{ true.Year }}`, `{{ # }}`, `{{ now ; }}`, `{{ "a""b" }}`, `{{ "a" "b" }}`, `{{ 1 2 }}`, `{{ ("a") "b" }}`, `{{ 9223372036854775808 }}`, `{{ break }}`, "{{ \"a\nb\" }}", `{{ now=1 }}`, `{{ print(1) 2, 3 }}`,
	`{{ now.Nope }}`, `{{ now.Format }}`, `{{ now.Format 5 }}`, `{{ now.Format "a" "b" }}`, `{{ now.Year 1 }}`, `{{ now.Year.Day }}`, `{{ now.AddDate 1 }}`, `{{ now.Add "1h" }}`, `{{ now.Date }}`, `{{ now.format "2006" }}`, `{{ (date "2006" now).Year }}`,
	`{{ upper }}`, `{{ upper 5 }}`, `{{ upper "a" "b" }}`, `{{ trunc "3" "abc" }}`, `{{ trunc 3 5 }}`, `{{ trunc 1.5 "abc" }}`, `{{ trunc (add 1 2) "abc" }}`, `{{ now.Unix | trunc 4 }}`, `{{ now 5 }}`, `{{ date now "2006" }}`, `{{ date "2006" }}`, `{{ now | date 2006 }}`, `{{ unixEpoch 5 }}`, `{{ date_modify "1h" 5 }}`, `{{ mustDateModify "x" now }}`, `{{ ternary "a" "b" 1 }}`, `{{ fail "no" }}`, `{{ eq 1 "a" }}`, `{{ lt true false }}`, `{{ eq 1 1.0 }}`, `{{ eq }}`, `{{ eq 1 }}`, `{{ not }}`, `{{ and }}`, `{{ repeat -1 "a" }}`, `{{ substr 5 2 "abcdef" }}`, `{{ substr 10 -1 "abc" }}`, `{{ substr -1 10 "abc" }}`, `{{ div 1 0 }}`, `{{ mod 1 0 }}`, `{{ len 5 }}`, `{{ printf }}`, `{{ printf 5 }}`, `{{ now.Year | now.Format }}`, `{{ dateInZone "2006" now }}`, `{{ dateInZone "2006" now 5 }}`, `{{ mul }}`, `{{ max }}`, `{{ atoi 5 }}`, `{{ now | now }}`, `{{ "x" | now.Year }}`,
}

// Go renders these; they are refused here, because the result is a surprise, differs between versions, or is not supported.
var refused = []string{
	`{{ now | }}`, `{{ env "HOME" }}`, `{{ expandenv "$HOME" }}`, `{{ .Name }}`, `{{ 1i }}`, `{{ "\xff" }}`,
	`{{ printf "%d" "a" }}`, `{{ printf "%s" 5 }}`, `{{ printf "%s" }}`, `{{ printf "%s" "a" "b" }}`, `{{ printf "%" }}`, `{{ printf "%z" 1 }}`, `{{ printf "%05s" "a" }}`, `{{ printf "%t" 1 }}`, `{{ printf "%d" true }}`, `{{ printf "%d" 1.5 }}`,
	`{{ date "2006" "2024-01-01" }}`, `{{ date "2006" true }}`, `{{ dateInZone "15" now "Mars/Base" }}`, `{{ dateInZone "15" now "europe/berlin" }}`, `{{ date_modify "x" now | date "2006" }}`, `{{ date_modify "7d" now | date "2006" }}`, `{{ duration 90 }}`, `{{ duration "x" }}`, `{{ trunc 1 "ä" }}`, `{{ substr 1 3 "äö" }}`, `{{ int "08" }}`, `{{ int "010" }}`, `{{ int "x" }}`, `{{ int "1.5" }}`, `{{ coalesce "" 0 }}`, `{{ now.ISOWeek }}`, `{{ now.Location }}`,
	`{{ repeat 20000 "a" }}`,
}
