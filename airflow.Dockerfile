# One image for every Airflow role: docker-compose.yml says which one a container plays.
# Build from the root of the repository: docker build -f airflow.Dockerfile .

FROM python:3.11-slim-bookworm AS installer
# The installer itself is pinned by hash, like all that it installs.
COPY .ci/uv.txt /build/
RUN python -m pip install --quiet --root-user-action ignore --no-cache-dir --require-hashes --only-binary :all: -r /build/uv.txt

FROM installer AS locked
# Changes with the lock only: the slow layer.
COPY model_package/requirements-distributed.txt /build/
RUN uv venv --quiet --python /usr/local/bin/python /opt/venv \
 && uv pip install --quiet --system-certs --no-cache --compile-bytecode --python /opt/venv/bin/python \
    --require-hashes -r /build/requirements-distributed.txt

FROM installer AS package
# The build tool (hatchling) comes from the test lock, so that it is pinned too.
COPY model_package/requirements-test.txt /build/
COPY model_package/pyproject.toml /build/model_package/
COPY model_package/model /build/model_package/model
RUN uv build --quiet --system-certs --no-cache --wheel --build-constraints /build/requirements-test.txt --require-hashes \
    --out-dir /wheels /build/model_package

FROM python:3.11-slim-bookworm
# A container may run under any user id (compose passes the owner of the mounted folders) with group 0,
# which therefore may write wherever the user airflow may. USER is set because such an id has no name.
RUN useradd --uid 50000 --gid 0 --no-log-init --create-home --home-dir /home/airflow airflow \
 && chmod 0775 /home/airflow \
 && install --directory --owner=airflow --group=0 --mode=0775 /opt/airflow /opt/airflow/dags /opt/airflow/plugins \
    /opt/airflow/config /opt/airflow/containers /opt/airflow/data /opt/airflow/artifacts /opt/airflow/logs /spool
ENV AIRFLOW_HOME=/opt/airflow \
    HOME=/home/airflow \
    USER=airflow \
    MODEL_DATA_DIR=/opt/airflow/data \
    MODEL_ARTIFACTS_DIR=/opt/airflow/artifacts \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
COPY --from=locked /opt/venv /opt/venv
COPY --from=package /wheels /wheels
RUN pip --python /opt/venv/bin/python install --quiet --root-user-action ignore --no-cache-dir --no-index --no-deps /wheels/*.whl
COPY airflow/containers /opt/airflow/containers
COPY airflow/config /opt/airflow/config
COPY airflow/plugins /opt/airflow/plugins
COPY airflow/dags /opt/airflow/dags
USER 50000:0
WORKDIR /opt/airflow
EXPOSE 8080
CMD ["airflow", "version"]
