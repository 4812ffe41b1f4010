"""Solves: output_size, im2col, max_pool2d, local_contrast_norm."""

# %%
def output_size(n, k, s=1, p=0, d=1):
    # Parameter prüfen
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("Ungültige Parameter: k, s, d müssen mindestens 1 sein, p darf nicht negativ sein")
    reichweite = d * (k - 1) + 1
    länge = n + 2 * p
    if reichweite > länge:
        raise ValueError("Das Fenster passt nicht hinein")
    return (länge - reichweite) // s + 1

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    höhe = output_size(x.shape[2], kh, sh, 0, dh)
    breite = output_size(x.shape[3], kw, sw, 0, dw)
    sprung = x.stride()
    return x.as_strided(
        (x.shape[0], x.shape[1], kh, kw, höhe, breite),
        (sprung[0], sprung[1], dh * sprung[2], dw * sprung[3], sh * sprung[2], sw * sprung[3]))

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """Maximum je Fenster; der Index zählt im ungepolsterten Bild."""
    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size if stride is None else stride)
    ph, pw = pair(padding)
    if 2 * ph > kh or 2 * pw > kw:
        raise ValueError("zu viel Rand: höchstens die Hälfte des Fensters ist erlaubt")
    N, C, H, W = x.shape
    rand = F.pad(x, (pw, pw, ph, ph), value=-float("inf"))
    fenster = im2col(rand, (kh, kw), (sh, sw)).permute(0, 1, 4, 5, 2, 3).flatten(4)
    wert, platz = fenster.max(dim=-1)
    zeile = platz // kw + torch.arange(wert.shape[2]).unsqueeze(1) * sh - ph
    spalte = platz % kw + torch.arange(wert.shape[3]) * sw - pw
    return wert, zeile * W + spalte

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0:
        raise ValueError("das Fenster muss ungerade sein")
    if sigma <= 0:
        raise ValueError("sigma muss positiv sein")
    r = window // 2
    t = torch.arange(-r, r + 1).to(x.dtype)
    gauß = torch.exp(-t**2 / (2 * sigma**2))
    zeilen, spalten = gauß.view(1, 1, -1, 1), gauß.view(1, 1, 1, -1)

    def glätten(m):
        return F.conv2d(F.conv2d(m, zeilen, padding=(r, 0)), spalten, padding=(0, r))

    eins = glätten(torch.ones(1, 1, *x.shape[2:], dtype=x.dtype))
    v = x - glätten(x.mean(1, keepdim=True)) / eins
    s = torch.sqrt(glätten((v**2).mean(1, keepdim=True)) / eins)
    grenze = torch.clamp(s.mean(dim=(1, 2, 3), keepdim=True), min=eps)
    return v / torch.maximum(s, grenze)
