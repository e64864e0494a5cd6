// A receiver's check of a signature, as the reference document describes it. Reads requests as
// lines of JSON from the file that is named, and prints true or false for each.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

function verify(headers, rawBody, signingSecret) {
  const mac = createHmac("sha256", signingSecret);
  mac.update(`${headers["nowistay-webhook-timestamp"]}.${headers["nowistay-webhook-event-id"]}.`);
  mac.update(rawBody);
  const expected = Buffer.from(`v1=${mac.digest("hex")}`);
  const given = Buffer.from(headers["nowistay-webhook-signature"]);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const vector = JSON.parse(line);
  const headers = {
    "nowistay-webhook-timestamp": vector.timestamp,
    "nowistay-webhook-event-id": vector.eventId,
    "nowistay-webhook-signature": vector.signature,
  };
  console.log(verify(headers, Buffer.from(vector.body, "base64"), vector.secret));
}
