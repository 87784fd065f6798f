(function () {
  "use strict";
  var cards = Array.prototype.slice.call(document.querySelectorAll(".card"));
  var buttons = Array.prototype.slice.call(document.querySelectorAll("[data-filter]"));
  var severity = document.getElementById("severity");
  var search = document.getElementById("search");
  var shown = document.getElementById("shown");
  var status = "all";

  function apply() {
    var words = search.value.trim().toLowerCase();
    var level = severity.value;
    var count = 0;
    cards.forEach(function (card) {
      var match = status === "all" || card.dataset.status === status;
      var own = card.dataset.words.indexOf(words) >= 0;
      var any = false;
      Array.prototype.forEach.call(card.querySelectorAll(".finding"), function (item) {
        var fits = (level === "all" || item.dataset.severity === level) &&
          (!words || own || item.textContent.toLowerCase().indexOf(words) >= 0);
        item.hidden = !fits;
        any = any || fits;
      });
      match = match && (level === "all" || any) && (!words || own || any);
      card.hidden = !match;
      if (match) { count += 1; }
      if (match && (words || level !== "all")) { card.querySelector("details").open = true; }
    });
    shown.textContent = count + " of " + cards.length + " checks shown";
  }

  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      status = button.dataset.filter;
      buttons.forEach(function (b) { b.setAttribute("aria-pressed", String(b === button)); });
      apply();
    });
  });
  severity.addEventListener("change", apply);
  search.addEventListener("input", apply);
  document.getElementById("filters").hidden = false;

  function reveal() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    var box = target && target.querySelector("details");
    if (box) { box.open = true; }
  }
  window.addEventListener("hashchange", reveal);
  reveal();
  window.addEventListener("beforeprint", function () {
    Array.prototype.forEach.call(document.querySelectorAll("details"), function (d) { d.open = true; });
  });
  apply();
}());
