# Two stages: packages are installed in the first, the image that runs holds the result and no build tools.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cds_service ./cds_service
COPY cards ./cards
COPY fixtures ./fixtures
# Wheels only: nothing may be compiled here.
RUN python -m venv /opt/cds
RUN /opt/cds/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: .
RUN /opt/cds/bin/pip uninstall --yes --disable-pip-version-check pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="cds-service" \
      org.opencontainers.image.description="CDS Hooks advice for pancreatic cancer with liver metastases" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/cds /opt/cds
COPY LICENSE NOTICE /usr/share/doc/cds-service/
ENV PATH="/opt/cds/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
# Asked from inside, on the loopback address.
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('CDS_PORT', 8080)}/healthz\", timeout=2).close()"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cds-service"]
# Off the loopback address the service starts only with clients in a site file (CDS_SITE), or --insecure, and CDS_UUID_KEY.
CMD ["serve", "--host", "0.0.0.0"]
