// The check of the library from npm. Reads requests as lines of JSON from the file that is named,
// and prints true or false for each.

const { readFileSync } = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function verify(vector) {
  try {
    new Webhook(vector.secret).verify(Buffer.from(vector.body, "base64").toString("utf8"), vector.headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  console.log(verify(JSON.parse(line)));
}
