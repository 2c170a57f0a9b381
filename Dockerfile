# syntax=docker/dockerfile:1
# One image for every command: `worker` by default. No PyTorch unless EXTRAS asks for it:
#   docker build --build-arg EXTRAS=detoxify,train .
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=""
WORKDIR /src
# The versions of every dependency come from constraints.txt; sources change more often, so they come after.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY moderation ./moderation
COPY seeds ./seeds
RUN python -m venv /opt/moderation \
 && /opt/moderation/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}" \
 && /opt/moderation/bin/python -m compileall -q /opt/moderation

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="moderation" \
      org.opencontainers.image.description="Reader comments from Kafka, scored for toxicity and violent incitement, filed for moderators in Redis" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 moderation \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin moderation
COPY --from=build /opt/moderation /opt/moderation
# Nothing is written but below /tmp, so the root file system may be read-only.
ENV PATH=/opt/moderation/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MODERATION_METRICS_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 9108 8080
# A batch in flight is finished and acknowledged before the worker leaves, at the latest after 15 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9108/livez', timeout=4)"]
ENTRYPOINT ["moderation"]
CMD ["worker"]
