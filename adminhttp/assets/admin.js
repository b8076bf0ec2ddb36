// The page works without this script. The script updates the figures while the page is visible.
(() => {
  "use strict";
  const interval = 2000; // ms between two updates
  const state = document.getElementById("state");
  const text = state.querySelector("p");
  let shape = document.body.dataset.shape;
  let refreshed = Date.now(); // when the parts of the page were loaded
  let updated = new Date(); // when the figures were loaded
  let timer = 0;

  // These functions format as the server does.
  const number = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
  const rate = (r) => (r <= 0 ? "0" : r < 0.1 ? "<0.1" : r < 9.95 ? r.toFixed(1) : number(r));
  const width = (r) => (r <= 0 ? 0 : Math.min(Math.max(Math.ceil(Math.log10(r)), 0), 4) + 1);
  const set = (element, value) => {
    if (element && element.textContent !== value) element.textContent = value;
  };
  const find = (name) => document.querySelector(`[data-n="${name}"]`);
  const all = (selector) => document.querySelectorAll(selector);

  // Screen readers announce the text of the state when it changes, so showState writes it only then.
  function showState(level, sentence) {
    set(text, sentence);
    if (state.className !== "state " + level) {
      state.className = "state " + level;
      state.querySelector("use").setAttribute("href", "#i-" + level);
    }
  }

  function showTotals(live) {
    const totals = { ...live.totals, sent: live.totals.delivered + live.totals.stored };
    for (const [name, n] of Object.entries(totals)) {
      for (const element of all(`.figures [data-n="${name}"]`)) set(element, number(n));
    }
    set(find("delivered-rate"), rate(live.rates.delivered));
    const bar = document.getElementById("bar");
    if (bar) {
      const b = live.buffer;
      const full = Math.max(b.max_messages ? b.messages / b.max_messages : 0, b.max_bytes ? b.bytes / b.max_bytes : 0);
      const percent = String(Math.ceil(Math.min(full, 1) * 100));
      bar.setAttribute("width", percent);
      set(find("buffer"), percent + " %");
      set(find("buffer-messages"), number(b.messages));
    }
  }

  // A change between these two states does not change the shape, so showRoutes and showRow show it.
  const moving = (s) => s === "delivering" || s === "idle";

  function showRoutes(live) {
    const routes = new Map(live.routes.map((r) => [r.key, r]));
    for (const line of all("[data-l]")) {
      const r = routes.get(line.dataset.l);
      if (r) line.setAttribute("class", r.state + " w" + width(r.rate || 0));
    }
    for (const table of all("table.routes")) {
      const columns = [...table.rows[0].cells].map((cell) => cell.dataset.n);
      for (const row of table.tBodies[0].rows) {
        const r = routes.get(keyOf(row.querySelector("a")));
        if (r) showRow(row, r, columns);
      }
    }
    for (const cell of all(".map .delivering, .map .idle")) {
      const link = cell.querySelector("a");
      if (!link) continue; // a line of the map
      let sum = 0;
      for (const key of (cell.dataset.s || keyOf(link)).split(" ")) sum += (routes.get(key) || {}).rate || 0;
      cell.className = sum > 0 ? "delivering" : "idle";
      set(cell.querySelector(".f"), sum > 0 ? rate(sum) + "/s" : "idle");
    }
  }

  const keyOf = (link) => new URLSearchParams(link.search).get("key") || "";

  function showRow(row, r, columns) {
    columns.forEach((name, i) => {
      const cell = row.cells[i];
      if (name === "rate") set(cell, rate(r.rate || 0));
      else if (name === "state" && moving(r.state)) {
        cell.className = "st " + r.state;
        set(cell, r.state);
      } else if (name && name !== "state") set(cell, number(r[name] || 0));
    });
  }

  // refresh loads the page again and replaces the parts that have a data-fresh attribute. These have no input fields.
  async function refresh() {
    const response = await fetch(location.href);
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of all("[data-fresh]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || part.contains(document.activeElement) || holdsSelection(part)) continue;
      for (const open of part.querySelectorAll("details[open][id]")) {
        const copy = fresh.querySelector("#" + open.id);
        if (copy) copy.open = true;
      }
      const scrolled = [...part.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
      part.replaceChildren(...fresh.childNodes);
      part.querySelectorAll(".scroll").forEach((s, i) => (s.scrollLeft = scrolled[i] || 0));
    }
    const [nav, freshNav] = [document.querySelector("nav"), page.querySelector("nav")];
    if (freshNav && !nav.contains(document.activeElement)) nav.replaceWith(freshNav);
    shape = page.body.dataset.shape;
    refreshed = Date.now();
  }

  function holdsSelection(part) {
    const selection = getSelection();
    return selection.rangeCount > 0 && !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(part);
  }

  // due reports whether a part of the page is older than the seconds of its data-fresh attribute.
  function due() {
    const seconds = [...all("[data-fresh]")].map((part) => Number(part.dataset.fresh));
    return seconds.length > 0 && Date.now() - refreshed >= Math.min(...seconds) * 1000;
  }

  async function update() {
    try {
      const response = await fetch("api/v1/live");
      if (!response.ok) throw new Error(response.statusText);
      const live = await response.json();
      updated = new Date();
      if (live.shape !== shape || due()) await refresh();
      showState(live.state.level, live.state.text);
      showTotals(live);
      showRoutes(live);
      set(document.getElementById("at"), live.at.slice(11, 19) + " UTC");
    } catch {
      showState("trouble", `No response since ${updated.toISOString().slice(11, 19)} UTC. The figures are old.`);
    }
  }

  async function poll() {
    await update();
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    if (document.visibilityState === "visible") timer = setTimeout(poll, interval);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") timer = setTimeout(poll, 0);
  });
  schedule();
})();
