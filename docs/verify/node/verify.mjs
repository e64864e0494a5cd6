import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_SECONDS = 300;

// Whether a webhook's request is genuine and fresh.
// secret: the whole text, `whsec_` included. headers: as in `req.headers`, names in lower case.
// body: a Buffer of the raw bytes, before any JSON parser. now: Unix seconds.
export function verify(secret, headers, body, now) {
  const timestamp = headers["nowistay-webhook-timestamp"] ?? "";
  const eventId = headers["nowistay-webhook-event-id"] ?? "";
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  // No id has a dot: with one, bytes of the body could pass for bytes of the id.
  if (eventId === "" || eventId.includes(".")) return false;

  const mac = createHmac("sha256", secret).update(`${timestamp}.${eventId}.`).update(body);
  const expected = Buffer.from(`v1=${mac.digest("hex")}`);
  // While a secret is rotated, the second header is signed with the new one.
  return ["nowistay-webhook-signature", "nowistay-webhook-signature-next"].some((name) => {
    const given = Buffer.from(headers[name] ?? "");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
