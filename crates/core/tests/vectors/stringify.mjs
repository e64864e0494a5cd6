// Reads lines of two base64 texts: JSON as a producer may write it, and the stable form that we
// made of it. JavaScript must make the same of the first and leave the second as it is.

import { readFileSync } from "node:fs";

const decode = (text) => Buffer.from(text, "base64").toString("utf8");
const rewrite = (text) => JSON.stringify(JSON.parse(text));

let count = 0;
for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const [given, written] = line.split(" ").map(decode);
  if (rewrite(given) !== written || rewrite(written) !== written) {
    throw new Error(`${given}\n  is ${rewrite(given)}\n  not ${written}\n  which becomes ${rewrite(written)}`);
  }
  count += 1;
}
console.log(`${count} bodies`);
