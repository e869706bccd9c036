FROM docker.io/library/python:3.13-slim AS deps
USER 0:0
ENV SOURCE_DATE_EPOCH="315532800" PYTHONHASHSEED="0"
COPY requirements.txt /lambda/requirements.txt
RUN ["python3", "-c", "import compileall, subprocess, sys; sys.exit(subprocess.call([sys.executable, \"-m\", \"pip\", *sys.argv[1:]]) or compileall.compile_dir(\"/lambda/deps\", quiet=2) * 0)", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--no-compile", "--root-user-action=ignore", "--target", "/lambda/deps", "-r", "/lambda/requirements.txt"]
FROM docker.io/library/python:3.13-slim
COPY --chown=0:0 --from=deps /lambda/deps/ /lambda/deps/
COPY --chown=0:0 --from=registry.example.com/runtime@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /ko-app/runtime /lambda/runtime
COPY --chown=0:0 worker/ /lambda/worker/
COPY --chown=0:0 function/ /lambda/function/
ENV LAMBDA_LANGUAGE="python" HANDLER="main.handler"
WORKDIR /lambda/function
USER 65532:65532
ENTRYPOINT ["/lambda/runtime"]
