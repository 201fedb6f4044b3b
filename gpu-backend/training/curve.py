#!/usr/bin/python3
"""
Draws the training log as a picture: loss of each task and the held-out bounds against minutes.

    curve.py LOG.jsonl PICTURE.svg
"""

import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 860, 460
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 34, 44
SMOOTHING = 0.8  # weight of the past in the running mean of a training loss
COLOURS = ["#1f77b4", "#2ca02c", "#d62728", "#9467bd", "#e377c2", "#8c564b", "#111111", "#ff7f0e"]
TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]


def read_series(path):
    """Returns {name: [(minutes, nats)]}: training losses as running means, held-out figures as they are."""
    series = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry["event"] not in ("train", "held_out"):
            continue
        for task, value in entry["loss"].items():
            points = series.setdefault(task if entry["event"] == "train" else f"{task}, held out", [])
            if points and entry["event"] == "train":
                value = SMOOTHING * points[-1][1] + (1 - SMOOTHING) * value
            points.append((entry["minutes"], value))
    return series


def draw(series):
    """Returns the SVG text; the loss axis is logarithmic. Without a point, an empty picture."""
    if not series:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"></svg>\n'
    end = max(points[-1][0] for points in series.values())
    values = [value for points in series.values() for _, value in points]
    low, high = math.log(max(min(values), 0.005)), math.log(max(values))

    def place(minutes, value):
        x = LEFT + minutes / end * (WIDTH - LEFT - RIGHT)
        y = TOP + (high - max(math.log(max(value, 1e-9)), low)) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        '  font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Training loss and held-out bound, nats per token (log scale)</text>',
    ]
    for tick in TICKS:
        if low <= math.log(tick) <= high:
            x, y = place(0, tick).split(",")
            parts.append(f'<path d="M{x},{y}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    step = max(1, round(end / 8 / 5) * 5)
    for minutes in range(0, int(end) + 1, step):
        x = place(minutes, 1).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{minutes}</text>')
    middle = (LEFT + WIDTH - RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">minutes of training</text>')
    for index, (name, points) in enumerate(series.items()):
        colour, is_held_out = COLOURS[index % len(COLOURS)], "held out" in name
        line = " ".join(place(*point) for point in points)
        width = 2.5 if is_held_out else 1.3
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        y = TOP + 12 + index * 20
        parts.append(f'<path d="M{WIDTH - RIGHT + 12},{y - 4}h22" stroke="{colour}" stroke-width="{width}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 40}" y="{y}">{name.replace("_", " ")}</text>')
    return "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(draw(read_series(Path(sys.argv[1]))))
