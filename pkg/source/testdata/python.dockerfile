FROM docker.io/library/python:3.13-slim
COPY --chown=0:0 --from=registry.example.com/runtime@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /ko-app/runtime /lambda/runtime
COPY --chown=0:0 worker/ /lambda/worker/
COPY --chown=0:0 function/ /lambda/function/
ENV LAMBDA_LANGUAGE="python" HANDLER="main.handler"
WORKDIR /lambda/function
USER 65532:65532
ENTRYPOINT ["/lambda/runtime"]
