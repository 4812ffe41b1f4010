"""Solves: output_size, im2col, conv2d, conv2d_backward."""

# %%
class Geometry:
    """Keeps kernel, stride, padding and dilation together."""

    def __init__(self, kernel, stride=1, padding=0, dilation=1):
        self.kernel = pair(kernel)
        self.stride = pair(stride)
        self.padding = pair(padding)
        self.dilation = pair(dilation)

    def out(self, height, width):
        return (
            output_size(height, self.kernel[0], self.stride[0], self.padding[0], self.dilation[0]),
            output_size(width, self.kernel[1], self.stride[1], self.padding[1], self.dilation[1]),
        )

    def pad(self, x):
        return F.pad(x, (self.padding[1], self.padding[1], self.padding[0], self.padding[0]))

    def unpad(self, x, height, width):
        top, left = self.padding
        return x[:, :, top:top + height, left:left + width]

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or p < 0 or d < 1:
        raise ValueError("Illegal value for k, s, p or d.")
    size = (n + 2 * p - d * (k - 1) - 1) // s + 1
    if size < 1:
        raise ValueError("The window does not fit.")
    return size

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    geo = Geometry(kernel_size, stride, 0, dilation)
    out = geo.out(x.shape[2], x.shape[3])
    n, c, h, w = x.stride()
    size = x.shape[:2] + geo.kernel + out
    jumps = (n, c, h * geo.dilation[0], w * geo.dilation[1], h * geo.stride[0], w * geo.stride[1])
    return x.as_strided(size, jumps)

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("Number of channels of x and w differ.")
    geo = Geometry(w.shape[2:], stride, padding, dilation)
    windows = im2col(geo.pad(x), geo.kernel, geo.stride, geo.dilation)
    result = torch.einsum('ncijyz,ocij->noyz', windows, w)
    if b is not None:
        result = result + b[:, None, None]
    return result

# %%
class ConvBackward:
    def __init__(self, x, w, stride, padding):
        self.x, self.w = x, w
        self.geo = Geometry(w.shape[2:], stride, padding)
        self.out = self.geo.out(x.shape[2], x.shape[3])

    def check(self, g):
        expected = (self.x.shape[0], self.w.shape[0]) + self.out
        if tuple(g.shape) != expected:
            raise ValueError(f"Expected a gradient of shape {expected}.")

    def weight(self, g):
        windows = im2col(self.geo.pad(self.x), self.geo.kernel, self.geo.stride)
        return torch.einsum('ncijyz,noyz->ocij', windows, g)

    def bias(self, g):
        return g.sum((0, 2, 3))

    def image(self, g):
        kh, kw = self.geo.kernel
        sh, sw = self.geo.stride
        xp = self.geo.pad(self.x)
        canvas = g.new_zeros(g.shape[0], g.shape[1], xp.shape[2] + kh - 1, xp.shape[3] + kw - 1)
        canvas[:, :, kh - 1::sh, kw - 1::sw][:, :, :self.out[0], :self.out[1]] = g
        windows = im2col(canvas, (kh, kw))
        full = torch.einsum('noijyz,ocij->ncyz', windows, self.w.flip((2, 3)))
        return self.geo.unpad(full, self.x.shape[2], self.x.shape[3])


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    back = ConvBackward(x, w, stride, padding)
    back.check(grad_out)
    return back.image(grad_out), back.weight(grad_out), back.bias(grad_out)
