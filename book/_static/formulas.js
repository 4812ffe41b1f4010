// A browser may break a line between a formula and the full stop behind it: keep them together.
addEventListener("load", () => {
  window.MathJax?.startup?.promise.then(() => {
    for (const formula of document.querySelectorAll("article span.math")) {
      const behind = formula.nextSibling;
      const mark = behind?.nodeType === Node.TEXT_NODE && behind.data.match(/^[.,;:!?)\]’”]+/)?.[0];
      if (!mark) continue;
      behind.splitText(mark.length);
      const together = document.createElement("span");
      together.style.whiteSpace = "nowrap";
      formula.replaceWith(together);
      together.append(formula, behind);
    }
  });
});
