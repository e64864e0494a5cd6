// node check.mjs VECTORS.json: runs verify.mjs over the vectors; exit code 1 when a verdict differs.
import { readFileSync } from "node:fs";
import { verify } from "./verify.mjs";

const { vectors } = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const { name, secret, headers, body, now, verdict } of vectors) {
  const got = verify(secret, headers, Buffer.from(body, "base64"), now) ? "accept" : "refuse";
  if (got !== verdict) {
    console.error(`${name}: should ${verdict}, but ${got}`);
    process.exitCode = 1;
  }
}
console.log(`${vectors.length} vectors`);
