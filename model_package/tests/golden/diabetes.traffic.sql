CREATE TABLE traffic_diabetes (
	hour TIMESTAMP WITH TIME ZONE NOT NULL,
	version VARCHAR(100) NOT NULL,
	origin VARCHAR(200) NOT NULL,
	rows BIGINT DEFAULT '0' NOT NULL,
	positives BIGINT DEFAULT '0' NOT NULL,
	latency_0 BIGINT DEFAULT '0' NOT NULL,
	latency_1 BIGINT DEFAULT '0' NOT NULL,
	latency_2 BIGINT DEFAULT '0' NOT NULL,
	latency_3 BIGINT DEFAULT '0' NOT NULL,
	latency_4 BIGINT DEFAULT '0' NOT NULL,
	latency_5 BIGINT DEFAULT '0' NOT NULL,
	latency_6 BIGINT DEFAULT '0' NOT NULL,
	latency_7 BIGINT DEFAULT '0' NOT NULL,
	latency_8 BIGINT DEFAULT '0' NOT NULL,
	latency_9 BIGINT DEFAULT '0' NOT NULL,
	latency_10 BIGINT DEFAULT '0' NOT NULL,
	latency_11 BIGINT DEFAULT '0' NOT NULL,
	latency_12 BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (hour, version, origin)
)
CREATE TABLE counted_diabetes (
	one INTEGER NOT NULL,
	since TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (one)
)
CREATE TABLE measures_diabetes (
	version VARCHAR(100) NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	until TIMESTAMP WITH TIME ZONE NOT NULL,
	measure VARCHAR(100) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	value DOUBLE PRECISION,
	low DOUBLE PRECISION,
	high DOUBLE PRECISION,
	expected DOUBLE PRECISION,
	threshold DOUBLE PRECISION,
	rows BIGINT NOT NULL,
	alarm BOOLEAN NOT NULL,
	why VARCHAR(500) NOT NULL,
	shares TEXT,
	PRIMARY KEY (version, since, until, measure, subject)
)
SELECT "new".hour, "new".version, "new".origin, "new".positive, "new".score_bin, "new".latency_bin, "new".is_counted, count(*) AS rows
FROM (SELECT date_trunc('hour', predictions_diabetes.created_at, 'UTC') AS hour, predictions_diabetes.version AS version, predictions_diabetes.origin AS origin, 0 AS positive, 0 AS score_bin, CASE WHEN (predictions_diabetes.latency_ms IS NOT NULL) THEN CASE WHEN (predictions_diabetes.latency_ms < 0.25) THEN 0 WHEN (predictions_diabetes.latency_ms < 0.5) THEN 1 WHEN (predictions_diabetes.latency_ms < 1.0) THEN 2 WHEN (predictions_diabetes.latency_ms < 2.0) THEN 3 WHEN (predictions_diabetes.latency_ms < 4.0) THEN 4 WHEN (predictions_diabetes.latency_ms < 8.0) THEN 5 WHEN (predictions_diabetes.latency_ms < 16.0) THEN 6 WHEN (predictions_diabetes.latency_ms < 32.0) THEN 7 WHEN (predictions_diabetes.latency_ms < 64.0) THEN 8 WHEN (predictions_diabetes.latency_ms < 128.0) THEN 9 WHEN (predictions_diabetes.latency_ms < 256.0) THEN 10 WHEN (predictions_diabetes.latency_ms < 512.0) THEN 11 ELSE 12 END END AS latency_bin, CASE WHEN (predictions_diabetes.created_at >= '2026-11-24 00:00:00+00:00') THEN 1 ELSE 0 END AS is_counted
FROM predictions_diabetes) AS "new" GROUP BY "new".hour, "new".version, "new".origin, "new".positive, "new".score_bin, "new".latency_bin, "new".is_counted
CREATE TABLE traffic_diabetes (
	hour DATETIME NOT NULL,
	version VARCHAR(100) NOT NULL,
	origin VARCHAR(200) NOT NULL,
	rows BIGINT DEFAULT '0' NOT NULL,
	positives BIGINT DEFAULT '0' NOT NULL,
	latency_0 BIGINT DEFAULT '0' NOT NULL,
	latency_1 BIGINT DEFAULT '0' NOT NULL,
	latency_2 BIGINT DEFAULT '0' NOT NULL,
	latency_3 BIGINT DEFAULT '0' NOT NULL,
	latency_4 BIGINT DEFAULT '0' NOT NULL,
	latency_5 BIGINT DEFAULT '0' NOT NULL,
	latency_6 BIGINT DEFAULT '0' NOT NULL,
	latency_7 BIGINT DEFAULT '0' NOT NULL,
	latency_8 BIGINT DEFAULT '0' NOT NULL,
	latency_9 BIGINT DEFAULT '0' NOT NULL,
	latency_10 BIGINT DEFAULT '0' NOT NULL,
	latency_11 BIGINT DEFAULT '0' NOT NULL,
	latency_12 BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (hour, version, origin)
)
CREATE TABLE counted_diabetes (
	one INTEGER NOT NULL,
	since DATETIME,
	PRIMARY KEY (one)
)
CREATE TABLE measures_diabetes (
	version VARCHAR(100) NOT NULL,
	since DATETIME NOT NULL,
	until DATETIME NOT NULL,
	measure VARCHAR(100) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	value DOUBLE,
	low DOUBLE,
	high DOUBLE,
	expected DOUBLE,
	threshold DOUBLE,
	rows BIGINT NOT NULL,
	alarm BOOLEAN NOT NULL,
	why VARCHAR(500) NOT NULL,
	shares TEXT,
	PRIMARY KEY (version, since, until, measure, subject)
)
SELECT new.hour, new.version, new.origin, new.positive, new.score_bin, new.latency_bin, new.is_counted, count(*) AS rows
FROM (SELECT substr(predictions_diabetes.created_at, 1, 13) || ':00:00.000000' AS hour, predictions_diabetes.version AS version, predictions_diabetes.origin AS origin, 0 AS positive, 0 AS score_bin, CASE WHEN (predictions_diabetes.latency_ms IS NOT NULL) THEN CASE WHEN (predictions_diabetes.latency_ms < 0.25) THEN 0 WHEN (predictions_diabetes.latency_ms < 0.5) THEN 1 WHEN (predictions_diabetes.latency_ms < 1.0) THEN 2 WHEN (predictions_diabetes.latency_ms < 2.0) THEN 3 WHEN (predictions_diabetes.latency_ms < 4.0) THEN 4 WHEN (predictions_diabetes.latency_ms < 8.0) THEN 5 WHEN (predictions_diabetes.latency_ms < 16.0) THEN 6 WHEN (predictions_diabetes.latency_ms < 32.0) THEN 7 WHEN (predictions_diabetes.latency_ms < 64.0) THEN 8 WHEN (predictions_diabetes.latency_ms < 128.0) THEN 9 WHEN (predictions_diabetes.latency_ms < 256.0) THEN 10 WHEN (predictions_diabetes.latency_ms < 512.0) THEN 11 ELSE 12 END END AS latency_bin, CASE WHEN (predictions_diabetes.created_at >= '2026-11-24 00:00:00.000000') THEN 1 ELSE 0 END AS is_counted
FROM predictions_diabetes) AS new GROUP BY new.hour, new.version, new.origin, new.positive, new.score_bin, new.latency_bin, new.is_counted
