"""What one submission may use: the limits that an author can set. Fixed ones stand where they are enforced."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What one submission may use, unless ``[limits]`` in its manifest says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    cell_seconds: Annotated[float, Field(gt=0)] = 10.0
    call_seconds: Annotated[float, Field(gt=0)] = 5.0
    # For all cells and calls together. An author's solution of six exercises takes less than half a second.
    submission_seconds: Annotated[float, Field(gt=0)] = 120.0
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    output_kb: Annotated[int, Field(ge=1)] = 1024
    threads: Annotated[int, Field(ge=1)] = 32
    scratch_mb: Annotated[int, Field(ge=1)] = 64  # of files in /tmp, and again in /dev/shm; they count as memory too
