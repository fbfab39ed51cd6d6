#!/usr/bin/env bash
# Runs to its end before the other Airflow containers start; every step may be run any number of times.
# Starts as root, for the owner of the mounted folders only, and goes on as the user of the other containers.
set -euo pipefail

case ${PUBLISH_ADDRESS:?} in
  127.* | ::1 | localhost) ;;
  *)
    if [ "${AIRFLOW_PASSWORD:?}" = airflow ]; then
      echo "init: PUBLISH_ADDRESS=$PUBLISH_ADDRESS opens the UI to others and the password is the well-known one:" \
        "set AIRFLOW_PASSWORD in .env" >&2
      exit 1
    fi
    ;;
esac

if [ "$(id -u)" = 0 ]; then
  if [ "${AIRFLOW_UID:?}" = 0 ]; then
    echo "init: AIRFLOW_UID=0 would run Airflow as root: set another id in .env" >&2
    exit 1
  fi
  mkdir -p data/raw data/batch data/truth
  find data artifacts logs ! -user "$AIRFLOW_UID" -exec chown "$AIRFLOW_UID:0" {} +
  exec setpriv --reuid "$AIRFLOW_UID" --regid 0 --clear-groups "$0"
fi

python containers/databases.py
airflow db migrate
airflow users create --username "${AIRFLOW_USER:?}" --password "$AIRFLOW_PASSWORD" --role Admin \
  --firstname Airflow --lastname Admin --email "$AIRFLOW_USER@localhost"
if [ -z "$(find data/raw data/batch -type f ! -name '.*' -print -quit)" ]; then
  python -m model example
fi
echo "init: done"
