"""Charts as SVG, by hand: bars, and lines on linear or logarithmic axes. Readable on white and on dark pages."""
import math
from html import escape

COLOURS = ["#2f6fde", "#d9822b", "#2e9e6b", "#c2455f", "#7d5fc4", "#6b7785"]
WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 56, 62


def svg(title, body, height=HEIGHT):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">\n'
            '<rect width="100%%" height="100%%" fill="#ffffff"/>\n'
            '<text x="%d" y="24" font-size="16" font-weight="600" fill="#1b2430">%s</text>\n%s\n</svg>\n'
            % (WIDTH, height, LEFT - 50, escape(title), "\n".join(body)))


def text(x, y, words, anchor="middle", fill="#3c4654", extra=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" %s>%s</text>' % (x, y, anchor, fill, extra, escape(str(words)))


def short(value):
    if value == 0:
        return "0"
    if abs(value) >= 1e6:
        return "%g M" % (value / 1e6)
    if abs(value) >= 1e4:
        return "%g k" % (value / 1e3)
    return "%g" % value if value >= 100 else "%.3g" % value


def steps(top):
    size = 10 ** math.floor(math.log10(top)) if top > 0 else 1
    for unit in (size / 5, size / 2, size, size * 2):
        if top / unit <= 6:
            return [unit * i for i in range(int(top / unit) + 2)]
    return [0, top]


def bars(title, unit, items):
    """items: (label, value, low, high, colour index)."""
    row, body = 30, []
    height = TOP + row * len(items) + 40
    top = max(max(item[3], item[1]) for item in items) or 1
    name_width = 230
    scale = (WIDTH - LEFT - name_width - 60) / top
    body.append(text(LEFT - 50, 44, unit, "start", "#6b7785"))
    for i, (label, value, low, high, colour) in enumerate(items):
        y = TOP + row * i
        x = LEFT - 50 + name_width
        body.append(text(x - 8, y + 18, label, "end"))
        body.append('<rect x="%.1f" y="%.1f" width="%.1f" height="20" rx="2" fill="%s"/>' % (x, y + 4, value * scale, COLOURS[colour % 6]))
        if high > low:
            body.append('<path d="M%.1f %.1fH%.1f" stroke="#1b2430" stroke-width="1.5"/>' % (x + low * scale, y + 14, x + high * scale))
        body.append(text(x + max(value, high) * scale + 6, y + 18, "%.3g" % value, "start"))
    return svg(title, body, height)


class Axis:
    def __init__(self, low, high, start, end, log):
        self.log, self.start, self.end = log, start, end
        self.low, self.high = (math.log10(low), math.log10(high)) if log else (low, high)

    def __call__(self, value):
        value = math.log10(value) if self.log else value
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)

    def marks(self):
        if self.log:
            return [10 ** e for e in range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)]
        return [m for m in steps(self.high) if m <= self.high * 1.001]


def lines(title, x_name, y_name, series, log_x=False, log_y=False):
    """series: (label, points, dashed)."""
    xs = [x for _, points, _ in series for x, _ in points]
    ys = [y for _, points, _ in series for _, y in points if y > 0 or not log_y]
    x_axis = Axis(min(xs) if log_x else 0, max(xs), LEFT, WIDTH - RIGHT - 170, log_x)
    y_low = 10 ** math.floor(math.log10(min(ys))) if log_y else 0
    y_high = 10 ** math.ceil(math.log10(max(ys))) if log_y else (steps(max(ys))[-1] or 1)
    y_axis = Axis(y_low, y_high, HEIGHT - BOTTOM, TOP, log_y)
    body = []
    for mark in y_axis.marks():
        y = y_axis(mark)
        body.append('<path d="M%d %.1fH%d" stroke="#dfe4ea"/>' % (LEFT, y, WIDTH - RIGHT - 170))
        body.append(text(LEFT - 8, y + 4, short(mark), "end"))
    for mark in sorted(set(xs)) if log_x and len(set(xs)) < 8 else x_axis.marks():
        body.append(text(x_axis(mark), HEIGHT - BOTTOM + 20, short(mark)))
    body.append(text((LEFT + WIDTH - RIGHT - 170) / 2, HEIGHT - 14, x_name))
    body.append(text(LEFT - 50, 44, y_name, "start", "#6b7785"))
    for i, (label, points, dashed) in enumerate(series):
        colour = COLOURS[i % 6]
        path = " ".join("%s%.1f %.1f" % ("L" if j else "M", x_axis(x), y_axis(y)) for j, (x, y) in enumerate(points))
        body.append('<path d="%s" fill="none" stroke="%s" stroke-width="2"%s/>' % (path, colour, ' stroke-dasharray="6 4"' if dashed else ""))
        if not dashed:
            body += ['<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (x_axis(x), y_axis(y), colour) for x, y in points]
        y = TOP + 10 + 20 * i
        body.append('<rect x="%d" y="%d" width="12" height="12" rx="2" fill="%s"/>' % (WIDTH - RIGHT - 160, y, colour))
        body.append(text(WIDTH - RIGHT - 142, y + 11, label, "start"))
    return svg(title, body)
