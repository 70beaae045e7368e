"""Accessibility, as axe-core finds it."""

from typing import Any

from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()

# axe reads colours as computed; Chromium gives modern ones (oklch, color-mix) back as they
# were written, which this axe can't read: they are told to it in sRGB.
_SRGB = """() => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const srgb = (text) => {
    if (!/^(oklch|oklab|color|lab|lch)\\(/.test(text)) return text;
    if (!known.has(text)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = text;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      known.set(text, `rgba(${r}, ${g}, ${b}, ${a / 255})`);
    }
    return known.get(text);
  };
  const original = window.getComputedStyle.bind(window);
  window.getComputedStyle = (...args) => new Proxy(original(...args), {
    get(style, name) {
      if (name === "getPropertyValue") return (key) => srgb(style.getPropertyValue(key));
      const value = style[name];
      return typeof value === "string" ? srgb(value) : value;
    },
  });
}"""


def violations(page: Page) -> list[str]:
    """What is serious or critical, with where it is."""
    page.evaluate(_SRGB)
    result: dict[str, Any] = _AXE.run(page)
    return [
        f"{rule['id']} {node['target']}: {node['failureSummary']}"
        for rule in result["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
