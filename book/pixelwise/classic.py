"""What segmentation before convnets needs and scikit-image, scikit-learn, SciPy and OpenCV do not have in this form.

    labels, energy = grid_cut(unary, *contrast_weights(image, strength=2))     # two labels, by a maximum flow
    values, vectors = relaxed_cuts(affinity(image, 5, 0.1, 4.0), count=4)      # normalised cut, relaxed
    responses = maximum_responses(grey)                                        # what textons are made of

Images are NumPy arrays (H, W) or (H, W, C), as those libraries have them, with values from 0 to 1. The pixels of a
graph are numbered row by row.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, linalg, signal, sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import eigsh

from pixelwise.data import VOID

Array = NDArray[np.float64]

# --- regions and classes ----------------------------------------------------------------------------------------------


def best_match(regions: ArrayLike, truth: ArrayLike, ignore: int = VOID) -> NDArray[np.int64]:
    """Give each region the class that most of its pixels truly have: two label maps (…) of one shape to one (…), int64.

    No other naming of the regions has a higher pixel accuracy. Since it reads the truth, its scores bound from above
    what any classifier of whole regions could reach in pixel accuracy; they are no result of a method that has to find
    the names itself. Regions are numbered from 0, over all images together if there are several; between equally
    frequent classes the lower number wins. Pixels whose truth is `ignore` do not vote, and a region without a vote
    gets class 0.

    Raises `ValueError` unless both have one shape and hold integers from 0.
    """
    regions, truth = np.asarray(regions), np.asarray(truth)
    if regions.shape != truth.shape:
        raise ValueError(f"The regions have the shape {regions.shape} and the truth {truth.shape}: give both one.")
    for name, labels in (("regions", regions), ("truth", truth)):
        if labels.dtype.kind not in "iub" or (labels.size and labels.min() < 0):
            raise ValueError(f"The {name} should be integers from 0.")
    if not regions.size:
        return np.zeros(regions.shape, np.int64)
    votes = truth != ignore
    classes = int(truth[votes].max(initial=0)) + 1
    pairs = regions[votes].astype(np.int64) * classes + truth[votes]
    counts = np.bincount(pairs, minlength=(int(regions.max()) + 1) * classes)
    return counts.reshape(-1, classes).argmax(1)[regions]


# --- a Markov random field with two labels on the grid of pixels ------------------------------------------------------


def contrast_weights(image: ArrayLike, strength: float, beta: float | None = None) -> tuple[Array, Array]:
    """Return what it costs to separate neighbours, less where colours differ: (H, W − 1) and (H − 1, W).

    The first are pairs side by side, the second one above the other: strength · exp(−beta · |I_i − I_j|²). Without
    `beta` it is 1 / (2 · the mean of |I_i − I_j|² over all such pairs), and 0 for an image of one colour.

    Raises `ValueError` for an image that is not (H, W) or (H, W, C), and for a negative strength or beta.

    Source: Boykov and Jolly 2001 for the form; Rother et al. 2004 for beta (who have diagonal neighbours too).
    """
    colours = _colours(image)
    if strength < 0 or (beta is not None and beta < 0):
        raise ValueError(f"Strength and beta cannot be negative, as {strength} and {beta}.")
    steps = [np.square(np.diff(colours, axis=axis)).sum(2) for axis in (1, 0)]
    if beta is None:
        every = np.concatenate([step.ravel() for step in steps])
        beta = 1 / (2 * every.mean()) if every.any() else 0.0
    across, down = (strength * np.exp(-beta * step) for step in steps)
    return across, down


def grid_energy(labels: ArrayLike, unary: ArrayLike, across: ArrayLike, down: ArrayLike) -> float:
    """Return the energy of labels 0 and 1, (H, W): their unary costs, and the weights of neighbours that differ.

    E(x) = Σ_i unary[x_i, i] + Σ_{i,j neighbours} w_ij · [x_i ≠ x_j], with `unary` (2, H, W), `across` (H, W − 1) for
    pairs side by side and `down` (H − 1, W).

    Raises `ValueError` for shapes that do not fit.

    Source: Greig et al. 1989.
    """
    unary, across, down = _grid(unary, across, down)
    x = np.asarray(labels).astype(bool)
    if x.shape != unary.shape[1:]:
        raise ValueError(f"The labels have the shape {x.shape} and the unary costs {unary.shape}.")
    pairs = across[x[:, 1:] != x[:, :-1]].sum() + down[x[1:] != x[:-1]].sum()
    return float(np.where(x, unary[1], unary[0]).sum() + pairs)


def grid_cut(unary: ArrayLike, across: ArrayLike, down: ArrayLike) -> tuple[NDArray[np.int64], float]:
    """Return labels (H, W) of the least `grid_energy`, and that energy as the maximum flow gives it.

    The source stands for label 1 and the sink for 0. A pixel pays its cost of 0 if it is cut from the source, its cost
    of 1 if it is cut from the sink, and the cheapest cut is as large as the largest flow. Of several best labellings it
    returns the one with the fewest ones. An infinite cost forbids a label (a seed).

    SciPy's flow takes whole numbers, so costs are first multiplied by a factor, to about 2³⁰ for all together, and
    rounded. The labels are best for the rounded costs; their energy is above the least one by at most the number of
    edges divided by the factor.

    Raises `ValueError` for shapes that do not fit, for a negative weight, NaN, and a pixel with both labels forbidden.

    Source: Greig et al. 1989; Ford and Fulkerson 1956 for flow and cut.
    """
    unary, across, down = _grid(unary, across, down)
    height, width = unary.shape[1:]
    if np.isnan(unary).any() or not all((np.isfinite(w) & (w >= 0)).all() for w in (across, down)):
        raise ValueError("Unary costs should be numbers, and weights finite and not negative.")
    if not np.isfinite(unary).any(0).all():
        raise ValueError("A pixel has both labels forbidden.")
    # More than all the neighbours of a pixel together: nothing is gained by breaking a seed.
    attached = np.zeros((height, width))
    for part, w in ((np.s_[:, 1:], across), (np.s_[:, :-1], across), (np.s_[1:], down), (np.s_[:-1], down)):
        attached[part] += w
    least = unary.min(0)
    terminal = np.where(np.isfinite(unary), unary - least, 2 * attached + 1)

    n = height * width
    number = np.arange(n).reshape(height, width)
    source, sink = n, n + 1
    pairs = np.concatenate([across.ravel(), down.ravel()])
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    factor = 2.0**30 / max(terminal.sum(), pairs.max(initial=0), 1e-300)
    rows = np.concatenate([np.full(n, source), number.ravel(), first, second])
    columns = np.concatenate([number.ravel(), np.full(n, sink), second, first])
    sizes = np.concatenate([terminal.ravel(), pairs, pairs])
    capacity = np.rint(sizes * factor).astype(np.int32)
    graph = sparse.csr_array((capacity, (rows, columns)), shape=(n + 2, n + 2))

    flow = csgraph.maximum_flow(graph, source, sink)
    left = graph - flow.flow  # what could still flow
    left.eliminate_zeros()
    reached = csgraph.breadth_first_order(left, source, return_predecessors=False)
    side = np.zeros(n + 2, np.int64)
    side[reached] = 1
    return side[:n].reshape(height, width), float(least.sum() + flow.flow_value / factor)


# --- normalised cut ---------------------------------------------------------------------------------------------------


def affinity(image: ArrayLike, radius: float, colour: float, position: float) -> sparse.csr_array:
    """Return how much each two pixels of an image belong together: sparse, (HW, HW), symmetric, zeros on its diagonal.

    w_ij = exp(−|I_i − I_j|² / colour² − |p_i − p_j|² / position²) for pixels nearer than `radius`, otherwise 0. The
    colour's scale is in the units of the image, the position's and the radius in pixels.

    Raises `ValueError` for an image that is not (H, W) or (H, W, C), and unless all three are above 0.

    Source: Shi and Malik 2000, section 3 (with their brightness replaced by colours).
    """
    colours = _colours(image)
    if min(radius, colour, position) <= 0:
        raise ValueError(f"Radius and scales have to be above 0, not {radius}, {colour} and {position}.")
    height, width = colours.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    reach = math.ceil(radius) - 1
    rows, columns, values = [], [], []
    for down in range(reach + 1):
        for right in range(-reach, reach + 1):
            away = down**2 + right**2
            if (down == 0 and right <= 0) or away >= radius**2 or down >= height or abs(right) >= width:
                continue
            here = np.s_[: height - down, max(0, -right) : width - max(0, right)]
            there = np.s_[down:, max(0, right) : width + min(0, right)]
            apart = np.square(colours[here] - colours[there]).sum(2)
            rows.append(number[here].ravel())
            columns.append(number[there].ravel())
            values.append(np.exp(-apart / colour**2 - away / position**2).ravel())
    if not rows:
        return sparse.csr_array((height * width, height * width))
    ends = np.concatenate(rows), np.concatenate(columns)
    half = sparse.csr_array((np.concatenate(values), ends), shape=(height * width, height * width))
    return (half + half.T).tocsr()


def ncut(weights: ArrayLike | sparse.sparray, parts: ArrayLike) -> float:
    """Return the normalised cut of a partition: Σ_k cut(A_k, V − A_k) / vol(A_k), 0 to the number of parts.

    `weights` is (n, n), symmetric, dense or sparse; `parts` (n) holds a number for each node, any that differ between
    parts. With two parts it is Ncut(A, B) = cut(A, B) · (1/vol A + 1/vol B).

    Raises `ValueError` for shapes that do not fit, fewer than two parts, and a part without any edge.

    Source: Shi and Malik 2000, equation 2; for more parts their section 5.
    """
    weights = _symmetric(weights)
    _, parts = np.unique(np.asarray(parts), return_inverse=True)
    if parts.shape != weights.shape[:1] or parts.max(initial=0) < 1:
        raise ValueError("There should be one number for each node, and at least two parts.")
    count = int(parts.max()) + 1
    degree = weights.sum(1)
    member = sparse.csr_array((np.ones(len(parts)), (np.arange(len(parts)), parts)), shape=(len(parts), count))
    volume = member.T @ degree
    if not (volume > 0).all():
        raise ValueError("A part without any edge has no volume, and so no normalised cut.")
    # The edges that leave a part, added up by themselves: the difference of two large sums would lose a small cut.
    edges = weights.tocoo()
    leaving = parts[edges.row] != parts[edges.col]
    cut = np.bincount(parts[edges.row[leaving]], edges.data[leaving], minlength=count)
    return float((cut / volume).sum())


def relaxed_cuts(weights: ArrayLike | sparse.sparray, count: int = 2) -> tuple[Array, Array]:
    """Return the `count` smallest λ of (D − W) y = λ D y, ascending, and their y: (count) and (n, count).

    D holds the degrees d_i = Σ_j w_ij. λ lies between 0 and 2, the first is 0 with a constant y, and the second bounds
    the normalised cut of every split into two parts from below. The y are scaled so that Σ_i d_i y_i² = 1 and their
    entry of the largest size is positive.

    Raises `ValueError` unless `weights` is (n, n), symmetric and not negative, every degree is above 0 and `count` is
    from 1 to n.

    Source: Shi and Malik 2000, equations 6 to 11.
    """
    weights = _symmetric(weights)
    n = weights.shape[0]
    degree = weights.sum(1)
    if (weights.data < 0).any() or not (degree > 0).all() or not 1 <= count <= n:
        raise ValueError("Weights cannot be negative, each node needs an edge, and `count` lies between 1 and n.")
    root = 1 / np.sqrt(degree)
    similar = sparse.diags_array(root) @ weights @ sparse.diags_array(root)
    if n <= 600 or count >= n - 1:
        found, vectors = linalg.eigh(similar.toarray())
        found, vectors = found[::-1][:count], vectors[:, ::-1][:, :count]
    else:
        # Largest of D^-½ W D^-½ are the smallest of 1 minus it. A fixed start gives the same vectors each time.
        shifted = sparse.eye_array(n, format="csc") * (1 + 1e-6) - similar.tocsc()
        start = np.random.default_rng(0).random(n)
        inverse, vectors = eigsh(shifted, count, sigma=0, which="LM", v0=start)
        found = 1 + 1e-6 - inverse
        order = np.argsort(-found)
        found, vectors = found[order], vectors[:, order]
    y = vectors * root[:, None]
    y *= np.sign(np.take_along_axis(y, np.abs(y).argmax(0)[None], 0))
    return np.clip(1 - found, 0, 2), y


# --- textons ----------------------------------------------------------------------------------------------------------


def maximum_response_bank(scales: tuple[float, ...] = (1, 2, 4), orientations: int = 6) -> Array:
    """Return the filters of the MR bank: (2 · scales · orientations + 2, size, size); MR8 has 38 of 49×49.

    First, for each scale σ, the edges: first derivatives, across, of a Gaussian with deviations σ across and 3σ along,
    in all orientations; then the bars, second derivatives, likewise; last a Gaussian and a Laplacian of a Gaussian,
    both of deviation 2.5 times the largest scale. All but the Gaussian have mean 0, and the sizes of each filter's
    values sum to 1.

    Raises `ValueError` unless scales and orientations are above 0.

    Source: Varma and Zisserman 2005, section 2. Their window has 49 pixels; here it grows with the largest scale.
    """
    if not scales or min(scales) <= 0 or orientations < 1:
        raise ValueError(f"Scales and orientations have to be above 0, not {scales} and {orientations}.")
    half = round(6 * max(scales))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angles = np.pi * np.arange(orientations) / orientations
    bank = []
    for order in (1, 2):
        for sigma in scales:
            for angle in angles:
                across = (x * np.cos(angle) + y * np.sin(angle)) / sigma
                along = (y * np.cos(angle) - x * np.sin(angle)) / (3 * sigma)
                shape = -across if order == 1 else across**2 - 1
                bank.append(_unit(shape * np.exp(-(across**2 + along**2) / 2)))
    spread = (x**2 + y**2) / (2 * (2.5 * max(scales)) ** 2)
    gaussian = np.exp(-spread)
    return np.stack([*bank, gaussian / gaussian.sum(), _unit((spread - 1) * np.exp(-spread))])


def maximum_responses(image: ArrayLike, scales: tuple[float, ...] = (1, 2, 4), orientations: int = 6) -> Array:
    """Return the responses of an image (H, W) to the MR bank, of which each pixel is described: (2 · scales + 2, H, W).

    Of the orientations of an edge or a bar the response of the largest size is kept, so turning the image changes
    little. Then each pixel's vector r is scaled to r · log(1 + |r| / 0.03) / |r|. The image is mirrored at its border.

    Raises `ValueError` for an image that is not (H, W).

    Source: Varma and Zisserman 2005, sections 2 and 3.
    """
    image = np.asarray(image, dtype=float)
    if image.ndim != 2 or not image.size:
        raise ValueError(f"A grey image (H, W) is needed, not one of the shape {image.shape}.")
    bank = maximum_response_bank(scales, orientations)
    half = bank.shape[-1] // 2
    padded = np.pad(image, half, mode="symmetric")
    with fft.set_workers(1):
        every = signal.fftconvolve(padded[None], bank, mode="valid", axes=(1, 2))
    oriented = np.abs(every[:-2]).reshape(2 * len(scales), orientations, *image.shape).max(1)
    responses = np.concatenate([oriented, every[-2:]])
    length = np.linalg.norm(responses, axis=0)
    return responses * np.log1p(length / 0.03) / np.maximum(length, 1e-12)


def histograms(words: ArrayLike, regions: ArrayLike, count: int) -> Array:
    """Return how often each of `count` words occurs in each region, as shares: (R, count), rows with a sum of 1.

    `words` and `regions` have one shape, (…), and hold numbers from 0; R is the largest region plus one, and a region
    without pixels has zeros.

    Raises `ValueError` for different shapes, and for a word outside of 0 … `count` − 1.

    Source: Leung and Malik 2001 (histograms of textons).
    """
    words, regions = np.asarray(words), np.asarray(regions)
    if words.shape != regions.shape:
        raise ValueError(f"The words have the shape {words.shape} and the regions {regions.shape}: give both one.")
    if words.size and not 0 <= words.min() <= words.max() < count:
        raise ValueError(f"Words should be numbers from 0 to {count - 1}.")
    total = int(regions.max(initial=-1)) + 1
    pairs = regions.ravel().astype(np.int64) * count + words.ravel()
    counts = np.bincount(pairs, minlength=total * count).reshape(total, count)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _colours(image: ArrayLike) -> Array:
    """The image as (H, W, C), float64."""
    image = np.asarray(image, dtype=float)
    if image.ndim not in (2, 3) or not image.size:
        raise ValueError(f"An image has the shape (H, W) or (H, W, C), not {image.shape}.")
    return image if image.ndim == 3 else image[..., None]


def _grid(unary: ArrayLike, across: ArrayLike, down: ArrayLike) -> tuple[Array, Array, Array]:
    unary, across, down = (np.asarray(each, dtype=float) for each in (unary, across, down))
    height, width = unary.shape[1:] if unary.ndim == 3 else (0, 0)
    fits = across.shape == (height, width - 1) and down.shape == (height - 1, width)
    if unary.ndim != 3 or len(unary) != 2 or not fits:
        raise ValueError(
            f"Unary costs (2, H, W) need weights (H, W − 1) and (H − 1, W); they are {unary.shape}, {across.shape} "
            f"and {down.shape}."
        )
    return unary, across, down


def _symmetric(weights: ArrayLike | sparse.sparray) -> sparse.csr_array:
    weights = sparse.csr_array(weights, dtype=float)
    if weights.shape[0] != weights.shape[1] or not weights.shape[0]:
        raise ValueError(f"The weights of a graph are a square matrix, not {weights.shape}.")
    difference = abs(weights - weights.T)
    if difference.nnz and difference.max() > 1e-12 * abs(weights).max():
        raise ValueError("The weights of a graph should be symmetric.")
    return weights


def _unit(kernel: Array) -> Array:
    kernel = kernel - kernel.mean()
    return kernel / np.abs(kernel).sum()
