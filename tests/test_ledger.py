"""The ledger: every number recomputed, every verdict following from its numbers, every source there to be read."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
import torch

from pixelwise import ledger, zoo
from pixelwise.ledger import rows
from pixelwise.ledger.segmentation import LATE_STEPS

# isort: split
from torchvision import models  # after pixelwise, which lets it be imported beside a CPU-only torch

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "appendices" / "ledger.md").read_text()
ROWS = list(ledger.ROWS.values())

# Counted by others than the code under test: torchvision's own tables of its weights, or by hand from the papers.
KNOWN = {
    "alexnet-one-tower-parameters": models.AlexNet_Weights.IMAGENET1K_V1.meta["num_params"],
    "vgg16-parameters": models.VGG16_Weights.IMAGENET1K_V1.meta["num_params"],
    "googlenet-torchvision-parameters": models.GoogLeNet_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnet18-parameters": models.ResNet18_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnet34-parameters": models.ResNet34_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnet50-parameters": models.ResNet50_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnet101-parameters": models.ResNet101_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnet152-parameters": models.ResNet152_Weights.IMAGENET1K_V1.meta["num_params"],
    "densenet121-parameters": models.DenseNet121_Weights.IMAGENET1K_V1.meta["num_params"],
    "mobilenet-v2-parameters": models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["num_params"],
    "resnext50-32x4d-parameters": models.ResNeXt50_32X4D_Weights.IMAGENET1K_V1.meta["num_params"],
    "wide-resnet50-2-parameters": models.Wide_ResNet50_2_Weights.IMAGENET1K_V1.meta["num_params"],
    "vit-b-16-parameters": models.ViT_B_16_Weights.IMAGENET1K_V1.meta["num_params"],
    "swin-t-parameters": models.Swin_T_Weights.IMAGENET1K_V1.meta["num_params"],
    "shufflenet-v2-parameters": models.ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1.meta["num_params"],
    "alexnet-parameters": 60_965_224,
    "alexnet-parameters-ungrouped": 62_378_344,
    "alexnet-units": 55 * 55 * 96 + 27 * 27 * 256 + 13 * 13 * (384 + 384 + 256) + 4096 + 4096 + 1000,
    "alexnet-conv1-units": 55 * 55 * 96,
    "googlenet-stem-parameters": (7 * 7 * 3 * 8 + 24 * 64) / 1e3,
    "lenet-connections": 122_304 + 5_880 + 151_600 + 2_000 + 48_120 + 10_164 + 84 * 10,
    "vgg16-activations": 3 * 224**2
    + 224**2 * 64 * 2
    + 112**2 * (64 + 128 * 2)
    + 56**2 * (128 + 256 * 3)
    + 28**2 * (256 + 512 * 3)
    + 14**2 * (512 + 512 * 3)
    + 7**2 * 512
    + 4096
    + 4096
    + 1000,
    "weight-gradient-terms": 28 * 28,
    "transposed-length": 5,
}
KNOWN_GIGA_MACS = {
    "vgg16-macs": models.VGG16_Weights.IMAGENET1K_V1.meta["_ops"],
    "resnet50-macs": models.ResNet50_Weights.IMAGENET1K_V1.meta["_ops"],
    "googlenet-torchvision-macs": models.GoogLeNet_Weights.IMAGENET1K_V1.meta["_ops"],
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_the_verdict_follows_from_the_numbers(row):
    assert row.judged() == row.verdict, f"claimed {row.written('claimed')}, found {row.written('computed')}"


@pytest.mark.parametrize("key", KNOWN)
def test_what_is_computed_is_what_others_counted(key):
    assert ledger.ROWS[key].computed == KNOWN[key]


@pytest.mark.parametrize("key", KNOWN_GIGA_MACS)
def test_multiply_accumulates_are_those_that_torchvision_states(key):
    assert ledger.ROWS[key].computed == pytest.approx(KNOWN_GIGA_MACS[key], abs=0.0006)


def test_numbers_in_reasons_are_computed_too():
    def says(key, number):
        assert number in ledger.ROWS[key].why

    vgg = zoo.MODELS["vgg16"].trace()
    relus = sum(row.activations for row in vgg.rows if row.kind == "ReLU")
    says("vgg16-activations", f"{(3 * 224 * 224 + vgg.activations) / 1e6:.1f} M")
    says("vgg16-activations", f"{(3 * 224 * 224 + vgg.activations + relus) / 1e6:.1f} M")
    says("resnet34-flops", f"{zoo.MODELS['resnet34'].trace().macs / 1e9:.2f} G")
    google = zoo.MODELS["googlenet"].trace()
    says("googlenet-macs", f"{google.macs / 1e9:.2f} G")
    says("googlenet-stem-parameters", f"{7 * 7 * 3 * 64 / 1e3:.1f} K")
    says("googlenet-stem-macs", f"{google.row('stem.conv1').macs / 1e6:.0f} M")
    one_tower, two_towers = (zoo.MODELS[name].trace().parameters for name in ("alexnet", "alexnet_paper"))
    wider = (9 * 384 * 384 + 384 + 9 * 384 * 256 + 256) - (9 * 384 * 256 + 256 + 9 * 256 * 256 + 256)
    says("alexnet-one-tower-excess", f"{100 * ((one_tower + wider) / two_towers - 1):.2f} %")
    with torch.device("meta"):
        weights = sum(weight.numel() for weight in zoo.build("mobilenet_v2").parameters() if weight.ndim > 1)
        whole = sum(weight.numel() for weight in zoo.build("vit_b_16").parameters())
    says("mobilenet-v2-published-parameters", f"{weights / 1e6:.2f} M")
    says("vit-b-16-published-parameters", f"{whole / 1e6:.1f} M")
    says("vit-b-16-published-parameters", f"{(whole - 769 * 1000) / 1e6:.1f} M")
    ratio = ledger.ROWS["resnet34-against-vgg19"]
    stated, against = ledger.ROWS["resnet34-flops"].claimed, round(zoo.MODELS["vgg19"].trace().macs / 1e9, 1)
    assert ratio.claimed == round(stated / against, 2)
    says(ratio.key, f"rounded {stated} and {against} billion {100 * ratio.claimed:.0f} % follow")
    says(ratio.key, f"exact counts {100 * ratio.computed:.0f} %")


def test_the_early_parts_have_sixty_rows_and_every_kind_of_verdict_occurs():
    assert sum(1 <= row.chapter <= 8 for row in ROWS) >= 60
    assert {row.verdict for row in ROWS} == set(ledger.VERDICTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_says_who_claims_it_and_why_it_differs(row):
    assert row.source or row.references
    assert row.claim.endswith(".")
    if row.verdict == "differs":
        assert row.why.endswith(".")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_what_a_row_cites_is_in_the_bibliography_and_on_the_page(row):
    bibliography = set(re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text()))
    assert set(row.references) <= bibliography
    cited = set(re.findall(r"[\w-]+", " ".join(re.findall(r"\{cite:[pt]\}`([^`]*)`", PAGE))))
    assert set(row.references) <= cited


def claims(claimed, computed, rounding=0.0, verdict="holds", **more):
    fields = {"key": "k", "chapter": 1, "claim": "So.", "source": "L0", "claimed": claimed, "verdict": verdict}
    return ledger.Row(**fields, compute=lambda: computed, rounding=rounding, **more)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (claims(7, 7), "holds"),
        (claims(7, 8), "differs"),
        (claims(138e6, 138_357_544, 1e6), "holds to rounding"),
        (claims(138e6, 138_500_001, 1e6), "differs"),
        (claims(137e6, 138_357_544, 1e6), "differs"),
        (claims(138_357_544, 138_357_545), "differs"),
        (claims((5, 3), (5, 3)), "holds"),
        (claims((5, 3), (5, 4)), "differs"),
        (claims((5, 3), (5, 3, 1)), "differs"),
        (claims(((1, 2), (3, 4)), ((1, 2), (3, 5))), "differs"),
        (claims(0.1 + 0.2, 0.3), "holds"),
        (claims(0.3001, 0.3), "differs"),
        (claims("Xavier", "He"), "differs"),
        (claims(24, 27.8, at_least=True), "holds"),
        (claims(24, 23.9, at_least=True), "differs"),
        (claims(7.3, 7.3, is_cited=True), "cited"),
        (claims(6.7, 7.3, is_cited=True), "differs"),
    ],
)
def test_a_verdict_is_judged_by_value_and_rounding(row, verdict):
    assert row.judged() == verdict


@pytest.mark.parametrize(
    "key", ["resnet50-parameters", "vgg16-conv3-1", "ilsvrc2012", "alexnet-sizes", "ncut-relaxation"]
)
def test_a_claim_that_is_off_is_noticed(key):
    row = ledger.ROWS[key]
    worse = tuple(1.1 * part for part in row.claimed) if isinstance(row.claimed, tuple) else row.claimed * 1.1
    assert dataclasses.replace(row, claimed=worse).judged() == "differs"


@pytest.mark.parametrize("which", ["claimed", "computed"])
def test_no_number_is_printed_with_an_exponent(which):
    printed = {key: row.written(which) for key, row in ledger.ROWS.items()}
    # What rounding leaves, far below one, is best printed so.
    assert {key: text for key, text in printed.items() if re.search(r"e\+\d", text)} == {}


def test_a_key_is_taken_once():
    with pytest.raises(ValueError, match="has a row 'vgg16-parameters' already"):
        rows.add(ledger.ROWS["vgg16-parameters"])


def test_a_cited_row_needs_a_paper():
    with pytest.raises(ValueError, match="cites nothing"):
        rows.cited("nothing", 1, chapter=1, claim="So.", source="L0", claimed=1, verdict="cited")


def test_prose_prints_a_number_by_its_key():
    assert ledger.printed("vgg16-parameters") == "138\N{NARROW NO-BREAK SPACE}357\N{NARROW NO-BREAK SPACE}544"
    assert ledger.printed("vgg16-memory", "claimed") == "96\N{NARROW NO-BREAK SPACE}MB"
    assert ledger.printed("resnet34-flops", "claimed") == "3.6\N{NARROW NO-BREAK SPACE}G"
    assert ledger.printed("resnet34-flops") == "3.644\N{NARROW NO-BREAK SPACE}G"
    assert ledger.printed("alexnet-fc6") == "9216"
    with pytest.raises(KeyError, match="no row 'vgg17'"):
        ledger.printed("vgg17")


def test_the_page_shows_every_row_with_its_verdict_and_how_it_was_computed():
    markup = ledger.show()._repr_html_()
    for row in ROWS:
        line = re.search(rf'<tr id="ledger-{re.escape(row.key)}".*?</tr>', markup, flags=re.DOTALL).group()
        assert f"<strong>{row.verdict}</strong>" in line
        assert ("<details>" in line) != row.is_cited
    assert markup.count("<tr id=") == len(ROWS)


def test_the_late_policy_is_that_of_every_assignment():
    manifests = list((ROOT / "solutions").glob("*/assignment.toml"))
    assert manifests
    for path in manifests:
        steps = tomllib.loads(path.read_text())["late"]
        assert tuple((step["within_hours"], step["loses"]) for step in steps) == LATE_STEPS


def test_every_number_that_a_chapter_cites_is_in_the_ledger():
    pages = (page.read_text() for page in (ROOT / "book").rglob("*.md"))
    cited = {key for page in pages for key in re.findall(r"\{ledger\}`([^`:]+)", page)}
    assert cited and cited <= ledger.ROWS.keys()
