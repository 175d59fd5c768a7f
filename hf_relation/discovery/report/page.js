// Texts of the corpus reach the page as text nodes only, never as HTML and never through plotly.
(function () {
  "use strict";
  const content = JSON.parse(document.getElementById("content").textContent);
  const relations = new Map(content.relations.map((relation) => [relation.id, relation]));
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const color = (number) => (number === null || number === undefined ? css("--rest") : css("--c" + number));
  const narrow = () => matchMedia("(max-width: 860px)").matches;
  let chosen = null;

  function make(tag, options, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(options || {})) {
      if (key === "class") element.className = value;
      else if (key === "click") element.addEventListener("click", value);
      else element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // ---- marks: the same colours and shapes as on the map
  const SHAPES = {
    "circle": '<circle cx="5.5" cy="5.5" r="4.6"/>',
    "triangle-up": '<path d="M5.5 .8 10.6 10H.4z"/>',
    "square": '<path d="M1.2 1.2h8.6v8.6H1.2z"/>',
    "diamond": '<path d="M5.5 .2 10.8 5.5 5.5 10.8.2 5.5z"/>',
    "x": '<path d="M2.7.4 5.5 3.2 8.3.4 10.6 2.7 7.8 5.5l2.8 2.8-2.3 2.3-2.8-2.8-2.8 2.8L.4 8.3 3.2 5.5.4 2.7z"/>',
    "triangle-down": '<path d="M5.5 10.2.4 1h10.2z"/>',
  };
  function fillMark(element) {
    const number = element.dataset.color;
    element.innerHTML = '<svg width="11" height="11" viewBox="0 0 11 11" aria-hidden="true">' + SHAPES[element.dataset.symbol] + "</svg>";
    element.firstChild.style.fill = number === "" ? "var(--rest)" : "var(--c" + number + ")";
    return element;
  }
  const mark = (relation) =>
    fillMark(make("span", { class: "mark", "data-color": relation.color, "data-symbol": relation.symbol }));
  document.querySelectorAll(".mark").forEach(fillMark);

  // ---- texts
  const CLASSES = [null, "h", "t", "b"];
  const TITLES = [null, "head", "tail", "head and tail"];
  function marked(pieces) {
    const line = make("span", { dir: "auto" });
    for (const [text, part] of pieces) {
      line.append(part ? make("mark", { class: CLASSES[part], title: TITLES[part] }, text) : text);
    }
    return line;
  }
  const percent = (share) => Math.round(100 * share) + " %";
  const number = (value) => value.toLocaleString("en-US");

  function examples(title, items) {
    if (!items.length) return [];
    const list = make("ul", { class: "examples" });
    for (const item of items) {
      const text = item.pieces ? marked(item.pieces) : make("bdi", null, item.id);
      list.append(make("li", item.pieces ? { title: item.id } : null, text, " ", make("small", null, "score " + item.score.toFixed(2))));
    }
    return [make("h4", null, title), list];
  }

  function inverse(relation) {
    if (relation.inverse === relation.id) return "itself: it looks symmetric";
    const other = relations.get(relation.inverse);
    return make("button", { type: "button", click: () => choose(other.id, true) }, make("bdi", null, other ? other.name : ""));
  }

  function showDetails(relation) {
    const facts = make("dl", { class: "facts" });
    const fact = (name, value) => facts.append(make("dt", null, name), make("dd", null, value));
    fact("Instances", number(relation.count) + (relation.size === relation.count ? "" : " here, " + number(relation.size) + " in the fitted corpus"));
    fact("Cohesion", relation.cohesion.toFixed(2));
    if (relation.score !== null) fact("Mean score", relation.score.toFixed(2));
    if (relation.types !== null) fact("Types", relation.types + " (" + percent(relation.types_share) + ")");
    if (relation.inverse !== null && (relation.inverse === relation.id || relations.has(relation.inverse))) fact("Inverse", inverse(relation));
    fact("Kind", relation.kind);
    const namers = { text: "the texts", user: "you", known: "the known relation", inventory: "an inventory of relations", model: "a language model" };
    fact("Named after", namers[relation.named_by] || relation.named_by);
    fact("Id", String(relation.id));
    const parts = [make("h3", { tabindex: "-1", id: "details-title" }, make("bdi", null, relation.name))];
    if (relation.description) parts.push(make("p", { class: "note", dir: "auto" }, relation.description));
    parts.push(facts);
    if (relation.keywords.length) {
      parts.push(make("h4", null, "Keywords"), make("ul", { class: "words" }, ...relation.keywords.map((word) => make("li", { dir: "auto" }, word))));
    }
    if (relation.patterns.length) {
      const body = make("tbody");
      for (const item of relation.patterns) {
        body.append(make("tr", null, make("td", null, make("bdi", null, item.pattern)), make("td", null, percent(item.coverage) + " of instances")));
      }
      parts.push(make("h4", null, "Patterns (X is the head, Y the tail)"), make("table", { class: "patterns" }, body));
    }
    const shown = examples("Nearest to the centre", relation.examples);
    if (relation.examples.some((item) => item.pieces)) {
      shown.splice(1, 0, make("p", { class: "key" }, make("mark", { class: "h" }, "head"), " ", make("mark", { class: "t" }, "tail")));
    }
    parts.push(...shown, ...examples("Least certain", relation.uncertain));
    const details = at("details");
    details.replaceChildren(...parts);
    details.scrollTop = 0;
  }

  // ---- table
  const body = document.querySelector("#table tbody");
  const rows = [...body.rows];
  const haystack = new Map(rows.map((row) => {
    const relation = relations.get(Number(row.dataset.id));
    const words = [relation.name, relation.types || "", relation.kind, relation.description || "", ...relation.keywords, ...relation.patterns.map((item) => item.pattern)];
    return [row, words.join("\n").toLocaleLowerCase()];
  }));
  function filter() {
    const words = at("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = words.every((word) => haystack.get(row).includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    at("shown").textContent = words.length ? shown + " of " + rows.length + " relations" : rows.length + " relations; choose one to see its examples";
  }
  at("search").addEventListener("input", filter);
  document.querySelectorAll("th[aria-sort] button").forEach((button) => {
    button.addEventListener("click", () => {
      const header = button.parentElement;
      const before = header.getAttribute("aria-sort");
      const text = ["name", "types", "kind"].includes(button.dataset.key);
      const up = before === "none" ? text : before === "descending";
      document.querySelectorAll("th[aria-sort]").forEach((other) => other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => relations.get(Number(row.dataset.id))[button.dataset.key];
      const order = (a, b) => (text ? String(value(a) || "").localeCompare(String(value(b) || "")) : value(a) - value(b));
      rows.sort((a, b) => (up ? 1 : -1) * order(a, b) || a.dataset.id - b.dataset.id);
      body.append(...rows);
    });
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row || String(getSelection())) return;
    choose(Number(row.dataset.id), false);
    if (narrow()) at("details").scrollIntoView({ block: "start" });
  });

  function choose(id, reveal) {
    chosen = id;
    for (const row of rows) {
      const same = Number(row.dataset.id) === id;
      row.classList.toggle("chosen", same);
      row.querySelector(".name").setAttribute("aria-pressed", String(same));
      if (same && reveal) row.scrollIntoView({ block: "nearest" });
    }
    showDetails(relations.get(id));
    if (reveal) at("details-title").focus({ preventScroll: true });
    paintMap();
  }

  // ---- figures
  const webgl = Boolean(document.createElement("canvas").getContext("webgl"));
  if (!webgl && at("nogl")) at("nogl").hidden = false;
  // The buttons are named one by one: others of plotly's would send the figure to a server.
  const CONFIG = {
    displaylogo: false, responsive: true, displayModeBar: true, showSendToCloud: false, plotlyServerURL: "", showLink: false,
    modeBarButtons: [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const drawn = {};
  function themed(name) {
    const figure = structuredClone(content.figures[name]);
    const layout = figure.layout;
    const ink = css("--ink"), soft = css("--soft"), grid = css("--grid");
    Object.assign(layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: soft },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: css("--accent") },
    });
    const bare = name === "map" || name === "graph";
    layout.margin = bare ? { l: 4, r: 4, t: 34, b: 4 } : name === "dendrogram" ? { l: 12, r: 18, t: 10, b: 48 } : { l: 62, r: 18, t: 14, b: 48 };
    for (const key of ["xaxis", "yaxis"]) {
      layout[key] = Object.assign({ gridcolor: grid, linecolor: css("--line"), zerolinecolor: grid, automargin: !bare && key === "yaxis" }, layout[key]);
    }
    if (name === "dendrogram") layout.yaxis.tickfont = { color: ink, size: narrow() ? 11 : 13 };
    for (const shape of layout.shapes || []) shape.fillcolor = css("--chosen");
    for (const trace of figure.data) {
      const meta = trace.meta || {};
      const own = color(meta.color);
      if (name === "dendrogram" && trace.mode === "lines") trace.line.color = soft;
      else if (trace.line) trace.line.color = own;
      if (trace.marker || trace.type === "bar") {
        trace.marker = Object.assign({}, trace.marker, { color: meta.colors ? meta.colors.map(color) : own });
      }
      if (trace.mode && trace.mode.includes("text")) trace.textfont = { color: ink, size: name === "graph" ? 12 : 13 };
      if (meta.nodes && narrow()) trace.text = trace.text.map((text, i) => (trace.marker.size[i] > 9 ? text : ""));
      if (meta.nodes) trace.marker = Object.assign({}, trace.marker, { color: css("--card"), line: { color: soft, width: 1.5 } });
      if (name === "graph" && meta.relation !== undefined && trace.mode === "lines") trace.opacity = 0.65;
      if (name === "map") {
        if (!webgl) trace.type = "scatter";
        trace.marker.line = { width: 0 };
        trace.marker.opacity = chosen === null ? 0.75 : meta.relation === chosen ? 0.95 : 0.12;
        if (chosen !== null && meta.relation !== chosen) trace.marker.color = css("--rest");
      }
    }
    if (name === "map" && chosen !== null) figure.data.sort((a, b) => (a.meta.relation === chosen) - (b.meta.relation === chosen));
    return figure;
  }
  function draw(name) {
    const box = at("plot-" + name);
    if (!box) return;
    const figure = themed(name);
    const wheel = name === "map" || name === "graph";
    const config = Object.assign({ scrollZoom: wheel }, CONFIG, wheel ? {} : { displayModeBar: false });
    if (!wheel) figure.layout.dragmode = false;
    if (drawn[name]) {
      for (const key of ["xaxis", "yaxis"]) {
        const range = box.layout && box.layout[key] && box.layout[key].range;
        if (wheel && range) figure.layout[key].range = [...range];
      }
    }
    Plotly.react(box, figure.data, figure.layout, config);
    if (!drawn[name]) listen(name, box);
    drawn[name] = true;
  }
  function listen(name, box) {
    if (name === "map") {
      box.on("plotly_hover", (event) => readPoint(event.points[0]));
      box.on("plotly_click", (event) => {
        readPoint(event.points[0]);
        const id = event.points[0].data.meta.relation;
        if (id >= 0) choose(id, false);
      });
    } else if (name === "graph") {
      const read = (event) => readGraph(event.points[0]);
      box.on("plotly_hover", read);
      box.on("plotly_click", read);
    } else if (name === "dendrogram") {
      box.on("plotly_click", (event) => {
        choose(event.points[0].customdata, false);
        at("relations").scrollIntoView();
      });
    }
  }
  function readPoint(point) {
    const relation = relations.get(point.data.meta.relation);
    const name = relation ? relation.name : "left out";
    at("reading").replaceChildren(relation ? mark(relation) : "", " ", make("b", null, make("bdi", null, name)), make("br"), marked(content.points[point.customdata]));
  }
  function readGraph(point) {
    const meta = point.data.meta;
    if (meta.nodes) {
      const lines = content.edges.filter((edge) => edge[0] === point.customdata || edge[1] === point.customdata).map(triple);
      const more = lines.length > 6 ? [" and " + (lines.length - 6) + " more"] : [];
      at("edge").replaceChildren(make("b", null, make("bdi", null, content.entities[point.customdata])), ": ", ...lines.slice(0, 6).flatMap((line, i) => (i ? ["; ", line] : [line])), ...more);
    } else if (meta.edges) {
      at("edge").replaceChildren(triple(content.edges[point.customdata]));
    }
  }
  function triple([head, tail, id, count]) {
    return make("span", null,
      make("mark", { class: "h" }, make("bdi", null, content.entities[head])), " ",
      make("b", null, make("bdi", null, relations.get(id).name)), " ",
      make("mark", { class: "t" }, make("bdi", null, content.entities[tail])), count > 1 ? " (" + number(count) + " instances)" : "");
  }
  function paintMap() {
    document.querySelectorAll("#chips button").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.id) === chosen)));
    if (at("all")) at("all").hidden = chosen === null;
    if (drawn.map) draw("map");
  }
  if (at("chips")) {
    for (const relation of content.relations) {
      const button = make("button", { type: "button", "aria-pressed": "false", "data-id": relation.id, click: () => choose(relation.id, false) }, mark(relation), make("bdi", null, relation.name));
      at("chips").append(button);
    }
  }
  if (at("all")) {
    at("all").addEventListener("click", () => {
      chosen = null;
      rows.forEach((row) => { row.classList.remove("chosen"); row.querySelector(".name").setAttribute("aria-pressed", "false"); });
      at("details").replaceChildren(make("p", { class: "note" }, "Choose a relation to see its examples."));
      paintMap();
    });
  }

  // ---- theme
  function paintTheme() {
    const dark = root.dataset.theme === "dark";
    at("theme").textContent = dark ? "Light page" : "Dark page";
    for (const name of Object.keys(drawn)) draw(name);
  }
  at("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("hf-relation-theme", root.dataset.theme); } catch (error) { /* not kept */ }
    paintTheme();
  });

  paintTheme();
  filter();
  if (content.relations.length) showDetails(content.relations[0]); // the map shows all relations until one is chosen
  for (const name of Object.keys(content.figures)) draw(name);
  root.dataset.ready = "true";
})();
