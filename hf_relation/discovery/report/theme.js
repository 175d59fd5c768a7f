(function () {
  "use strict";
  var stored = null;
  try { stored = localStorage.getItem("hf-relation-theme"); } catch (error) { /* no storage for files: follow the system */ }
  var dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
