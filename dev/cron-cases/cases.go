package main

var instants = []string{"2024-01-31T22:59:59.5Z", "2026-02-28T23:59:00Z"}

var expressions = []string{
	"* * * * *", "*/15 * * * *", "0 * * * *", "0 0 * * *", "30 4 * * *", "0 0 1 * *", "0 0 31 * *", "0 0 29 2 *", "0 0 30 2 *", "0 0 1 1 *",
	"5,10,20-25 * * * *", "0-59/7 * * * *", "3/20 * * * *", "*/61 * * * *", "0 9-17 * * 1-5", "0 9-17/4 * * mon-fri", "0 0 * * sun", "0 0 * * SAT,Sun", "0 0 1,15 * 5", "0 0 1,15 * *",
	"0 0 */2 * 1", "0 0 2/2 * 1", "0 0 * * */2", "0 0 1-31 * 1", "0 0 ? * 1", "0 0 13 * ?", "0 0 ? * ?", "0 0 1 feb-apr *", "0 0 1 Jan,dec *", "0 0 1 */3 *", "0 0 1 2/4 *", "59 23 31 12 *", "0 0 31 4,6,9,11 *", "0 12 * 2 0-6/3",
	"0 0 */1 * 1", "0 0 *,1 * 1", "0 0 1,* * 1", "*,5 * * * *", "0 0 * * 0-6", "00 07 08 09 06", "1,,2 * * * *", ",1 * * * *", "  0   0 * *   * ", "0\t0\t*\t*\t*", "*-5 * * * *", "*-x * * * *", "?/30 * * * *", "0 0 31 2 1", "0 0 31 2 *", "59 * 29 2 6",
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
	"@every 1s", "@every 90s", "@every 1h30m", "@every 1500ms", "@every 1h0.9s", "@every 24h", "@every 1ms", "@every 999ms",
}

// Around changes of the clocks, expressions that fall into them, before them and after them.
var local = []string{
	"0 0 * * *", "30 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 3 * * *", "30 * * * *", "*/30 * * * *", "0 */2 * * *", "15 1-3 * * *", "0 0 1 * *", "0 12 * * 0", "0 23 * * *", "@daily", "@hourly", "30 23 31 * *",
}

var zones = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "America/St_Johns", "Europe/London", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Asia/Kathmandu"}

var changes = map[string][]string{
	"Europe/Berlin":       {"2024-03-30T20:00:00Z", "2024-03-31T00:10:00Z", "2024-10-26T21:00:00Z", "2024-10-27T00:10:00Z", "2024-10-27T00:45:10Z"},
	"America/New_York":    {"2024-03-10T04:00:00Z", "2024-11-03T03:00:00Z", "2024-11-03T05:45:00Z"},
	"Australia/Lord_Howe": {"2024-04-06T12:00:00Z", "2024-04-06T14:40:00Z", "2024-10-05T12:00:00Z"},
	"America/Sao_Paulo":   {"2018-11-03T20:00:00Z", "2018-11-04T02:30:00Z", "2018-02-17T20:00:00Z", "2018-02-18T01:30:00Z"},
	"Asia/Kolkata":        {"2024-01-31T18:29:00Z"},
	"Pacific/Apia":        {"2011-12-29T08:00:00Z", "2011-12-30T09:30:00Z"},
	"America/St_Johns":    {"2006-04-02T01:00:00Z", "2006-10-29T00:30:00Z", "2006-10-29T02:15:00Z"},
	"Europe/London":       {"2024-03-30T22:00:00Z", "2024-10-26T22:00:00Z", "2024-10-27T00:30:00Z"},
	"Africa/Cairo":        {"2024-04-25T20:00:00Z", "2024-10-31T20:00:00Z"},
	"Asia/Beirut":         {"2024-03-30T20:00:00Z", "2024-10-26T20:00:00Z"},
	"America/Havana":      {"2024-03-10T04:00:00Z", "2024-11-03T03:00:00Z", "2024-11-03T04:30:00Z"},
	"Asia/Kathmandu":      {"2024-01-31T18:00:00Z"},
}

var prefixed = []string{
	"TZ=Europe/Berlin 0 3 * * *", "CRON_TZ=Asia/Tokyo 0 3 * * *", "TZ=UTC @daily", "CRON_TZ=America/New_York @monthly", "TZ=Asia/Kolkata   30 5 * * *", "TZ=Etc/GMT+5 0 0 * * *", "TZ=Europe/Berlin @every 1h",
}

var broken = []string{
	"", " ", "*", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 7", "* * * * 8", "-1 * * * *", "1- * * * *", "1-2-3 * * * *", "5-1 * * * *", "*/0 * * * *", "*/-5 * * * *", "1/2/3 * * * *", "a * * * *", "jan * * * *", "* * * foo *", "* * * * foo", "* * * january *", "* * L * *", "* * * * 5#2", "* * 15W * *", "1.5 * * * *", "*/ * * * *", "/5 * * * *", "0 0 * * sun-mon-tue", "0 0 * * sat-sun", "1 2 3 4 5 6 7", "** * * * *",
	"@reboot", "@", "@Daily", "@every", "@every ", "@every x", "@every 1d", "@every 5", "@daily x", "@fortnightly",
	"TZ=Nowhere/City 0 0 * * *", "TZ=0 0 * * *", "CRON_TZ=Mars/Base @daily", "TZ=Europe/Berlin", "TZ=", "TZ=Europe/Berlin ",
}

// robfig/cron takes these; some only by an accident of its parsing.
var refused = []string{
	", * * * *", "@every -1h", "@every 0s", "TZ= 0 0 * * *", "TZ=Local 0 0 * * *",
}
