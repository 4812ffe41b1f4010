"""Which number format makes training fast on a device."""

import torch


def fast_precision(device: torch.device) -> torch.dtype | None:
    """Return bfloat16 where the device multiplies it natively, float16 on other GPUs, and None where float32 is best.

    On a CPU bfloat16 pays where it has tile registers (AMX): there a U-Net trains nearly three times as fast.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16", False) else None
