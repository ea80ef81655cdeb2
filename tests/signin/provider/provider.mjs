// A strict OpenID provider (panva's oidc-provider, certified) for the tests, started with one line
// of JSON on standard input: {"issuer", "port", "clients", "accounts", "coop"}.
//
// POST /__control {"twist": …} makes it break the next ID tokens on purpose:
//   {"claims": {"aud": "other", "nonce": null}}  other claims, signed with its good key
//   {"without": true}  none
//   {"alg": "none"} | {"alg": "HS256", "secret": …} | {"key": "other"}

import { createServer } from "node:http";
import { createInterface } from "node:readline";

import * as jose from "jose";
import Provider from "oidc-provider";

const line = await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
const { issuer, port, clients, accounts, coop, formPost = true } = JSON.parse(line);
const prefix = new URL(issuer).pathname.replace(/\/$/, "");

const good = await jose.generateKeyPair("RS256", { extractable: true });
const other = await jose.generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await jose.exportJWK(good.privateKey)), kid: "good", use: "sig", alg: "RS256" };
let twist = null;

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [jwk] },
  cookies: { keys: ["not a secret"] },
  pkce: { required: () => true },
  responseModes: formPost ? ["query", "fragment", "form_post"] : ["query"],
  conformIdTokenClaims: false,
  claims: {
    openid: ["sub", "oid", "tid", "roles", "groups", "_claim_names"],
    profile: ["name", "preferred_username"],
    email: ["email", "email_verified"],
  },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
  interactions: { url: (ctx, interaction) => `${prefix}/interaction/${interaction.uid}` },
  findAccount: (ctx, id) =>
    accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  loadExistingGrant: async (ctx) => {
    const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (known) return ctx.oidc.provider.Grant.find(known);
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});
provider.proxy = true;

const form = (uid) => `<!doctype html><html lang="en"><title>Provider</title>
<h1>The provider's sign-in</h1>
<form method="post" action="${prefix}/interaction/${uid}">
<label>Name <input name="login" id="login" autofocus></label>
<button id="go">Sign in</button><button id="cancel" name="cancel" value="1">Cancel</button></form>`;

async function interaction(req, res, uid) {
  if (req.method === "GET") {
    await provider.interactionDetails(req, res);
    res.setHeader("content-type", "text/html; charset=utf-8");
    res.end(form(uid));
    return;
  }
  const fields = new URLSearchParams(await read(req));
  const result = fields.get("cancel")
    ? { error: "access_denied", error_description: "End-User aborted interaction" }
    : { login: { accountId: fields.get("login") } };
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
}

async function twisted(token) {
  const claims = { ...jose.decodeJwt(token), ...(twist.claims ?? {}) };
  for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
  if (twist.alg === "none") return new jose.UnsecuredJWT(claims).encode();
  if (twist.alg === "HS256") {
    const secret = new TextEncoder().encode(twist.secret);
    return new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(secret);
  }
  const key = twist.key === "other" ? other.privateKey : good.privateKey;
  return new jose.SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: twist.kid ?? "good" }).sign(key);
}

provider.use(async (ctx, next) => {
  await next();
  if (coop) ctx.set("Cross-Origin-Opener-Policy", "same-origin");
  if (twist && ctx.oidc?.route === "token" && ctx.body?.id_token) {
    if (twist.without) delete ctx.body.id_token;
    else ctx.body.id_token = await twisted(ctx.body.id_token);
  }
});

async function read(req) {
  let body = "";
  for await (const chunk of req) body += chunk;
  return body;
}

const handle = provider.callback();
const server = createServer(async (req, res) => {
  try {
    if (req.url === "/__control") {
      twist = JSON.parse(await read(req)).twist ?? null;
      res.end("{}");
      return;
    }
    if (coop) res.setHeader("Cross-Origin-Opener-Policy", "same-origin");
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
