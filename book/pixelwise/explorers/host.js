// Runs an anywidget module on a page that has no kernel: the page holds the module's source and the widget's state.
// Classic script, inlined by host.py, because a page opened from disk may not import files.
(() => {
  const here = document.currentScript.closest(".pw-page");

  // What a module asks of anywidget's model, kept in the page: a value that changes is told to whoever listens.
  function keep(state) {
    const listeners = new Map();
    const heard = (name) => listeners.get(name) ?? listeners.set(name, new Set()).get(name);
    return {
      get: (name) => state[name],
      set(name, value) {
        if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
        state[name] = value;
        // A copy: a listener may take itself off while it is told.
        for (const listener of [...heard(`change:${name}`), ...heard("change")]) listener();
      },
      save_changes() {},
      on: (name, listener) => heard(name).add(listener),
      off: (name, listener) => (listener ? heard(name).delete(listener) : listeners.delete(name)),
      send() {},
    };
  }

  async function start() {
    const source = JSON.parse(here.querySelector("script.pw-source").textContent);
    const state = JSON.parse(here.querySelector("script.pw-state").textContent);
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      const { default: exported } = await import(address);
      const widget = typeof exported === "function" ? await exported() : exported;
      const model = keep(state);
      await widget.initialize?.({ model });
      await widget.render({ model, el: here.querySelector(".pw-stage") });
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  start();
})();
