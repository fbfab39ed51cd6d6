# The prediction service: no Airflow, no pandas, no scikit-learn. Its dashboard is the same program in a container of its own,
# which alone loads the database's libraries.
# Build from the root of the repository: docker build -f service.Dockerfile .

FROM python:3.11-slim-bookworm AS installer
COPY .ci/uv.txt /build/
RUN python -m pip install --quiet --root-user-action ignore --no-cache-dir --require-hashes --only-binary :all: -r /build/uv.txt

FROM installer AS locked
COPY app/requirements-dashboard.txt /build/
RUN uv venv --quiet --python /usr/local/bin/python /opt/venv \
 && uv pip install --quiet --system-certs --no-cache --compile-bytecode --python /opt/venv/bin/python \
    --require-hashes -r /build/requirements-dashboard.txt

FROM installer AS package
COPY model_package/requirements-test.txt /build/
COPY model_package/pyproject.toml /build/model_package/
COPY model_package/model /build/model_package/model
RUN uv build --quiet --system-certs --no-cache --wheel --build-constraints /build/requirements-test.txt --require-hashes \
    --out-dir /wheels /build/model_package

FROM python:3.11-slim-bookworm
RUN useradd --uid 50000 --gid 0 --no-log-init --no-create-home --home-dir /nonexistent service \
 && install --directory --owner=service --group=0 --mode=0775 /run/service /spool
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv \
    SERVICE_HOST=0.0.0.0 \
    SERVICE_PORT=8000 \
    SERVICE_SPOOL_DIR=/spool \
    ORT_DISABLE_TELEMETRY=1
COPY --from=locked /opt/venv /opt/venv
COPY --from=package /wheels /wheels
RUN pip --python /opt/venv/bin/python install --quiet --root-user-action ignore --no-cache-dir --no-index --no-deps /wheels/*.whl
COPY app/app /srv/app
# Its bytecode, like that of all it imports: the container's own file system is read-only, so that it could keep none.
RUN python -m compileall -q /srv/app
USER 50000:0
WORKDIR /srv
EXPOSE 8000
# As in docker-compose.yml, but for the port: what a `docker run` or a cluster wants.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["python", "-m", "app"]
