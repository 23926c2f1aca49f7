"""One page for each dashboard, drawn from deploy/dashboards and from what its queries give."""
import re
import sys
import time
from html import escape

from pictures import graphs
from pictures.units import written

WIDTH, MARGIN, COLUMNS = 1400, 12, 24
# A row of Grafana's grid, and what lies between two.
ROW, GAP = 30, 8
HEAD, TITLE = 112, 30
THEME = {"green": "#2f8f3a", "red": "#d02437", "orange": "#e08400", "text": "#24292e"}
STYLE = """
*{box-sizing:border-box;margin:0}
body{background:#f4f5f5;color:#24292e;font:13px Inter,sans-serif;position:relative}
header{position:absolute;left:16px;right:16px;top:12px}
h1{font-size:21px;font-weight:600;display:inline}
header p{display:inline;color:#57606a;margin-left:12px;font-size:14px}
.chosen{margin-top:10px}
.chosen span{background:#fff;border:1px solid #d8dadd;border-radius:3px;padding:3px 9px;margin-right:8px}
.chosen b{font-weight:600;color:#3264b8}
.drawn{margin-top:11px;color:#57606a;font-size:12.5px}
section{position:absolute;background:#fff;border:1px solid #dfe1e4;border-radius:3px;overflow:hidden}
h2{font-size:14px;font-weight:500;padding:7px 9px 0}
h3{position:absolute;font-size:16px;font-weight:600;padding-top:5px}
.stat{text-align:center;font-weight:600;line-height:96px;white-space:nowrap}
.none{text-align:center;color:#57606a;padding-top:28px;font-size:15px}
.mark{font-size:11.5px;fill:#57606a}.name{font-size:12px;fill:#24292e}
.grid{stroke:#e6e8ea;fill:none}
svg{display:block;margin-left:1px}
table{border-collapse:collapse;width:100%;margin-top:6px}
th{font-weight:600;color:#3264b8;border-bottom:1px solid #dfe1e4}
th,td{text-align:left;padding:6.5px 9px}td{border-bottom:1px solid #eef0f1}
th.number,td.number{text-align:right;width:170px}
"""


