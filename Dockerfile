# syntax=docker/dockerfile:1
# Three stages: everything to build with, the production packages alone, and what runs. test/rehearse-image.mjs goes
# through the same steps in an empty folder where there is no Docker; keep the two alike.

FROM node:24.21-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional packages hold the opa compiler (checked by its SHA-256 before it runs); no install script is needed.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:24.21-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24.21-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/build/policies build/policies
COPY package.json openapi.yaml ./
# Run it with a read-only root (docker run --read-only) and a volume for the audit log.
RUN mkdir /data && chown node:node /data
VOLUME /data
ENV LOCKKEEPER_DATA_DIR=/data
USER node
# The default listener is 127.0.0.1:8080, which nobody outside the container reaches: set LOCKKEEPER_LISTEN=0.0.0.0:8080,
# and LOCKKEEPER_TLS_CERT_FILE and LOCKKEEPER_TLS_KEY_FILE, or LOCKKEEPER_TRUSTED_PROXIES where a proxy ends TLS.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "dist/main.js", "health"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "--max-old-space-size=256", "--wasm-wrapper-tiering-budget=2147483647", "--no-memory-protection-keys", "dist/main.js"]
CMD ["serve"]
