"""Measure the receptive fields that the receptive-field explorer shows: of the zoo, or of the networks named.

python -m pixelwise.explorers [name …]
"""

import json
import sys

from pixelwise import zoo
from pixelwise.explorers.measured import FILE, maps, measure
from pixelwise.files import write_whole

chosen = sys.argv[1:] or list(zoo.MODELS)
known = json.loads(FILE.read_text()) if sys.argv[1:] and FILE.exists() else {}
for name in chosen:
    # A network whose units see no more than their own patch, or everything, has nothing to show.
    if any(row.receptive_field.size[0] > row.receptive_field.jump[0] for row in maps(zoo.MODELS[name])):
        known[name] = measure(name)
        print(name, {row: (found["half"], found["most"]) for row, found in known[name].items()}, flush=True)
        lines = (f"{json.dumps(one)}: {json.dumps(known[one])}" for one in zoo.MODELS if one in known)
        write_whole(FILE, "{\n" + ",\n".join(lines) + "\n}\n")
