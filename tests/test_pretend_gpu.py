"""The library's and the pages' code runs where its tensors are on another device than the processor's.

What a GPU alone can tell needs one; what it would refuse is found here without (`tests/pretend_gpu.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.test_notebooks import WITH_CELLS

SECONDS = 3000  # of one page: some train networks, and each operator passes through Python


def on_device(source: str) -> str:
    """What the last line of a program on the pretended device prints, or the error that ended it."""
    start = "import torch, pixelwise\nfrom tests import pretend_gpu\ndevice = pretend_gpu.register()\n"
    done = subprocess.run(
        [sys.executable, "-c", start + source], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )
    return (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


MISTAKES = {
    "a + torch.ones(3)": "same device",
    "a @ torch.ones(3, 2)": "same device",
    "torch.cat([a, torch.ones(1, 3)])": "same device",
    "torch.where(torch.ones(2, 3) > 0, a, a)": "same device",
    "a[torch.ones(2, 3) > 0] * torch.ones(6)": "same device",
    "a.index_put_((torch.tensor([0]),), torch.ones(1, 3))": "same device",
    "torch.ones(2, 3)[a.long()]": "same device",
    "torch.nn.functional.conv2d(a[None, None], torch.ones(1, 1, 1, 1))": "same device",
    "torch.nn.Linear(3, 1)(a)": "same device",
    "torch.nn.Linear(3, 1).to(device)(torch.ones(2, 3))": "same device",
    "torch.randn(3, device=device, generator=torch.Generator())": "generator",
    "torch.randperm(3, device=device, generator=torch.Generator())": "generator",
    "a.numpy()": "numpy",
    "__import__('numpy').asarray(a)": "numpy",
}
RIGHT = {
    "f'{a.mean():.1f}'": "1.0",
    "torch.arange(-2.0, 3, device=device).tolist()": "[-2.0, -1.0, 0.0, 1.0, 2.0]",
    "torch.linspace(0, 1, 3, device=device).tolist()": "[0.0, 0.5, 1.0]",
    "torch.eye(2, device=device).tolist()": "[[1.0, 0.0], [0.0, 1.0]]",
    "sorted(torch.randperm(3, device=device).tolist())": "[0, 1, 2]",
    "(a + 1).tolist()": "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]",
    "(a * torch.tensor(2.0)).sum().item()": "12.0",
    "a[torch.tensor([0, 1]), 1:].cpu().numpy().shape": "(2, 2)",
    "a.to(device).device.type, a.cpu().device.type": "('pretend', 'cpu')",
    "a.cpu().copy_(a).device.type": "cpu",
    "torch.tensor([1, 2], device=device).device.type": "pretend",
    "torch.as_tensor(a.cpu().numpy(), device=device).sum().item()": "6.0",
    "(lambda m: m(torch.ones(1, 2, device=device)).device.type)(torch.nn.Linear(2, 2).to(device))": "pretend",
    "__import__('copy').deepcopy(torch.nn.Linear(2, 2).to(device)).weight.device.type": "pretend",
    "[setattr(w, 'data', a[:1] * 2) or w.sum().item() for w in [torch.nn.Linear(3, 1).to(device).weight]]": "[6.0]",
    "torch.rand(9, generator=torch.Generator().manual_seed(1)).to(device).numel()": "9",
}


def test_the_device_refuses_what_a_gpu_refuses_and_nothing_else():
    """The tool itself: each line is tried, and what it says or gives is what a GPU would."""
    source = "import json\ndef outcome(line):\n    a = torch.ones(2, 3, device=device)\n"
    source += (
        "    try: return str(eval(line, globals() | {'a': a}))\n    except Exception as error: return f'{error!r}'\n"
    )
    found = json.loads(on_device(f"{source}print(json.dumps([outcome(line) for line in {[*MISTAKES, *RIGHT]!r}]))"))
    for line, said in zip(MISTAKES, found, strict=False):
        assert MISTAKES[line] in said and "Error" in said, line
    assert dict(zip(RIGHT, found[len(MISTAKES) :], strict=True)) == RIGHT


def test_a_training_gives_there_what_it_gives_on_the_processor():
    source = """
def trained(device):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
                              torch.nn.Dropout(0.0), torch.nn.Linear(4 * 36, 5))
    x, y = torch.randn(8, 3, 8, 8), torch.randint(5, (8,))
    net, x, y = net.to(device), x.to(device), y.to(device)
    steps = torch.optim.AdamW(net.parameters(), 0.01)
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        steps.zero_grad(); loss.backward(); steps.step()
    return loss.item()
print(trained("cpu") == trained(device))
"""
    assert on_device(source) == "True"


def test_a_page_with_a_tensor_of_the_processor_is_named(tmp_path):
    page = tmp_path / "page.md"
    cells = ["import torch, pixelwise\nx = torch.ones(3, device=pixelwise.device())", "x + torch.ones(3)"]
    page.write_text("".join(f"```{{code-cell}} python3\n{cell}\n```\n\n" for cell in cells), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.pretend_gpu", str(page)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1 and "same device" in done.stdout and "x + torch.ones(3)" in done.stdout


@pytest.mark.proof
@pytest.mark.parametrize("page", WITH_CELLS)
def test_every_cell_of_a_page_runs_there(page):
    command = [sys.executable, "-m", "tests.pretend_gpu", f"{page}.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-3000:]
