"""Charts as ECharts takes them, in JSON; `console.js` gives them the colours of the theme."""

from collections.abc import Mapping, Sequence
from typing import Any

ROUND = {"borderRadius": [3, 3, 0, 0]}


def bars(names: Sequence[str], series: Mapping[str, Sequence[int]]) -> Mapping[str, Any]:
    """A bar for each name, of whole numbers."""
    return {
        "xAxis": {"type": "category", "data": list(names), "axisTick": {"show": False}},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {
                "type": "bar",
                "name": name,
                "data": list(values),
                "itemStyle": ROUND,
                "barMaxWidth": 28,
            }
            for name, values in series.items()
        ],
    }


def stacked_bars(
    names: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]
) -> Mapping[str, Any]:
    """One row of bars above the other, each with its own scale, over the same names. A row is
    its title, unit included, and its values."""
    share = 100 / len(rows)
    last = len(rows) - 1
    return {
        "grid": [
            {
                "top": f"{place * share + 8:.0f}%",
                "height": f"{share - 16:.0f}%",
                "left": 44,
                "right": 16,
                # Else only the last row, whose names are shown, would make room for them.
                "outerBoundsMode": "none",
            }
            for place in range(len(rows))
        ],
        "title": [
            {"text": title, "top": f"{place * share:.0f}%", "left": 0}
            for place, (title, _) in enumerate(rows)
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "xAxis": [
            {
                "type": "category",
                "gridIndex": place,
                "data": list(names),
                "axisTick": {"show": False},
                "axisLabel": {"show": place == last},
            }
            for place in range(len(rows))
        ],
        "yAxis": [
            {"type": "value", "gridIndex": place, "splitNumber": 2, "minInterval": 1}
            for place in range(len(rows))
        ],
        "series": [
            {
                "type": "bar",
                "name": title,
                "xAxisIndex": place,
                "yAxisIndex": place,
                "data": list(values),
                "itemStyle": ROUND,
                "barMaxWidth": 16,
            }
            for place, (title, values) in enumerate(rows)
        ],
    }
