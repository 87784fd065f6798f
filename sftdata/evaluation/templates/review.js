(function () {
  "use strict";
  var sections = Array.prototype.slice.call(document.querySelectorAll("section[data-item]"));
  var left = document.getElementById("left");

  function answers(section) {
    var row = { item: section.dataset.item };
    Array.prototype.forEach.call(section.querySelectorAll("input"), function (input) {
      var column = input.dataset.column;
      if (!(column in row)) { row[column] = ""; }
      if (input.type === "text" || input.checked) { row[column] = input.value; }
    });
    return row;
  }

  function count() {
    var open = sections.filter(function (section) {
      var row = answers(section);
      return Object.keys(row).some(function (name) { return name !== "note" && row[name] === ""; });
    }).length;
    left.textContent = open ? open + " items are not finished" : "All items are finished";
  }

  function cell(text) {
    if (/^[=+\-@\t\r]/.test(text)) { text = "'" + text; }
    return '"' + text.replace(/"/g, '""') + '"';
  }

  document.getElementById("save").addEventListener("click", function () {
    var rows = sections.map(answers);
    var names = Object.keys(rows[0]);
    var lines = [names].concat(rows.map(function (row) { return names.map(function (n) { return row[n]; }); }));
    var text = "\ufeff" + lines.map(function (line) { return line.map(cell).join(","); }).join("\r\n") + "\r\n";
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = document.title.replace("Review: ", "") + ".csv";
    link.click();
  });
  document.addEventListener("change", count);
  count();
}());
