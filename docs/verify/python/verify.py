import hashlib
import hmac
import re

TOLERANCE_SECONDS = 300


def verify(secret: str, headers, body: bytes, now: int) -> bool:
    """Whether a webhook's request is genuine and fresh.

    secret: the whole text, "whsec_" included. headers: a mapping that ignores case, as Django,
    Flask and Starlette have it, or one with names in lower case. body: the raw bytes, before any
    JSON parser. now: Unix seconds, int(time.time()).
    """
    timestamp = headers.get("nowistay-webhook-timestamp", "")
    event_id = headers.get("nowistay-webhook-event-id", "")
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    # No id has a dot: with one, bytes of the body could pass for bytes of the id.
    if event_id == "" or "." in event_id:
        return False

    content = f"{timestamp}.{event_id}.".encode() + body
    expected = b"v1=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().encode()
    # While a secret is rotated, the second header is signed with the new one.
    return any(
        hmac.compare_digest(expected, headers.get(name, "").encode())
        for name in ("nowistay-webhook-signature", "nowistay-webhook-signature-next")
    )
