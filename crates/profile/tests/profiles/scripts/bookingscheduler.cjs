// A receiver's check of a signature to the recipe of bookingscheduler.txt: the body is parsed, as
// by a JSON middleware, and what is verified is what JSON.stringify makes of it. Reads requests as
// lines of JSON from the file that is named, and prints true or false for each.

const { createHmac, timingSafeEqual } = require("node:crypto");
const { readFileSync } = require("node:fs");

function verify(signature, payload, secret) {
  const expected = Buffer.from(createHmac("sha256", secret).update(JSON.stringify(payload)).digest("hex"));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const vector = JSON.parse(line);
  const payload = JSON.parse(Buffer.from(vector.body, "base64").toString("utf8"));
  console.log(verify(vector.headers["x-bookingscheduler-signature"], payload, vector.secret));
}
