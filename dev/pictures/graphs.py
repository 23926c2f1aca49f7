"""Lines, bars and states over time, as SVG.

What was not there for a moment is not drawn; what stands is one bar:

>>> list(pieces([(0, 1), (5, 1), (20, 2)], 5))
[[(0, 1), (5, 1)], [(20, 2)]]
>>> list(stretches([(0, 1), (5, 1), (10, 0), (30, 0)], 5))
[(0, 10, 1), (10, 15, 0), (30, 35, 0)]

A legend that has no room for all says how many more there are:

>>> [[name for name, _ in row] for row in legend([("a" * 10, ""), ("b" * 10, ""), ("c" * 10, ""), ("d" * 10, "")], 210, most=2)]
[['aaaaaaaaaa', 'bbbbbbbbbb'], ['cccccccccc', 'and 1 more']]
"""
import time
from html import escape

from pictures.units import marks, written

COLORS = ["#56a64b", "#3274d9", "#e08400", "#a352cc", "#e02f44", "#1f9e9e", "#8a6d3b", "#c15c9c", "#5f6b7a", "#94b600"]
LINE = 19
# What stands left of and below the plot; above and right of it there is room for half a mark.
LEFT, BELOW, ABOVE, RIGHT = 66, 22, 14, 14


def width_of(text, each=6.7):
    """About; nothing here knows the letters of a font."""
    return len(text) * each


class Span:
    """What is looked at, and where it lies on the paper."""

    def __init__(self, start, end, step, left, right):
        self.start, self.end, self.step, self.left, self.right = start, end, step, left, right

    def x(self, at):
        return self.left + (self.right - self.left) * (at - self.start) / (self.end - self.start)

    def axis(self, top, bottom):
        """A mark at each whole minute, or at some of them."""
        every = next(s for s in (60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400) if (self.end - self.start) / s <= 11)
        for at in range(int(-(-self.start // every) * every), int(self.end) + 1, every):
            x, label = self.x(at), time.strftime("%H:%M", time.gmtime(at))
            yield f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/><text class="mark" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'


def legend(names, width, most=3):
    """Names with their colours in rows, and how many rows; what finds no room is counted."""
    rows, used = [[]], 0
    for name, color in names:
        one = width_of(name) + 34
        if used + one > width - (90 if len(rows) == most else 0) and rows[-1]:
            if len(rows) == most:
                left = len(names) - sum(len(row) for row in rows)
                rows[-1].append((f"and {left} more", "none"))
                break
            rows.append([])
            used = 0
        rows[-1].append((name, color))
        used += one
    return [row for row in rows if row]


def drawn_legend(rows, top, left):
    for n, row in enumerate(rows):
        x, y = left, top + n * LINE
        for name, color in row:
            yield f'<rect x="{x:.0f}" y="{y - 5}" width="14" height="4" rx="2" fill="{color}"/><text class="name" x="{x + 20:.0f}" y="{y}">{escape(name)}</text>'
            x += width_of(name) + 34


def pieces(points, step):
    """A line is broken where there is nothing."""
    piece = []
    for at, value in points:
        if piece and at - piece[-1][0] > 1.5 * step:
            yield piece
            piece = []
        piece.append((at, value))
    if piece:
        yield piece


def lines(series, y, span, custom):
    bottom = y(0)
    for (_, points), color in series:
        for piece in pieces(points, span.step):
            path = " ".join(f"{span.x(at):.1f} {y(value):.1f}" for at, value in piece)
            if len(piece) == 1:
                yield f'<circle cx="{span.x(piece[0][0]):.1f}" cy="{y(piece[0][1]):.1f}" r="2.5" fill="{color}"/>'
                continue
            yield (f'<path d="M{span.x(piece[0][0]):.1f} {bottom:.1f}L{path}V{bottom:.1f}Z" fill="{color}" opacity="{custom["fillOpacity"] / 100}"/>'
                   f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="{custom["lineWidth"] + 0.5}" stroke-linejoin="round"/>')


def bars(series, y, span, custom):
    below = {}
    wide = max(1.5, (span.x(span.start + span.step) - span.x(span.start)) * 0.8)
    for (_, points), color in series:
        for at, value in points:
            if value > 0:
                low = below.get(at, 0)
                below[at] = low + value
                yield (f'<rect x="{span.x(at) - wide / 2:.1f}" y="{y(low + value):.1f}" width="{wide:.1f}" height="{y(low) - y(low + value):.1f}" '
                       f'fill="{color}" opacity="{custom["fillOpacity"] / 100}"/>')


def timeseries(panel, series, start, end, step, width, height):
    """Series as the panel wants them: lines, or bars upon each other."""
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit = defaults["custom"], defaults["unit"]
    stacked = custom["stacking"]["mode"] == "normal"
    named = [((name, points), COLORS[n % len(COLORS)]) for n, (name, points) in enumerate(series)]
    rows = legend([(name, color) for (name, _), color in named], width - 16)
    bottom = height - BELOW - LINE * len(rows) - 4
    sums = {}
    for (_, points), _ in named:
        for at, value in points:
            sums[at] = sums.get(at, 0) + value if stacked else max(sums.get(at, 0), value)
    scale = marks(max(sums.values(), default=0), unit)
    span = Span(start, end, step, LEFT, width - RIGHT)

    def y(value):
        return bottom - (bottom - ABOVE) * value / scale[-1]
    parts = [f'<path class="grid" d="M{LEFT} {y(mark):.1f}H{width - RIGHT}"/><text class="mark" x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">'
             f'{written(mark, unit, exact=False)}</text>' for mark in scale]
    parts += span.axis(ABOVE, bottom)
    parts += (bars if custom["drawStyle"] == "bars" else lines)(named, y, span, custom)
    parts += drawn_legend(rows, bottom + BELOW + LINE, 8)
    return svg(parts, width, height)


def stretches(points, step):
    """From when to when a value stood, and which."""
    for piece in pieces(points, step):
        begun, stood = piece[0]
        for at, value in piece[1:]:
            if value != stood:
                yield begun, at, stood
                begun, stood = at, value
        yield begun, piece[-1][0] + step, stood


def states(panel, series, start, end, step, width, height, color_of):
    """A bar for each series, of another colour for each value."""
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    rows = legend([(one["text"], color_of(one["color"])) for one in options.values()], width - 16)
    left = 14 + max((width_of(name) for name, _ in series), default=0)
    bottom = height - BELOW - LINE * len(rows) - 4
    span = Span(start, end, step, left, width - RIGHT)
    parts, each = list(span.axis(ABOVE, bottom)), (bottom - ABOVE) / max(1, len(series))
    high = min(each * 0.9, 46)
    for n, (name, points) in enumerate(series):
        middle = ABOVE + each * (n + 0.5)
        parts.append(f'<text class="name" x="{left - 8:.0f}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for begun, until, value in stretches(points, step):
            known = options.get(str(int(value)))
            x = span.x(begun)
            parts.append(f'<rect x="{x:.1f}" y="{middle - high / 2:.1f}" width="{span.x(min(until, end)) - x:.1f}" height="{high:.1f}" '
                         f'fill="{color_of(known["color"] if known else "text")}" opacity="0.75"/>')
    parts += drawn_legend(rows, bottom + BELOW + LINE, 8)
    return svg(parts, width, height)


def svg(parts, width, height):
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(parts)}</svg>'
