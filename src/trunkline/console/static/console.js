// Draws the charts that pages describe as JSON beside an element with data-chart, again after
// htmx has swapped something in, and in the colours of the theme.
"use strict";

(() => {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--tblr-${name}`).trim();
  const look = {
    series: ["primary", "teal", "orange", "purple", "red"].map(colour),
    text: colour("body-color"),
    quiet: colour("secondary"),
    line: colour("border-color"),
    surface: colour("bg-surface"),
  };

  const each = (value, change) => (Array.isArray(value) ? value.map(change) : value && change(value));

  const axis = (option) => Object.assign({}, option, {
    axisLabel: Object.assign({ color: look.quiet, fontSize: 11 }, option.axisLabel),
    axisLine: { lineStyle: { color: look.line } },
    splitLine: { show: option.type === "value", lineStyle: { color: look.line } },
  });

  const title = (option) => Object.assign({}, option, {
    textStyle: { color: look.quiet, fontSize: 12, fontWeight: 500 },
  });

  function draw(element) {
    const description = document.getElementById(element.dataset.chart);
    if (!description || !window.echarts) return;
    const option = JSON.parse(description.textContent);
    const chart = echarts.getInstanceByDom(element)
      || echarts.init(element, null, { renderer: "svg" });
    chart.setOption(Object.assign({
      animation: false,
      backgroundColor: "transparent",
      color: look.series,
      grid: { left: 4, right: 4, top: 12, bottom: 4, outerBoundsMode: "same" },
      textStyle: { color: look.text, fontFamily: getComputedStyle(element).fontFamily },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "shadow" },
        backgroundColor: look.surface,
        borderColor: look.line,
        textStyle: { color: look.text },
      },
    }, option, {
      title: each(option.title, title),
      xAxis: each(option.xAxis, axis),
      yAxis: each(option.yAxis, axis),
    }));
  }

  const drawAll = (root) => root.querySelectorAll("[data-chart]").forEach(draw);

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
  window.addEventListener("resize", () => {
    document.querySelectorAll("[data-chart]").forEach((element) => {
      const chart = window.echarts && echarts.getInstanceByDom(element);
      if (chart) chart.resize();
    });
  });
})();
