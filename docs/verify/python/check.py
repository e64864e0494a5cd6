"""python3 check.py VECTORS.json: runs verify.py over the vectors; exit code 1 when a verdict differs."""

import base64
import json
import sys

sys.dont_write_bytecode = True

from verify import verify

with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)["vectors"]
differ = False
for vector in vectors:
    body = base64.b64decode(vector["body"])
    good = verify(vector["secret"], vector["headers"], body, vector["now"])
    got = "accept" if good else "refuse"
    if got != vector["verdict"]:
        print(f"{vector['name']}: should {vector['verdict']}, but {got}", file=sys.stderr)
        differ = True
print(f"{len(vectors)} vectors")
sys.exit(1 if differ else 0)
