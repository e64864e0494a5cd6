"""The check of the library from PyPI. Reads requests as lines of JSON from the file that is named,
and prints true or false for each."""

import base64
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verify(vector):
    try:
        Webhook(vector["secret"]).verify(base64.b64decode(vector["body"]), vector["headers"])
        return True
    except WebhookVerificationError:
        return False


with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        print(str(verify(json.loads(line))).lower())
