"""Cost against size on two logarithmic axes, as a small SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

Points = Mapping[int, float]
COLOURS = ("#0b62c4", "#b3530a", "#7a3fa0", "#3c7d22")
WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 180, 40, 50


def svg(title: str, unit: str, lines: Mapping[str, Points]) -> str:
    """Return a plot; each line is named at its last point, so that there is no legend to look up."""
    lines = {name: points for name, points in lines.items() if points}
    sizes = [math.log10(size) for points in lines.values() for size in points]
    costs = [math.log10(cost) for points in lines.values() for cost in points.values()]
    x0, x1 = math.floor(min(sizes)), math.ceil(max(sizes))
    y0, y1 = math.floor(min(costs)), math.ceil(max(costs))

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)

    def y(cost: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(cost) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    def body() -> Iterator[str]:
        yield f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>'
        for power in range(x0, x1 + 1):
            yield _rule(x(10**power), TOP, x(10**power), HEIGHT - BOTTOM)
            label = f"{10**power:,}".replace(",", " ")
            yield f'<text x="{x(10**power):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>'
        for power in range(y0, y1 + 1):
            yield _rule(LEFT, y(10**power), WIDTH - RIGHT, y(10**power))
            yield f'<text x="{LEFT - 8}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:g} {unit}</text>'
        yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">buckets</text>'
        for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
            path = " ".join(f"{x(size):.1f},{y(cost):.1f}" for size, cost in sorted(points.items()))
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for size, cost in points.items():
                yield f'<circle cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3.5" fill="{colour}"/>'
            size, cost = max(points.items())
            yield f'<text x="{x(size) + 9:.1f}" y="{y(cost) + 4:.1f}" fill="{colour}">{escape(name)}</text>'

    look = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {look}>'
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *body(), "</svg>\n"))


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'