class Dashboard:
    """A dashboard's JSON, what is chosen at its top, and a time."""

    def __init__(self, model, chosen, prometheus, start, end, pace):
        self.model, self.chosen, self.prometheus = model, chosen, prometheus
        self.start, self.end = start, end
        # As Grafana does with a data source whose scrape interval is the pace.
        self.step = pace * max(1, -(-(end - start) // (pace * 400)))
        self.rate = max(self.step + pace, 4 * pace)

    def filled(self, text):
        """With what was chosen: several values are a group of a regular expression."""
        text = text.replace("$__rate_interval", f"{self.rate}s")
        for name, value in self.chosen.items():
            text = text.replace(f"${name}", value if isinstance(value, str) else f"({'|'.join(value)})")
        return text

    def now(self, target):
        return self.prometheus.now(self.filled(target["expr"]), self.end)

    def over_time(self, panel):
        """Every series of a panel, by its name."""
        found = []
        for target in panel["targets"]:
            for labels, points in self.prometheus.over(self.filled(target["expr"]), self.start, self.end, self.step):
                name = re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), self.filled(target["legendFormat"]))
                found.append((name, [(at, value) for at, value in points if value == value]))
        return found

    def stat(self, panel, width, height):
        values = self.now(panel["targets"][0])
        # Of nothing there is no quantile, and no share.
        if not values or values[0][1] != values[0][1]:
            return '<div class="none">No data</div>'
        value, defaults = values[0][1], panel["fieldConfig"]["defaults"]
        text = written(value, defaults["unit"], self.end)
        size = min(38, width / len(text) / 0.58)
        return f'<div class="stat" style="font-size:{size:.0f}px;color:{threshold(value, defaults)}">{escape(text)}</div>'

    def table(self, panel, width, height):
        """The queries' rows by their labels, in the columns' order and under their names."""
        organize = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")
        single = len(panel["targets"]) == 1
        rows = {}
        for target in panel["targets"]:
            column = "Value" if single else f"Value #{target['refId']}"
            for labels, value in self.now(target):
                rows.setdefault(tuple(sorted(labels.items())), dict(labels))[column] = value
        columns = sorted((c for c in organize["indexByName"] if not organize["excludeByName"].get(c)), key=organize["indexByName"].get)
        # A column that no row has anything for is none.
        columns = [c for c in columns if any(c in row for row in rows.values())]
        if not rows:
            return '<div class="none">No data</div>'
        heads = {c: organize["renameByName"].get(c, c) for c in columns}
        settings = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]}
        order = panel["options"]["sortBy"][0]
        by = next((c for c, head in heads.items() if head == order["displayName"]), None)
        first = sorted(rows.values(), key=lambda row: row.get(by, float("-inf")), reverse=order["desc"])
        body = ["".join(self.cell(row.get(c), settings.get(heads[c], {})) for c in columns) for row in first]
        room = int((height - TITLE - 6) / 29.5) - 1
        if len(body) > room:
            body[room - 1:] = [f'<td colspan="{len(columns)}">and {len(body) - room + 1} more</td>']
        head = "".join(f'<th{number(c.startswith("Value"))}>{escape(heads[c])}</th>' for c in columns)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in body)}</table>"

    def cell(self, value, settings):
        if not isinstance(value, float):
            return f'<td{number("unit" in settings)}>{escape(value or "")}</td>'
        color = threshold(value, settings)
        return f'<td class="number" style="color:{color}">{escape(written(value, settings["unit"], self.end))}</td>'

    def graph(self, panel, width, height):
        series = self.over_time(panel)
        if not series:
            return '<div class="none">No data</div>'
        place = (self.start, self.end, self.step, width - 4, height - TITLE - 6)
        if panel["type"] == "state-timeline":
            return graphs.states(panel, series, *place, THEME.__getitem__)
        return graphs.timeseries(panel, series, *place)

    def section(self, panel):
        at, column = panel["gridPos"], (WIDTH - 2 * MARGIN + GAP) / COLUMNS
        x, y = MARGIN + at["x"] * column, HEAD + at["y"] * (ROW + GAP)
        width, height = at["w"] * column - GAP, at["h"] * (ROW + GAP) - GAP
        if panel["type"] == "row":
            return f'<h3 style="left:{x:.0f}px;top:{y}px">{escape(panel["title"])}</h3>'
        kinds = {"stat": self.stat, "table": self.table, "timeseries": self.graph, "state-timeline": self.graph}
        if panel["type"] not in kinds:
            sys.exit(f"docs-pictures: a dashboard has a panel of the type {panel['type']}, and pictures/page.py draws {', '.join(kinds)}")
        inside = kinds[panel["type"]](panel, width, height)
        place = f"left:{x:.0f}px;top:{y}px;width:{width:.0f}px;height:{height}px"
        return f'<section style="{place}"><h2>{escape(panel["title"])}</h2>{inside}</section>'

    def html(self):
        """The page, and how high it is."""
        model = self.model
        labels = {one["name"]: one["label"] for one in model["templating"]["list"]}
        clock = [time.strftime("%H:%M", time.gmtime(at)) for at in (self.start, self.end)]
        chosen = [(labels[name], value if isinstance(value, str) else ", ".join(value)) for name, value in self.chosen.items() if name in labels]
        chosen.append(("Time", f"{clock[0]} to {clock[1]} UTC"))
        chips = "".join(f"<span>{escape(label)} <b>{escape(value)}</b></span>" for label, value in chosen)
        panels = "".join(self.section(panel) for panel in model["panels"])
        height = HEAD + max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in model["panels"]) * (ROW + GAP) + MARGIN - GAP
        return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(model["title"])}</title><style>{STYLE}</style>
<body style="height:{height}px"><header><h1>{escape(model["title"])}</h1><p>{escape(model["description"])}</p><div class="chosen">{chips}</div>
<div class="drawn">Not Grafana: drawn by this repository's <b>make docs-pictures</b> from the dashboard's JSON and from what its queries gave on a real
Prometheus, after some minutes of a small fleet on a real cluster.</div></header>{panels}</body></html>""", height


def number(yes):
    return ' class="number"' if yes else ""


def threshold(value, settings):
    """The colour of the last step that the value has reached."""
    steps = settings.get("thresholds", {}).get("steps", [{"color": "text", "value": None}])
    return THEME[[step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]]
