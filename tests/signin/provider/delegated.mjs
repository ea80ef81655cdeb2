// A strict OpenID provider (panva's oidc-provider, certified) in Entra's place for the delegated
// access of an integration account: consent, refresh tokens that are good once, tokens for one
// resource. Started with one line of JSON on standard input: {"issuer", "port", "clients",
// "accounts", "jwk", "cert", "key", "resource", "claims"}. It signs with the key that the simulated
// Dynamics trusts.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const line = await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
const { issuer, port, clients, accounts, jwk, cert, key, resource, claims } = JSON.parse(line);
const prefix = new URL(issuer).pathname.replace(/\/$/, "");
const permission = `${resource}/.default`;

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [jwk] },
  cookies: { keys: ["not a secret"] },
  pkce: { required: () => true },
  responseModes: ["query", "fragment", "form_post"],
  conformIdTokenClaims: false,
  scopes: ["openid", "profile", "offline_access"],
  claims: { openid: ["sub", "oid", "tid"], profile: ["name", "preferred_username"] },
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600, AuthorizationCode: 60, RefreshToken: 86400 },
  extraTokenClaims: (ctx, token) => ({ ...claims, ...accounts[token.accountId], idtyp: "user" }),
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: permission,
        audience: resource,
        accessTokenTTL: 3600,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  interactions: { url: (ctx, interaction) => `${prefix}/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
});
provider.proxy = true;

const form = (uid, prompt) => `<!doctype html><html lang="en"><title>Provider</title><h1>${prompt}</h1>
<form method="post" action="${prefix}/interaction/${uid}"><input name="login"></form>`;

async function consented(details) {
  const { params, session, grantId } = details;
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid profile offline_access");
  grant.addResourceScope(resource, permission);
  return { consent: { grantId: await grant.save() } };
}

async function interaction(req, res, uid) {
  const details = await provider.interactionDetails(req, res);
  if (req.method === "GET") {
    res.setHeader("content-type", "text/html; charset=utf-8");
    res.end(form(uid, details.prompt.name));
    return;
  }
  const fields = new URLSearchParams(await read(req));
  let result = { login: { accountId: fields.get("login") } };
  if (fields.get("cancel")) result = { error: "access_denied", error_description: "declined" };
  else if (details.prompt.name === "consent") result = await consented(details);
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
}

async function read(req) {
  let body = "";
  for await (const chunk of req) body += chunk;
  return body;
}

const handle = provider.callback();
const files = { cert: readFileSync(cert), key: readFileSync(key) };
const server = createServer(files, async (req, res) => {
  try {
    const found = req.url.match(/\/interaction\/([\w-]+)$/);
    if (found) return void (await interaction(req, res, found[1]));
    req.originalUrl = req.url;
    req.url = req.url.startsWith(prefix) ? req.url.slice(prefix.length) || "/" : req.url;
    handle(req, res);
  } catch (error) {
    res.statusCode = 500;
    res.end(String(error));
  }
});
server.listen(port, "127.0.0.1", () => console.log("listening"));
