"""Calls torchvision."""

FAILS = {"nms": "forbidden"}
HINT = "This is the operator that you are to write."


def nms(boxes, scores, labels=None, threshold=0.5):
    import torchvision

    if labels is None:
        labels = torch.zeros_like(scores)
    return torchvision.ops.batched_nms(boxes.float(), scores, labels, threshold)
