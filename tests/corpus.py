#!/usr/bin/env python3
"""corpus.py SHARED H5RANGE - scores the command over the shared corpus, and fails when it is worse than tests/corpus_floor.json.

Files whose data need a codec or a kind of storage that is not built yet are in the score like all others: the floor only rises.
"""
import json
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
shared, tool = sys.argv[1:3]
with open(os.path.join(here, "corpus_floor.json")) as f:
    floor = json.load(f)
with tempfile.NamedTemporaryFile(suffix=".json") as out:
    p = subprocess.run([sys.executable, os.path.join(shared, "corpus", "check.py"), "--quiet", "--json", out.name,
                        "--tool", tool + " dump --canonical {file}"], stdout=subprocess.PIPE, text=True)
    total = json.load(open(out.name))["total"]
print(p.stdout[-4000:])
worse = [k for k in floor if (total[k] > floor[k] if k in ("crash", "hang") else total[k] < floor[k])]
for k in worse:
    print("%s: %d, the floor is %d" % (k, total[k], floor[k]))
if total["damaged"] != total["clean"]:
    worse.append("clean")
sys.exit(1 if worse else 0)
