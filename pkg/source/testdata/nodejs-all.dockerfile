FROM docker.io/library/node:22 AS deps
USER 0:0
ENV NPM_CONFIG_REGISTRY="https://npm.example.com/a\$b"
WORKDIR /lambda
COPY package.json package-lock.json .npmrc /lambda/
RUN ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--cache=/tmp/npm"]
FROM docker.io/library/node:22-slim
COPY --chown=0:0 --from=deps /lambda/node_modules/ /lambda/node_modules/
COPY --chown=0:0 --from=registry.example.com/runtime@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /ko-app/runtime /lambda/runtime
COPY --chown=0:0 worker/ /lambda/worker/
COPY --chown=0:0 function/ /lambda/function/
ENV LAMBDA_LANGUAGE="nodejs" HANDLER="index.handler" NODE_ENV="production"
WORKDIR /lambda/function
USER 65532:65532
ENTRYPOINT ["/lambda/runtime"]
