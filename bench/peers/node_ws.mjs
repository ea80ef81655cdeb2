// Serve one websocket per agent with node's `ws`: node node_ws.mjs PORT PING_SECONDS
import { createServer } from "node:http";
import { createRequire } from "node:module";

// The package is installed beside what the bench builds, not beside this file.
const require = createRequire(`${process.env.BENCH_NODE}/package.json`);
const { WebSocketServer } = require("ws");

const feeds = new Map();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString();
    if (request.url === "/all") {
      for (const mine of feeds.values()) for (const socket of mine) socket.send(text);
    } else {
      for (const socket of feeds.get(request.url.split("/").pop()) ?? []) socket.send(text);
    }
    response.writeHead(202, { "content-length": 0 }).end();
  });
});

server.on("upgrade", (request, raw, head) => {
  sockets.handleUpgrade(request, raw, head, (socket) => {
    const agent = request.url.split("/").pop();
    if (!feeds.has(agent)) feeds.set(agent, new Set());
    feeds.get(agent).add(socket);
    socket.on("close", () => feeds.get(agent).delete(socket));
  });
});

setInterval(() => {
  for (const mine of feeds.values()) for (const socket of mine) socket.ping();
}, Number(process.argv[3]) * 1000);

server.keepAliveTimeout = 75_000;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
