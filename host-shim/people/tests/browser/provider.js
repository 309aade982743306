// An OpenID provider (npm `oidc-provider`) for the tests, with clients of each kind.
// A line of standard input: {"clients": [...]}. It prints {"issuer": "..."}, and ends with its input.

import { generateKeyPairSync } from "node:crypto";
import http from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const { value: first } = await lines[Symbol.asyncIterator]().next();
const settings = JSON.parse(first);
process.stdin.on("end", () => process.exit(0)).resume();

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const key = (type, options, more) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  ...more,
  use: "sig",
});
const jwks = {
  keys: [
    key("rsa", { modulusLength: 2048 }, { kid: "rsa" }),
    key("ec", { namedCurve: "P-256" }, { kid: "p256" }),
    key("ed25519", {}, { kid: "ed25519" }),
  ],
};

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks,
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256"] },
  cookies: { keys: ["of a test"] },
  claims: { email: ["email", "email_verified"], profile: ["preferred_username", "groups"] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600 },
  async findAccount(_, id) {
    return {
      accountId: id,
      async claims() {
        const verified = id !== "mallory";
        return {
          sub: id,
          email: `${id}@example.org`,
          email_verified: verified,
          preferred_username: id,
          groups: ["dev", "ops"],
        };
      },
    };
  },
});
server.on("request", provider.callback());
console.log(JSON.stringify({ issuer }));
