document.querySelectorAll(".flick").forEach(function (f) {
  var a = f.querySelector(".show-a"), b = f.querySelector(".show-b");
  var button = f.querySelector("button"), timer = 0;
  function swap() { if (b.checked) { a.checked = true; } else { b.checked = true; } }
  function stop() { clearInterval(timer); timer = 0; button.setAttribute("aria-pressed", "false"); }
  button.hidden = false;
  button.addEventListener("click", function () {
    if (timer) { stop(); return; }
    timer = setInterval(swap, 700);
    button.setAttribute("aria-pressed", "true");
  });
  f.querySelector(".stack").addEventListener("click", function () { stop(); swap(); });
  f.querySelectorAll("input").forEach(function (r) { r.addEventListener("change", stop); });
});
