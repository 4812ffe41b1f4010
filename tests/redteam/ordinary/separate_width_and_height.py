"""Solves: conv2d, local_contrast_norm."""

# %%
def out_len(length, kernel, stride, pad, dil):
    return (length + 2 * pad - dil * (kernel - 1) - 1) // stride + 1

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    stride_h, stride_w = pair(stride)
    padding_h, padding_w = pair(padding)
    dilation_h, dilation_w = pair(dilation)
    batch, in_channels, height, width = x.shape
    out_channels, w_channels, kernel_h, kernel_w = w.shape
    if in_channels != w_channels:
        raise ValueError(f"The image has {in_channels} channels, but the kernel has {w_channels}.")
    out_h = out_len(height, kernel_h, stride_h, padding_h, dilation_h)
    out_w = out_len(width, kernel_w, stride_w, padding_w, dilation_w)
    if out_h <= 0 or out_w <= 0:
        raise ValueError("The kernel does not fit into the padded image.")

    padded = torch.zeros((batch, in_channels, height + 2 * padding_h, width + 2 * padding_w), dtype=x.dtype)
    padded[:, :, padding_h:padding_h + height, padding_w:padding_w + width] = x

    row_index = stride_h * torch.arange(out_h).reshape(out_h, 1) + dilation_h * torch.arange(kernel_h).reshape(1, kernel_h)
    col_index = stride_w * torch.arange(out_w).reshape(out_w, 1) + dilation_w * torch.arange(kernel_w).reshape(1, kernel_w)
    patches = padded[:, :, row_index.reshape(out_h, 1, kernel_h, 1), col_index.reshape(1, out_w, 1, kernel_w)]
    # patches: batch, in_channels, out_h, out_w, kernel_h, kernel_w
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(batch, out_h * out_w, in_channels * kernel_h * kernel_w)
    result = patches @ w.reshape(out_channels, in_channels * kernel_h * kernel_w).T
    if b is not None:
        result = result + b
    return result.transpose(1, 2).reshape(batch, out_channels, out_h, out_w)

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1:
        raise ValueError("The window must be at least 1.")
    if window % 2 == 0:
        raise ValueError("The window must be odd.")
    if sigma <= 0:
        raise ValueError("Sigma must be positive.")
    radius = (window - 1) // 2
    batch, channels, height, width = x.shape
    distance = torch.arange(-radius, radius + 1, dtype=x.dtype) ** 2
    kernel = torch.exp(-(distance.reshape(-1, 1) + distance.reshape(1, -1)) / (2 * sigma ** 2))
    kernel = kernel.reshape(1, 1, window, window)
    inside = conv2d(torch.ones((1, 1, height, width), dtype=x.dtype), kernel, padding=radius)
    local_mean = conv2d(x.mean(dim=1, keepdim=True), kernel, padding=radius) / inside
    v = x - local_mean
    local_var = conv2d((v ** 2).mean(dim=1, keepdim=True), kernel, padding=radius) / inside
    local_std = local_var.sqrt()
    mean_std = local_std.mean(dim=(1, 2, 3), keepdim=True)
    divisor = torch.maximum(torch.maximum(local_std, mean_std), torch.tensor(eps, dtype=x.dtype))
    return v / divisor
