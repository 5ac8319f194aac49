"use strict";
// A button copies the text of the element that its data-copy names. Without this script there are no buttons, and
// everything that they copy can be read and selected.
(function () {
  var said = document.getElementById("said");

  function byHand(text) { // where the page may not use the clipboard
    var area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    return done ? Promise.resolve() : Promise.reject();
  }

  function copy(text) {
    if (!navigator.clipboard) return byHand(text);
    return navigator.clipboard.writeText(text).catch(function () { return byHand(text); });
  }

  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var label = button.textContent;
    function say(text, message) {
      button.textContent = text;
      said.textContent = message;
      setTimeout(function () { button.textContent = label; }, 2000);
    }
    button.hidden = false;
    button.addEventListener("click", function () {
      copy(document.getElementById(button.dataset.copy).textContent).then(
        function () { say("Copied", button.getAttribute("aria-label") + ": copied"); },
        function () { say("Not allowed", "The browser did not allow to copy. Select the text instead."); }
      );
    });
  });
})();
