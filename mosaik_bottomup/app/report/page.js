"use strict";
(() => {
  const NARROW_PX = 560;
  const PRINT_PX = 688; // A4 less its margins, at 96 px an inch
  const PRINT_HEIGHT_PX = 720; // leaves room for title, legend and caption
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const hidden = new Map(plots.map((plot) => [plot.dataset.figure, new Set()]));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)");

  const printing = () => root.classList.contains("printing");

  // A copy in which every name of a colour is replaced by the colour.
  const coloured = (value, style) => {
    if (typeof value === "string") {
      return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) {
      const plain = !value.some((each) => each && typeof each !== "number");
      return plain ? value : value.map((each) => coloured(each, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, coloured(each, style)]),
      );
    }
    return value;
  };

  const dressed = (layout, style, width, height) => {
    const narrow = width < NARROW_PX;
    const ink = style.getPropertyValue("--ink").trim();
    const muted = style.getPropertyValue("--muted").trim();
    const grid = style.getPropertyValue("--grid").trim();
    const raised = style.getPropertyValue("--raised").trim();
    const size = narrow ? 11 : 12;
    const result = coloured(layout, style);
    for (const [name, axis] of Object.entries(result)) {
      if (!/^[xy]axis\d*$/.test(name)) continue;
      Object.assign(axis, {
        gridcolor: grid,
        zerolinecolor: axis.zeroline ? muted : grid,
        zeroline: Boolean(axis.zeroline),
        linecolor: grid,
        tickfont: { color: muted, size },
        fixedrange: coarse.matches,
        automargin: false,
      });
      if (axis.title) {
        axis.title = { text: axis.title.text, standoff: 6, font: { color: ink, size } };
      }
      if (name.startsWith("x")) axis.nticks = narrow ? 6 : 12;
      if (name.startsWith("y")) axis.nticks = 6;
    }
    for (const note of result.annotations ?? []) {
      note.font = { size: size + 0.5, color: ink };
      note.yshift = 3;
    }
    const bar = result.colorbar_px ?? 0;
    delete result.colorbar_px;
    if (bar) {
      const { t, b } = result.margin;
      result.margin = { ...result.margin, b: b + bar };
      Object.assign(result.coloraxis.colorbar, {
        outlinecolor: grid, x: 0, xanchor: "left", xpad: 0, ypad: 0, lenmode: "pixels",
        len: Math.min(340, width - result.margin.l - result.margin.r - 4),
        y: -b / (height - t - b), yanchor: "top", tickfont: { color: muted, size },
      });
      result.coloraxis.colorbar.title.font = { size, color: ink };
    }
    return Object.assign(result, {
      width,
      height: height + bar,
      font: { family: getComputedStyle(document.body).fontFamily, size, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: raised, bordercolor: grid, font: { color: ink, size } },
      showlegend: false,
      dragmode: coarse.matches ? false : "zoom",
      uirevision: "kept",
    });
  };

  const draw = (plot, width) => {
    const name = plot.dataset.figure;
    const { traces, layout, height } = figures[name];
    const style = getComputedStyle(root);
    const off = hidden.get(name);
    const data = traces.map((trace) => ({
      ...coloured(trace, style),
      visible: !off.has(trace.legendgroup),
    }));
    const config = {
      displaylogo: false,
      displayModeBar: coarse.matches ? false : "hover",
      modeBarButtons: [["toImage", "resetScale2d"]],
      toImageButtonOptions: { format: "svg", filename: name },
      responsive: false,
      showTips: false,
    };
    const tall = printing() ? Math.min(height, PRINT_HEIGHT_PX) : height;
    return Plotly.react(plot, data, dressed(layout, style, width, tall), config);
  };

  const drawAll = (width) =>
    Promise.all(plots.map((plot) => draw(plot, width ?? plot.clientWidth)));

  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const { figure, group } = button.dataset;
      const show = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(show));
      hidden.get(figure)[show ? "delete" : "add"](group);
      const plot = document.getElementById(`plot-${figure}`);
      draw(plot, plot.clientWidth);
    });
  }

  let waiting = 0;
  let drawnWidth = 0;
  addEventListener("resize", () => {
    if (root.clientWidth === drawnWidth || printing()) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      drawnWidth = root.clientWidth;
      drawAll();
    }, 150);
  });
  dark.addEventListener("change", () => drawAll());

  // Paper is white and narrow, whatever the screen is.
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    drawAll(PRINT_PX);
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    drawAll();
  });

  (async () => {
    drawnWidth = root.clientWidth;
    for (const plot of plots) {
      await draw(plot, plot.clientWidth);
      // lets the page answer between two pictures
      await new Promise((next) => setTimeout(next));
    }
    root.dataset.drawn = "all";
  })();
})();
