// Draws the charts that pages describe as JSON beside an element with data-chart, again after
// htmx has swapped something in, and in the colours of the theme.
"use strict";

const dark = document.documentElement.dataset.bsTheme === "dark";
const css = getComputedStyle(document.documentElement);
const colour = (name) => css.getPropertyValue(`--tblr-${name}`).trim();

function draw(element) {
  const description = document.getElementById(element.dataset.chart);
  if (!description || !window.echarts) return;
  const option = JSON.parse(description.textContent);
  const chart = echarts.getInstanceByDom(element) || echarts.init(element, null, { renderer: "svg" });
  chart.setOption(Object.assign({
    animation: false,
    backgroundColor: "transparent",
    color: ["primary", "teal", "orange", "purple", "red"].map(colour),
    grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true },
    textStyle: { color: dark ? "#c8d3e1" : "#3a4657", fontFamily: "inherit" },
    tooltip: { trigger: "axis" },
  }, option));
}

function drawAll(root) {
  root.querySelectorAll("[data-chart]").forEach(draw);
}

document.addEventListener("DOMContentLoaded", () => drawAll(document));
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
window.addEventListener("resize", () => {
  document.querySelectorAll("[data-chart]").forEach((element) => {
    const chart = window.echarts && echarts.getInstanceByDom(element);
    if (chart) chart.resize();
  });
});
