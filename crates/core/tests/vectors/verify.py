"""A receiver's check of a signature, as the reference document describes it.

Reads requests as lines of JSON from the file that is named, and prints true or false for each.
"""

import base64
import hashlib
import hmac
import json
import sys


def verify(headers, raw_body, signing_secret):
    timestamp = headers["Nowistay-Webhook-Timestamp"]
    event_id = headers["Nowistay-Webhook-Event-Id"]
    mac = hmac.new(signing_secret.encode("utf-8"), digestmod=hashlib.sha256)
    mac.update(f"{timestamp}.{event_id}.".encode("utf-8"))
    mac.update(raw_body)
    return hmac.compare_digest("v1=" + mac.hexdigest(), headers["Nowistay-Webhook-Signature"])


with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        vector = json.loads(line)
        headers = {
            "Nowistay-Webhook-Timestamp": vector["timestamp"],
            "Nowistay-Webhook-Event-Id": vector["eventId"],
            "Nowistay-Webhook-Signature": vector["signature"],
        }
        good = verify(headers, base64.b64decode(vector["body"]), vector["secret"])
        print("true" if good else "false")
