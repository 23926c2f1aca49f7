"""Numbers as Grafana writes them: the units that the dashboards use, and round marks for axes.

>>> [written(value, "short") for value in (0, 3, 0.5, 1234, 2_500_000)]
['0', '3', '0.500', '1.23 K', '2.50 Mil']
>>> [written(value, "percentunit") for value in (1, 0.8333, 1.52)]
['100%', '83.3%', '152%']
>>> [written(value, "bytes") for value in (0, 512, 1536, 24 * 2**20)]
['0 B', '512 B', '1.50 KiB', '24 MiB']
>>> [written(value, "Bps") for value in (999, 650_000)]
['999 B/s', '650 kB/s']
>>> [written(value, "s") for value in (0, 0.00025, 0.0042, 1, 59.94, 60, 90, 7200, 86400 * 3, 86400 * 90)]
['0 s', '250 µs', '4.20 ms', '1 s', '59.9 s', '1 min', '1.50 mins', '2 hours', '3 days', '12.9 weeks']
>>> [written(value, "reqps") for value in (0.2, 12)]
['0.200 req/s', '12 req/s']
>>> [written(1000 * (1000 + more), "dateTimeFromNow", now=1000) for more in (-12, -60, -400, 20, 3 * 3600)]
['a few seconds ago', 'a minute ago', '7 minutes ago', 'in a few seconds', 'in 3 hours']
>>> [written(value, "bytes", exact=False) for value in (1536, 24 * 2**20)]
['1.5 KiB', '24 MiB']
>>> marks(3, "short"), marks(0.9, "short")
([0, 1, 2, 3], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
>>> [mark // 2**20 for mark in marks(29 * 2**20, "bytes")]
[0, 8, 16, 24, 32]
>>> marks(400, "s")
[0, 120, 240, 360, 480]
"""
import math
import sys

COUNTS = ["", " K", " Mil", " Bil", " Tri"]
BYTES = [" B", " KiB", " MiB", " GiB", " TiB"]
RATES = [" B/s", " kB/s", " MB/s", " GB/s"]
TIMES = [(1e-6, 1e-9, " ns"), (1e-3, 1e-6, " µs"), (1, 1e-3, " ms"), (60, 1, " s"), (3600, 60, " mins"), (86400, 3600, " hours"),
         (604800, 86400, " days"), (31536000, 604800, " weeks"), (math.inf, 31536000, " years")]
STEPS_OF_TIME = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]


def digits(value):
    """Three that count, and none behind the point where there is nothing."""
    if value == int(value):
        return str(int(value))
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def scaled(value, factor, names):
    step = 0
    while abs(value) >= factor and step < len(names) - 1:
        value, step = value / factor, step + 1
    return value, names[step]


def moment(value, now):
    seconds = value / 1000 - now
    for limit, size, one, many in ((45, 1, "a few seconds", ""), (90, 60, "a minute", ""), (45 * 60, 60, "", "minutes"), (90 * 60, 3600, "an hour", ""),
                                   (22 * 3600, 3600, "", "hours"), (36 * 3600, 86400, "a day", ""), (math.inf, 86400, "", "days")):
        if abs(seconds) < limit:
            words = one or f"{round(abs(seconds) / size)} {many}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return ""


def written(value, unit, now=0, exact=True):
    """A value in its unit; without `exact`, as at an axis."""
    if unit == "dateTimeFromNow":
        return moment(value, now)
    if unit == "percentunit":
        number, name = value * 100, "%"
    elif unit == "s":
        divisor, name = next((d, n) for limit, d, n in TIMES if abs(value) < limit) if value else (1, " s")
        number = value / divisor
    elif unit in ("short", "reqps"):
        number, name = scaled(value, 1000, COUNTS)
        name += " req/s" if unit == "reqps" else ""
    elif unit == "bytes":
        number, name = scaled(value, 1024, BYTES)
    elif unit == "Bps":
        number, name = scaled(value, 1000, RATES)
    else:
        sys.exit(f"docs-pictures: the unit {unit} is used by a dashboard, and pictures/units.py does not know it")
    text = digits(round(number, 9))
    if not exact and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + (name.removesuffix("s") if unit == "s" and text == "1" and len(name) > 3 else name)


def marks(most, unit):
    """Some round values from 0 on, the last of which is no less than the greatest."""
    most = most or 1
    if unit == "bytes":
        step = 2 ** math.ceil(math.log2(most / 4))
    elif unit == "s" and most > 4:
        step = next((s for s in STEPS_OF_TIME if most / s <= 4), 86400 * math.ceil(most / 4 / 86400))
    else:
        power = 10 ** math.floor(math.log10(most / 5))
        step = next(power * one for one in (1, 2, 5, 10) if most / (power * one) <= 5.0001)
        step = int(step) if step >= 1 else step
    return [round(n * step, 9) for n in range(math.ceil(most / step - 1e-9) + 1)]
