// A browser ignores `download` on a link from one file on disk to another, and would show the notebook as text. A script
// it may load, so each notebook is also one, which gives the compressed file in base64; made a blob, it can be saved.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a.pw-notebook");
  if (!link || location.protocol !== "file:" || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const script = document.createElement("script");
  const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }));
  script.src = link.dataset.packed;
  document.head.append(script);
  try {
    await loaded;
    const packed = Uint8Array.from(atob(window.pixelwisePacked), (letter) => letter.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const address = URL.createObjectURL(await new Response(unpacked).blob());
    const saving = document.createElement("a");
    Object.assign(saving, { href: address, download: decodeURIComponent(link.pathname.split("/").pop()) });
    saving.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch {
    location.assign(link.href);
  } finally {
    script.remove();
  }
});
